"""Passwords without a name: in URLs, in arguments of commands and calls, in SQL.

Each form is an expression of RE2 whose group is the value, and says how much the value has to look like a password.
"""

import re
from collections.abc import Iterator

from indexer.files.secrets import values
from indexer.files.secrets.linear import compiled

_Q = r"\\?[\"'`]"
_LINE = r"[^\n;|]{0,200}?"
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
    r"identified[ \t]+(?:with[ \t]+\S{1,40}[ \t]+)?(?:by|as)|(?:encrypted[ \t]+)?password"
    r"|ConvertTo-SecureString(?:[ \t]+-String)?"
)
_FORMS = (
    rf"[ \t](?:-u|-a|--user|--proxy-user|-U|--userpwd|--creds)[ =]?{_Q}?[^\s:'\"$/%]{{1,64}}[:%]{_WORD}",
    rf"\b(?:{_DATABASES})\b{_LINE}[ \t]-p[ \t]?{_Q}?{_WORD}",
    rf"\b(?:{_WITH_P})[ \t]*{_Q}?{_WORD}",
    rf"(?:echo|printf)[ \t]+(?:-n[ \t]+)?{_Q}?(?:[\w.-]{{1,40}}:)?([^\s'\"`|]{{4,}}){_Q}?[ \t]*\|"
    rf"[^\n|]{{0,100}}?(?:{_STDIN})",
    rf"[ \t]-u[ \t]*\S{{1,60}}[ \t]+-p[ \t]*{_Q}?{_WORD}",
    r"(?:\bsqlplus[ \t]+(?:-\w+[ \t]+){0,3}|jdbc:oracle:\w{1,10}:)\w{1,40}/([^\s@\"'`]{4,})@",
    r"(?:\b(?i:secret|password)|\bkey)[ \t]+[0-9][ \t]+(\S{4,})",  # of network devices
    r"(?m:^[ \t]*\[?[\w.-]{1,100}\]?:\d{2,5}[ \t]+[^\s:]{1,60}:(\S{4,})[ \t]*$)",  # sasl_passwd
    r"(?m:^[ \t]*\S{1,60}[ \t]+\*[ \t]+\"([^\"\n]{4,100})\")",  # chap-secrets
    r"define\([ \t]*\w{0,30}(?i:secret|token|key|passw)\w{0,30}[ \t]*,[ \t]*\"([^\"\n]{4,200})\"",
    rf"(?:net user|rabbitmqctl (?:add_user|change_password)|createuser)[ \t]+\S{{1,60}}[ \t]+{_Q}?([^\s'\"`/]{{4,}})",
    r"(?m:(?:^|[ \t])login[ \t]+\S{1,100}[ \t]+password[ \t]+(\S{4,}))",  # netrc
    rf"(?i:{_SQL})[ \t(]+{_Q}([^'\"`\n]{{4,200}}){_Q}",
)
_PHRASE = (
    rf"(?i:mnemonic|(?:seed|recovery|secret)[ _-]?(?:phrase|words)){_Q}?[ \t]*(?::|=|:=|is)[ \t]*{_Q}?"
    r"((?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8})"
)
# Calls whose last text is a password: auth=("user", "password"), getConnection(url, "user", "password").
_CALLED = "auth|authenticate|authentication|credentials?|login|getconnection|connect|signin|mysqli|pdo|account"
_CALL = (
    rf"(?i:\b(?:auth|httpauth)[ \t]*=[ \t]*[\[(]|(?:{_CALLED})\w{{0,20}}\()[^\n()\"'`]{{0,60}}"
    rf"(?:{_Q}[^\n\"'`]{{0,100}}{_Q}[ \t]*,[ \t]*|[\w.]{{1,40}}[ \t]*,[ \t]*){{1,4}}"
    rf"{_Q}([^\s\"'`,()]{{6,200}}){_Q}[ \t]*(?:\.\w{{1,20}}\(\)[ \t]*)?[,)\]]"
)
_ANY = "|".join(f"(?:{form})" for form in (*_FORMS, _CALL, _PHRASE))
_DOCUMENTED = re.compile(
    r"(?:user(?:name)?|admin|root|guest|pass(?:word)?|postgres|test|name|login|me|secret|token|pw|pwd|u|p)",
    re.IGNORECASE,
)


def passwords(data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of passwords."""
    if b"://" in data and b"@" in data:
        yield from _in_urls(data)
    if compiled(_ANY, captures=False).search(data):
        yield from _in_arguments(data)


def _in_arguments(data: bytes) -> Iterator[tuple[int, int]]:
    for form in _FORMS:
        for start, end in _groups(form, data):
            value = _text(data, start, end)
            if not values.is_harmless(value) and values.is_password(value, quoted=False):
                yield start, end
    for start, end in _groups(_PHRASE, data):
        words = _text(data, start, end).split()
        if len(set(words)) > len(words) / 2 and "abandon" not in words:
            yield start, end
    for start, end in _groups(_CALL, data):
        value = _text(data, start, end)
        if not values.is_harmless(value) and values.is_chosen(value):
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
