"""Values that are assigned to a name, in any syntax: code, configuration, markup, command lines, headers, queries.

Knows no language: a name, what may stand between a name and its value, and where a value ends.
"""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache

from indexer.files.secrets import values
from indexer.files.secrets.linear import Finder, finder, spans
from indexer.files.secrets.names import KEYWORDS, Strength, strength_of

_NAME = rf"(?i)(?:{KEYWORDS})[\w.-]{{0,40}}"
_FOLLOWED = r"[[ \t=:\"'`\\&%,)\]>({}|<?+*_\r\n]"  # what can come between a name and its value begins with one of these
_NAME_CHARACTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_QUALIFIERS = (b"api", b"secret", b"access", b"private", b"account", b"encryption", b"signing", b"master")
_LONGEST_NAME = 60
_JUDGED = 1000  # bytes of a value

_Q = r"""(?:\\{0,3}["'`]|&quot;|&#34;|%22)"""
_TYPE = (
    r"(?:[ \t]*\??:[ \t]{0,4}(?:&|\*|\?|'\w+ |mut |const |dyn |static |final ){0,3}[A-Za-z_][\w.:]{0,40}"
    r"(?:<[^<>\n=]{0,30}>|\[[^\[\]\n=]{0,30}\])?\??(?:[ \t]*\|[ \t]*[A-Za-z_][\w.]{0,30}){0,3}"
    r"|[ \t]{1,4}[*]?[A-Za-z_][\w.\[\]]{0,30}(?:\(\w{1,5}\))?|[ \t]{1,4}[Aa]s[ \t]{1,4}\w{1,30})"
)
_BREAK = r"(?:(?:\\|\(|\[|\{|[|>][-+]?\d?)?[ \t]*\r?\n[ \t]*)?"
_VALUE = r"(?i:(?:parameter)?(?:value|default))"
# What stands between a name and its value, in the order of preference.
_GLUE = (
    # name = lookup("X") or Y
    rf"{_Q}?[ \t]*[:=][ \t]*(?:<%=[ \t]*)?[\w.:]{{1,40}}[\[(]{_Q}"
    rf"[^\n\"'`]{{1,60}}{_Q}[\])][ \t]*(?:\|\||\?\?|or\b)[ \t]*",
    # name: X, value: Y · {"Name": "X", "Value": "Y"} · ParameterKey=X,ParameterValue=Y · key="X" value="Y"
    rf"{_Q}?[,;]?[ \t]{{0,20}}(?:\r?\n[ \t]{{0,60}})?{_Q}?{_VALUE}{_Q}?[ \t]{{0,4}}[:=]>?[ \t]*{_BREAK}",
    rf"{_Q}?[ \t]*[:=][ \t]*\{{\s{{0,40}}{_Q}?{_VALUE}{_Q}?[ \t]{{0,4}}[:=][ \t]*",  # "adminPassword": {"value": "Y"}
    rf"{_Q}[ \t]*\{{[^{{}}]{{0,200}}?default[ \t]*=[ \t]*",  # variable "X" { type = string  default = "Y" }
    r":[ \t]*\r?\n(?:[ \t]+\w+:[^\n]{0,80}\n){0,5}[ \t]+[Dd]efault:[ \t]*",  # X: · Type: String · Default: Y
    # <key>X</key> <string>Y</string>
    r"</(?:key|name|string|Key|Name|td|th|dt|b|strong|label)>:?\s{0,40}"
    r"<(?:string|value|Value|String|td|dd|code)[^<>\n]{0,60}>",
    rf"(?:{_Q}[^<>\n]{{0,80}})?>(?:\s{{0,40}}<(?:value|string)>)?(?:<!\[CDATA\[)?[ \t]*",
    rf"{_TYPE}[ \t]*=[ \t]*{_BREAK}",
    r"[ \t]*\{[ \t]*get;[^{}\n]{0,40}\}[ \t]*=[ \t]*",  # a property of C#
    rf"(?:{_Q}|[\])}}]|\[\d*\]){{0,4}}[ \t]{{0,40}}"
    rf"(?::[-=?+]|=>|:=|\?:|[?|+&]{{1,2}}=|={{1,3}}|<-|\|\||\?\?|::?|%3[AaDd])\*{{0,2}}[ \t]*{_BREAK}",
)
# Between a name and a literal; an unquoted value is an expression there.
_BEFORE_LITERAL = (
    rf"{_Q}\)[ \t]*(?:\{{|do)[ \t]*",
    rf"(?:{_Q}|[\])]){{1,3}}[ \t]{{1,4}}(?:or|OR)[ \t]{{1,4}}",
    rf"{_Q}[\])]?[ \t]*,[ \t]*",
    r"[({][ \t]*",
    rf"{_Q}\)\??(?:\.\w{{1,30}}\(\))?\.\w{{1,30}}\([ \t]*",  # get("#password").type("X")
    rf"{_Q}[ \t]{{1,4}}to[ \t]{{1,4}}",
)
# An unquoted value may be a word of prose there.
_IN_PROSE = (r"[`*_]{0,3}[ \t]*\|[ \t]*", r"(?i:[ \t]+(?:is|as|to|with)[ \t]*:?[ \t]+)", rf"{_Q}?[)\]}}]?[ \t]{{1,40}}")
_WRAP = (
    r"((?:&\w+[ \t]+|!{1,2}[\w/]+[ \t]+)?"  # an anchor or a tag of YAML
    r"(?:(?:new[ \t]+)?[A-Za-z_][\w.:]{0,60}!?\([ \t]*(?:[:\w.]{1,40},[ \t]*){0,3}"  # SecretStr("...")
    r"(?:(?:default|value)[ \t]*=[ \t]*)?){0,2})"
)
_LEAD = (
    r"((?:[rRbBuUfFLN@$]{1,2}|u8)?(?:\\{0,3}(?:\"\"\"|'''|[\"'`])|&quot;|&#34;|%22)|\[\[)?"
    r"(?:(?i:Bearer|Basic|Token|Digest|ApiKey|Api-Key|Splunk|SSWS|GenieKey|"
    r"Key|Negotiate|PRIVATE-TOKEN|OAuth|Bot|token=)(?:[ \t]+|%20|\+)"
    r"|base64:|pass:|plain:|\{noop\}|\{plain\})?"
)
_BREAK_OF_RUN = re.compile(rb"[\s\"'`<>]")
_TAIL = b")]};,.:\\*_|"
_CUT = re.compile(rb"&(?:amp;)?[\w.-]{1,60}=|[;,][ \t]{0,4}[\w.-]{1,60}[=:]|&quot;|&#34;|%22|%26|\\[nrt\"']|\||\$\{")
_CLOSE = {b'"': re.compile(rb'\\.|"|\n'), b"'": re.compile(rb"\\.|'|\n"), b"`": re.compile(rb"\\.|`|\n")}
_ANNOTATED = re.compile(rb"[ \t]*:[ \t]*([\w.]{1,60})=")  # no type, but the beginning of a value: `: abc=1`
_SIGNS = re.compile(r"[0-9!@#$%^&*?~+]")  # a shorter value without one of these is a word
_QUOTE, _LIVELY = re.compile(rb"[\"'`]"), re.compile(rb"[0-9\"'`=:]")
_BRACKETS = re.compile(rb"\]\]|\n")
_REMEMBERED = 64  # bytes of a value
_LONGEST = 20_000  # bytes of a quoted value
_WIDEST = 80  # bytes of what ends a value
_JUDGED_AT_MOST = 50  # names whose values have the same end: a run of characters with more of them is no configuration


