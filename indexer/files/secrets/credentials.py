"""Passwords without a name: in URLs, in arguments of commands and calls, in SQL.

Each form is an expression of RE2 whose group is the value, and says how much the value has to look like a password.
"""

import re
from collections.abc import Iterator
from functools import partial

from indexer.files.secrets import values
from indexer.files.secrets.linear import compiled

_Q = r"\\?[\"'`]"
_LINE = r"[^\n;|]*?"
# scheme://user:password@host, scheme://token@host
_URL = r"://([^\s/:@'\"<>{}`?#]*):([^\s/'\"<>`]+)@[\w.\[$-]"
_URL_TOKEN = r"://([\w.~%+-]{16,})@[\w.-]"  # noqa: S105
_WORD = r"([^\s'\"`]{4,})"
_DATABASES = "mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mongo|mongosh|mongodump"
_WITH_P = (  # commands, and their option for a password
    rf"sshpass[ \t]+-p|redis-cli\b{_LINE}[ \t]-a|ldap\w+\b{_LINE}[ \t]-w"
    rf"|(?:ipmitool|sqlcmd|bcp|zip|unzip)\b{_LINE}[ \t]-P|(?:login|docker|podman|helm|oc|az|7z\w?)\b{_LINE}[ \t]-p"
    rf"|htpasswd\b{_LINE}[ \t]-\w*b\w*[ \t]+\S+[ \t]+\S+"
)
_STDIN = r"chpasswd|--stdin|--password-stdin|sudo[ \t]+-S|--passphrase-fd"
_SQL = (
    r"identified[ \t]+(?:with[ \t]+\S+[ \t]+)?(?:by|as)|(?:encrypted[ \t]+)?password"
    r"|ConvertTo-SecureString(?:[ \t]+-String)?"
)
_NAMED = r"[\w.-]*(?i:auth|token|secret|pass|key|pwd)[\w.-]*"
_FORMS = (
    rf"[ \t](?:-u|-a|--user|--proxy-user|-U|--userpwd|--creds)[ =]?{_Q}?[^\s:'\"$/%]+[:%]{_WORD}",
    rf"\b(?:{_DATABASES})\b{_LINE}[ \t]-p[ \t]?{_Q}?{_WORD}",
    rf"\b(?:{_WITH_P})[ \t]*{_Q}?{_WORD}",
    rf"(?:echo|printf)[ \t]+(?:-n[ \t]+)?{_Q}?(?:[\w.-]+:)?([^\s'\"`|]{{4,}}){_Q}?[ \t]*\|"
    rf"[^\n|]*?(?:{_STDIN})",
    rf"[ \t]-u[ \t]*\S+[ \t]+-p[ \t]*{_Q}?{_WORD}",
    r"(?:\bsqlplus[ \t]+(?:-\w+[ \t]+){0,3}|jdbc:oracle:\w{1,10}:)\w+/([^\s@\"'`]{4,})@",
    r"(?:\b(?i:secret|password)|\bkey)[ \t]+[0-9][ \t]+(\S{4,})",  # of network devices
    r"(?m:^[ \t]*\[?[\w.-]+\]?:\d{2,5}[ \t]+[^\s:]+:(\S{4,})[ \t]*$)",  # sasl_passwd
    r"(?m:^[ \t]*\S+[ \t]+\*[ \t]+\"([^\"\n]{4,})\")",  # chap-secrets
    r"define\([ \t]*\w*(?i:secret|token|key|passw)\w*[ \t]*,[ \t]*\"([^\"\n]{4,})\"",
    rf"(?:net user|rabbitmqctl (?:add_user|change_password)|createuser)[ \t]+\S+[ \t]+{_Q}?([^\s'\"`/]{{4,}})",
    r"(?m:(?:^|[ \t])login[ \t]+\S+[ \t]+password[ \t]+(\S{4,}))",  # netrc
    rf"(?i:{_SQL})[ \t(]+{_Q}([^'\"`\n]{{4,}}){_Q}",
    r"[\"'`]\w+:([^\s:@'\"`]{4,})@(?:tcp|udp|unix)\(",  # of Go's drivers
    rf"(?m:(?:config[ \t]+set|fastcgi_param|uwsgi_param|env|ENV|SetEnv|setenv|set[ \t]+-\w{{1,3}}|setx)[ \t]+{_NAMED}"
    rf"[ \t]+{_Q}?([^\s\"'`]{{6,}}){_Q}?[ \t]*;?\r?$)",
    r"(?i:auth|token|secret|pass|key|pwd)[\w.-]*[ \t]+"
    rf"--(?:body|value)[ =]{_Q}?{_WORD}",
    rf"--{_NAMED}{_Q}?,?[ \t]*\r?\n[ \t]*-?[ \t]*{_Q}?{_WORD}",  # a list of arguments
    rf",[ \t]*{_NAMED}[ \t]*:?=[ \t]*{_Q}[^\n\"'`]*{_Q}[ \t]*,[ \t]*{_Q}{_WORD}{_Q}",
    rf"\blogin=[\w.-]+:{_WORD}",
    r"net[ \t]+use\b[^\n]*/user:\S+[ \t]+([^\s/*\"]{4,})",
    r"chpasswd:[ \t]*\n(?:[ \t]+(?:expire|list|users):[^\n]*\n){0,3}[ \t]*-?[ \t]*[\w.-]+:(\S{4,})",
    r"(?m:^[ \t]*rootpw[ \t]+(?:--\w+[ \t]+){0,3}(\S{4,}))",
    rf"(?i:type)={_Q}?(?i:password){_Q}?[^<>\n]*?[ \t](?i:value)={_Q}([^\"'<>\n]{{4,}}){_Q}",
    rf"(?i:<input)[^<>\n]*?[ \t](?i:value)={_Q}([^\"'<>\n]{{4,}}){_Q}"
    rf"[^<>\n]*?(?i:type)={_Q}?(?i:password)",
    r"(?i:assword)[^\n]{0,12}\n?[^\n\w]*send(?:line)?[^\n\w]{1,12}?\"?([^\"\s\\]{4,})",  # of expect
)
_PHRASE = (
    rf"(?i:mnemonic|(?:seed|recovery|secret)[ _-]?(?:phrase|words)){_Q}?[ \t]*(?::|=|:=|is)[ \t]*{_Q}?"
    r"((?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})"
)
# Calls whose last text is a password: auth=("user", "password"), getConnection(url, "user", "password").
_CALLED = (
    "auth|authenticate|authentication|credentials?|login|getconnection|connect|signin|mysqli|pdo|account|client"
    "|wifi\\.begin|sign|verify|encode|decode|createhmac|createcipheriv|hmac"
)
# An account, then the secret that belongs to it: Client("AC12...", "34...").
_PAIR = (
    rf"{_Q}(?:AC[0-9a-f]{{32}}|A[KS]IA[A-Z0-9]{{16}}|[A-Z0-9]{{10}}|\d{{10,20}}){_Q}[ \t]*,[ \t]*"
    rf"{_Q}([0-9A-Za-z+/=_-]{{20,}}){_Q}"
)
# The only argument of a client: Session("..."), Client.new "...".
_ONLY = (
    r"(?:Fernet|[TH]OTP|unsafePlainText|Client|A[Pp][Ii]|Session|Bot|S[Dd][Kk])"
    r"(?:(?:\.|::)new)?[( ][ \t]*"
    rf"b?{_Q}([\w+/=.:-]{{20,}}){_Q}"
)
# A pair in a note: admin / X.
_NOTE = r"(?m:\b(?i:admin|root|user(?:name)?|login|guest)(?:[ \t]+/[ \t]+|:)[`*]{0,2}([^\s@]{6,}?)[`*]{0,2}[ \t]*\r?$)"
# A text that is the value of a header, whatever it is assigned to.
_SCHEME = rf"{_Q}(?i:bearer|basic|token|apikey|bot|ssws|splunk|geniekey)[ \t]+([\w.~+/=-]{{16,}}){_Q}"
_CALL = (
    rf"(?i:\b(?:auth|httpauth)[ \t]*=[ \t]*[\[(]|(?:{_CALLED})\w*(?:(?:\.|::)\w{{1,10}})?\()[^\n()\"'`]*"
    rf"(?:{_Q}[^\n\"'`]*{_Q}[ \t]*,[ \t]*|[\w.]+[ \t]*,[ \t]*){{1,4}}"
    rf"{_Q}([^\s\"'`,()]{{6,}}){_Q}[ \t]*(?:\.\w{{1,20}}\(\)[ \t]*)?[,)\]]"
)
_RANDOM = (_CALL, _PAIR, _ONLY, _NOTE, _SCHEME)  # values that have to look random
_ALL = (*_FORMS, *_RANDOM, _PHRASE)
_DOCUMENTED = re.compile(
    r"(?:user(?:name)?|admin|root|guest|pass(?:word)?|postgres|test|name|login|me|secret|token|pw|pwd|u|p)",
    re.IGNORECASE,
)


