"""The names that a line of code gives a value, in any language: by `=`, `:`, `:=`, `=>`, `#define`,
`set(...)`. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

_NO_NAME = r"(?!(?:if|elif|else|while|for|return|assert|case|when|unless|in|is|and|or|not)\b)"
_NAME = rf"(?<![\w$])(?<!\$\{{){_NO_NAME}(?:[^\W\d]|[$@])[\w$-]*(?:\.[^\W\d]\w*)*"
# name: type = value, name := value, name => value, "name": value. The value is looked at only: it may hold more names.
_ASSIGNED = re.compile(
    rf"""(?P<quote>["'`]?)(?P<name>{_NAME})(?P=quote)\??!?\s*
    (?::(?![:=])\s*(?P<type>[^=,;(){{}}"'!<>]{{1,60}}(?:<[^=;"']{{1,40}}>)?)\s*)?
    (?::=|=>|(?<![!<>=])=(?![=>~])|\|\|=|\?\?=)\s*(?=(?P<value>\S[^\n]*))""",
    re.VERBOSE,
)
_DECLARED = re.compile(  # var limit int = 5
    rf"\b(?:var|const)\s+(?P<name>{_NAME})\s+(?P<type>[\w.*\[\]]+)\s*=\s*(?=(?P<value>\S[^\n]*))"
)
_PAIR = re.compile(rf"""(?P<quote>["'`]?)(?P<name>{_NAME})(?P=quote)\s*:(?![:=])\s*(?=(?P<value>\S[^\n]*))""")
_SET = re.compile(r"""\b\w*[sS]et\w*\(\s*[:"'`](?P<name>[\w. -]+)["'`]?\s*,\s*(?=(?P<value>\S[^\n]*))""")
_SYMBOL_SET = re.compile(r"\b(?:set|option|setting|config)\s+:(?P<name>\w+),\s*(?=(?P<value>\S.*))")
_DEFINE = re.compile(r"^\s*#\s*define\s+(?P<name>\w+)\s+(?P<value>\S.*)")
_SHELL = re.compile(r"\$\{(?P<name>\w+):[-=](?P<value>[^}]*)\}")
_SWITCHED = re.compile(r"""\b(?P<value>enable|disable)[d]?\(?\s*[:"'](?P<name>[\w -]+)""")
_EXPOSED = re.compile(r"^(?P<name>EXPOSE)\s+(?=(?P<value>\d.*))")  # of a Dockerfile
# Each with a text without which it can not match.
_PATTERNS = (
    ("define", _DEFINE),
    ("et(", _SET),
    (" :", _SYMBOL_SET),
    ("${", _SHELL),
    ("EXPOSE", _EXPOSED),
    ("able", _SWITCHED),
    ("=", _DECLARED),
    ("=", _ASSIGNED),
    (":", _PAIR),
)
_VARIABLE = re.compile(r"\b(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b")

_QUOTED = re.compile(r"(?<![\w\"'])[rbfuL]{0,2}(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
_COMMENT = re.compile(r"(?:(?<=\s)|^)(?:#|//|--)\s|/\*")

_LITERAL = re.compile(
    r"-?\d|[rbfuL]{0,2}[\"'`]|:\w|(?:true|false|none|null|nil|nullptr|undefined)\b|\$\{|proc\b|[\[{(]\s*[\"'\d:\]}-]",
    re.IGNORECASE,
)
_MEMBER = re.compile(r"&?(?:\w+(?:\.|::))+[A-Z]\w*[,;)]*$")  # Level::Debug
_MADE = re.compile(  # Timeout(5.0), value || 5
    r"&?(?:new )?[\w.:]+(?:<[^<>]*>)?[!]?\(.*[\d\"'].*|.*(?:\|\||\?\?|\bor\b|:)\s*[\"'\d].*"
)
_COMPUTED = re.compile(r"^\d.*(?:->|\b(?:self|this)\b)")  # 1 << s->bits
_COMPARED = re.compile(r"[!=]=|\s[<>]=?\s")
_STATEMENT = re.compile(r"^\s*(?:if|elif|while|for|return|assert|case|when|unless|else if|\}? ?else)\b")
_MADE_CERTAIN, _OTHER_CERTAIN, _IN_CODE = 0.95, 0.5, 0.6


DEFAULT_OF = "default "  # before the name of an option whose default stands in a line of its own
_DEFAULT_KEY = re.compile(r"default(?:_?value)?(?:_t)?", re.IGNORECASE)
_NAMED = r"[\"']-{0,2}([a-zA-Z][\w-]*)(?:[ =</\[][^\"']*)?[\"']\s*,\s*"
_NAMES = re.compile(rf"\s*(?:{_NAMED})+")  # the texts with which a call begins: "-p", "--port",
_EACH_NAME = re.compile(_NAMED)
_KEY = re.compile(r"([\w-]+)[\"']?(?::[^=:\n]{0,60}=|:|=)\s*[\w.]*$")  # what is before a bracket: timeout: int = Field
_ATTRIBUTE = re.compile(r"^\s*(?:#\[|@\w)")
_BRACKET = re.compile(r"[\[\](){}]")
_REACH, _AROUND = 1000, 4  # characters and open brackets before a default that are looked at
_BEFORE = 120  # characters before a bracket in which its name is looked for
_FIELD = re.compile(r"^\s*(?:(?:pub|private|public|protected|final|var|val|let)\s+)*(?:\w+\s+)??(\w+)\s*[:;=]")
_ABOVE = 12  # lines between an option and its default
_OPENING = re.compile(r"(?:=|:|=>|\breturn\b|^)\s*[\w.]*[\[{(]\s*(?:[\"'\d\w].*)?$")
_FUNCTION = re.compile(r"=>|->|\b(?:function|lambda|func|fn|def|do)\b")
_VALUE_LINES = 60


@dataclass(frozen=True, slots=True)
class Assignment:
    """A name and its value, as they are written."""

    name: str
    type: str
    value: str  # up to the comma behind it
    certainty: float  # 1 for a literal; less for what is made from one, or is no value that the line shows
    start: int = 0  # column of the name


def assignments(row: str, variables: bool = False) -> Iterator[Assignment]:
    """`variables`: only names of environment variables, which need no value."""
    if variables:
        yield from (Assignment(match["name"], "", row, 1.0) for match in _VARIABLE.finditer(row))
        return
    texts = [match.span() for match in _QUOTED.finditer(row)]
    end = _end_of_code(row, texts)
    for sign, pattern in _PATTERNS:
        for match in pattern.finditer(row) if sign in row else ():
            if match.start() >= end or (sign != "${" and _is_inside(match.start(), texts)):
                continue
            found = match.groupdict()
            value = _first_part(found["value"])
            name, start = found["name"].strip(), match.start("name")
            yield Assignment(name, found.get("type") or "", value, _certainty(row, value), start)


def assignments_at(rows: Sequence[str], at: int, symbol: str) -> Iterator[tuple[Assignment, int]]:
    """Those of a row, each with the row in which its value ends. A default has the name of its option: of the one that
    the same call names, of the field below an attribute, or of the definition around it, whose qualified name is
    `symbol`.
    """
    for found in assignments(rows[at]):
        if _DEFAULT_KEY.fullmatch(found.name):
            option = _option(rows, at, found.start)
            found = replace(found, name=f"{DEFAULT_OF}{symbol.rpartition('.')[2] if option is None else option}")
        value, end = _whole(found.value, rows, at)
        yield (found if end == at else replace(found, value=value, certainty=_certainty("", value))), end


def _option(rows: Sequence[str], at: int, start: int) -> str | None:
    """What a default in a column of a row belongs to; "" if the call around it does not say, None without a call."""
    if option := _argument(rows, at, start):
        return option
    if _ATTRIBUTE.match(rows[at]) and at + 1 < len(rows):
        names = (_FIELD.match(row) for row in rows[at + 1 : at + 3] if not _ATTRIBUTE.match(row))
        return next((name[1] for name in names if name), "")
    return option


def _argument(rows: Sequence[str], at: int, start: int) -> str | None:
    """The name in the innermost call or table that is open there: the texts with which it begins, or its own name."""
    above = [_masked(row) for row in rows[max(0, at - _ABOVE) : at]]
    row, bare_row = _masked(rows[at])
    text = "\n".join([*(shown for shown, _ in above), row[:start]])[-_REACH:]
    bare = "\n".join([*(hidden for _, hidden in above), bare_row[:start]])[-_REACH:]
    for place in islice(_opened(bare), _AROUND):
        if names := _NAMES.match(text, place + 1):
            return str(max(_EACH_NAME.findall(names[0]), key=len))
        if key := _KEY.search(text, max(0, place - _BEFORE), place):
            return key[1]
        if bare[place] == "(":
            return ""
    return None


def _opened(text: str) -> Iterator[int]:
    """The brackets that are open at the end of a text, the innermost first."""
    depth = 0
    for bracket in _BRACKET.finditer(text[::-1]):
        depth += 1 if bracket[0] in ")]}" else -1
        if depth < 0:
            depth = 0
            yield len(text) - bracket.end()


@lru_cache(maxsize=1024)
def _masked(row: str) -> tuple[str, str]:
    """A row without the comment behind it, and the same with nothing in its texts."""
    shown = code(row)
    return shown, _QUOTED.sub(lambda found: "_" * len(found[0]), shown)


def code(row: str) -> str:
    """Without the comment behind it."""
    return row[: _end_of_code(row, [match.span() for match in _QUOTED.finditer(row)])]


def _end_of_code(row: str, texts: Sequence[tuple[int, int]]) -> int:
    comments = (match.start() for match in _COMMENT.finditer(row) if not _is_inside(match.start(), texts))
    return next(comments, len(row))


def _whole(value: str, rows: Sequence[str], at: int) -> tuple[str, int]:
    """A value that goes on below its row, on one line, and the number of its last row; not that of a function."""
    depth = _depth(value)
    if depth <= 0 or not _OPENING.match(value) or _FUNCTION.search(value):
        return value, at
    parts = [value.strip()]
    for below in range(at + 1, min(len(rows), at + _VALUE_LINES)):
        depth += _depth(rows[below])
        parts.append(rows[below].strip())
        if depth <= 0:
            return " ".join(parts).rstrip(",;"), below
    return value, at


@lru_cache(maxsize=1024)
def _depth(text: str) -> int:
    """How many brackets stay open."""
    bare = _QUOTED.sub("", text)
    return sum(bare.count(sign) for sign in "([{") - sum(bare.count(sign) for sign in ")]}")


def _is_inside(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < at < end - 1 for start, end in spans)


def _certainty(row: str, value: str) -> float:
    if _COMPARED.search(value) or _COMPUTED.search(value):
        certainty = _OTHER_CERTAIN
    elif _LITERAL.match(value) or _MEMBER.fullmatch(value):
        certainty = 1.0
    else:
        certainty = _MADE_CERTAIN if _MADE.fullmatch(value) else _OTHER_CERTAIN
    return certainty * (_IN_CODE if _STATEMENT.match(row) else 1.0)


def _first_part(value: str) -> str:
    """Up to the first comma or bracket that belongs to what is around it."""
    depth, quote = 0, ""
    for at, character in enumerate(value):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (not depth and not quote and character in ",;"):
            return value[:at]
    return value