class _Glue(Enum):
    PLAIN = 0
    LITERAL = 1
    PROSE = 2


@cache
def _opening_finder() -> Finder:
    plain, literal, prose = ("|".join(patterns) for patterns in (_GLUE, _BEFORE_LITERAL, _IN_PROSE))
    return finder(f"(?:{plain}|({literal})|({prose})){_WRAP}{_LEAD}", anchored=True)


def secret_values(data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of values whose name and look say that they are secret."""
    ends, judged, done = _Ends(data), _Judged(), 0
    for first, last in spans(_NAME + _FOLLOWED, data):
        last -= 1
        if first < done or not _may_follow(data, last):
            continue
        name, before = _whole_name(data, first, last)
        strength = strength_of(name)
        opening = _opening(data, last, name, before) if strength else None
        if opening is None:
            continue
        glue, start, quote = opening
        end = ends.of(start, quote)
        if quote == b"`" and b" " in data[start:end]:  # a command of a shell
            continue
        if judged[data[start : min(end, start + _JUDGED)], strength, glue, bool(quote)]:
            yield start, end
            done = end


def _may_follow(data: bytes, end: int) -> bool:
    """Whether a value can come after a name that ends here; most names in code and prose are left out by this."""
    following = data[end : end + 1]
    if following in (b"(", b"{"):
        return _QUOTE.search(data, end, end + 60) is not None
    if following in (b" ", b"\t"):
        line = data[end : end + 80].partition(b"\n")[0].lstrip()
        return not line[:1].isalpha() or _LIVELY.search(line) is not None or (len(line) > 7 and line.isalpha())
    return True


def _whole_name(data: bytes, start: int, end: int) -> tuple[str, bytes]:
    """The identifier around a keyword, and the byte before it."""
    head = data[max(0, start - _LONGEST_NAME) : start]
    begin = start - (len(head) - len(head.rstrip(_NAME_CHARACTERS)))
    qualified = b""  # "API key"
    if data[begin - 1 : begin] == b" " and head[: len(head) + begin - start].rstrip(b" ").lower().endswith(_QUALIFIERS):
        qualified = b"api_"
    return (qualified + data[begin:end]).decode("latin-1"), data[begin - 1 : begin] if begin else b"\n"


def _opening(data: bytes, end: int, name: str, before: bytes) -> tuple[_Glue, int, bytes] | None:
    """What joins the name to a value, where the value begins, and the quotation mark that opens it."""
    match, literal, prose, wrap, quote = _opening_finder()(data, end, len(data))
    if match[0] < 0:
        return None
    glue = _Glue.PLAIN
    if literal[0] >= 0:
        glue = _Glue.LITERAL
    elif prose[0] >= 0 and not name.startswith("-") and not _is_alone(data, prose[1], before):
        glue = _Glue.PROSE
    if quote[0] >= 0:
        return glue, match[1], data[slice(*quote)]
    if annotated := _ANNOTATED.fullmatch(data, end, match[1]):
        return glue, annotated.start(1), b""
    return glue, wrap[0] if b"(" in data[slice(*wrap)] else match[1], b""  # without a literal, it is a call


def _is_alone(data: bytes, start: int, before: bytes) -> bool:
    """Whether a line has a name, then one word: `requirepass foobar1`, `ENV TOKEN x`."""
    line = data[start : start + 300].partition(b"\n")[0]
    return before in (b"\n", b" ", b"\t", b"") and len(line.split(None, 1)) == 1


class _Next:
    """Where an expression matches next. For positions that follow one another, each byte is looked at once."""

    def __init__(self, expression: re.Pattern[bytes], data: bytes) -> None:
        self._expression, self._data = expression, data
        self._stop = self._from = self._found = -1

    def after(self, position: int, stop: int) -> int:
        """The beginning of the first match between the two, or `stop`."""
        if stop != self._stop or not self._from <= position <= self._found:
            is_before = stop == self._stop and position < self._from
            until = min(self._from + _WIDEST, stop) if is_before else stop
            match = self._expression.search(self._data, position, until)
            if match is not None or not is_before:
                self._found = match.start() if match else stop
            self._stop, self._from = stop, position
        return self._found


class _Ends:
    """Where values end. However many names are in a run of characters, its end is found once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._run, self._cut = _Next(_BREAK_OF_RUN, data), _Next(_CUT, data)
        self._brackets = _Next(_BRACKETS, data)
        self._stop, self._first, self._stripped, self._judged = -1, 0, 0, 0

    def of(self, start: int, opening: bytes) -> int:
        mark = opening.lstrip(b"rRbBuUfFLN@$8")
        if mark in _CLOSE:
            for match in _CLOSE[mark].finditer(self._data, start, start + _LONGEST):
                if match[0] == mark:
                    return match.start()
                if match[0] == b"\n":
                    break
        elif mark == b"[[":
            end = self._brackets.after(start, len(self._data))
            if self._data.startswith(b"]]", end) and end < start + _LONGEST:
                return end
        elif mark:
            end = self._data.find(mark, start, start + _LONGEST)
            if end >= 0 and b"\n" not in self._data[start:end]:
                return end
        return self._trimmed(start)

    def _trimmed(self, start: int) -> int:
        stop = self._run.after(start, len(self._data))
        stop = self._cut.after(min(start + 1, stop), stop)
        if stop != self._stop:
            self._stop, self._first, self._judged = stop, start, 0
            self._stripped = start + len(self._data[start:stop].rstrip(_TAIL))
        elif start < self._first:
            if self._stripped == self._first:
                self._stripped = start + len(self._data[start : self._first].rstrip(_TAIL))
            self._first = start
        self._judged += 1
        if self._judged > _JUDGED_AT_MOST:
            return start
        return max(start, self._stripped)


class _Judged(dict[tuple[bytes, Strength, _Glue, bool], bool]):
    """Whether values are secret. In one text, short values are judged once."""

    def __missing__(self, key: tuple[bytes, Strength, _Glue, bool]) -> bool:
        value, strength, glue, quoted = key
        is_secret = _is_secret(value.decode("latin-1"), strength, glue, quoted)
        if len(value) <= _REMEMBERED:
            self[key] = is_secret
        return is_secret


def _is_secret(value: str, strength: Strength, glue: _Glue, quoted: bool) -> bool:
    if len(value) < 6 or (not quoted and glue is _Glue.LITERAL):
        return False
    if len(value) < 16 and not _SIGNS.search(value):
        if strength is Strength.WEAK or (not quoted and glue is _Glue.PROSE) or values.is_harmless(value):
            return False
        if strength is Strength.PASSWORD:
            return values.is_unpronounceable(value)
        return len(value) >= 10 and values.is_unpronounceable(value, 0.25) and not values.is_placeholder(value)
    return _looks_secret(value, strength, glue, quoted) and not values.is_harmless(value)


def _looks_secret(value: str, strength: Strength, glue: _Glue, quoted: bool) -> bool:
    if not quoted and glue is _Glue.PROSE:
        return strength > Strength.WEAK and values.is_random(value, 10) and not values.is_placeholder(value)
    if strength is Strength.PASSWORD and values.is_password(value, quoted):
        return True
    if any(map(str.isspace, value)):
        return False
    if strength is Strength.WEAK:
        return values.is_random(value, 16) and not values.is_hash(value) and not values.is_uuid(value)
    return values.is_token(value, quoted)