def _in_arguments(form: str, data: bytes) -> Iterator[tuple[int, int]]:
    for start, end in _groups(form, data):
        value = _text(data, start, end)
        if form == _PHRASE:
            words = value.split()
            is_secret = len(set(words)) > len(words) / 2 and "abandon" not in words
        elif form in _RANDOM:
            is_secret = values.is_chosen(value) and not values.is_harmless(value)
        else:
            is_secret = values.is_password(value, quoted=False) and not values.is_harmless(value)
        if is_secret:
            yield start, end


def _in_urls(data: bytes) -> Iterator[tuple[int, int]]:
    for match in compiled(_URL).finditer(data):
        user, value = (_text(data, *match.span(group)) for group in (1, 2))
        if (
            value != user
            and not _DOCUMENTED.fullmatch(value)
            and not values.is_harmless(value)
            and values.is_url_password(value)
        ):
            yield match.span(2)
        elif values.is_random(user, 20) and not values.is_harmless(user):
            yield match.span(1)
    for start, end in _groups(_URL_TOKEN, data):
        value = _text(data, start, end)
        if not values.is_harmless(value) and values.is_random(value, 16):
            yield start, end


def _groups(pattern: str, data: bytes) -> Iterator[tuple[int, int]]:
    for match in compiled(pattern).finditer(data):
        for group in range(1, len(match.groups()) + 1):
            if match.group(group) is not None:
                yield match.span(group)


def _text(data: bytes, start: int, end: int) -> str:
    return data[start : min(end, start + 1000)].decode("latin-1")


# What a text has if it has such a password, and the search for it.
DETECTORS = ((r"://[^\s/]*@", _in_urls), *((form, partial(_in_arguments, form)) for form in _ALL))
