"""The names that a line of code gives a value, in any language: by `=`, `:`, `:=`, `=>`, `#define`,
`set(...)`. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
# Each with a text without which it can not match.
_PATTERNS = (
    ("define", _DEFINE),
    ("et(", _SET),
    (" :", _SYMBOL_SET),
    ("${", _SHELL),
    ("able", _SWITCHED),
    ("=", _DECLARED),
    ("=", _ASSIGNED),
    (":", _PAIR),
)
_VARIABLE = re.compile(r"\b(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b")

_QUOTED = re.compile(r"(?<![\w\"'])[rbfuL]{0,2}(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")
_BEHIND = re.compile(r"(?<=\S)\s+(?:#|//|--)\s|/\*")  # a comment behind code

_LITERAL = re.compile(
    r"-?\d|[rbfuL]{0,2}[\"'`]|:\w|(?:true|false|none|null|nil|nullptr|undefined)\b|\$\{|proc\b|[\[{(]\s*[\"'\d:\]}-]",
    re.IGNORECASE,
)
_MEMBER = re.compile(r"&?(?:\w+(?:\.|::))+[A-Z]\w*[,;)]*$")  # Level::Debug
_MADE = re.compile(  # Timeout(5.0), value || 5
    r"&?(?:new )?[\w.:]+(?:<[^<>]*>)?[!]?\(.*[\d\"'].*|.*(?:\|\||\?\?|\bor\b|:)\s*[\"'\d].*"
)
_COMPARED = re.compile(r"[!=]=|\s[<>]=?\s")
_CODE = re.compile(r"^\s*(?:if|elif|while|for|return|assert|case|when|unless|else if|\}? ?else)\b")
_MADE_CERTAIN, _OTHER_CERTAIN, _IN_CODE = 0.95, 0.5, 0.6


@dataclass(frozen=True, slots=True)
class Assignment:
    """A name and its value, as they are written."""

    name: str
    type: str
    value: str  # up to the comma behind it
    certainty: float  # 1 for a literal; less for what is made from one, or is no value that the line shows


def assignments(row: str, variables: bool = False) -> Iterator[Assignment]:
    """`variables`: only names of environment variables, which need no value."""
    if variables:
        yield from (Assignment(match["name"], "", row, 1.0) for match in _VARIABLE.finditer(row))
        return
    texts = [match.span() for match in _QUOTED.finditer(row)]
    comments = (match.start() for match in _BEHIND.finditer(row) if not _is_inside(match.start(), texts))
    end = next(comments, len(row))
    for sign, pattern in _PATTERNS:
        for match in pattern.finditer(row) if sign in row else ():
            if match.start() >= end or (sign != "${" and _is_inside(match.start(), texts)):
                continue
            found = match.groupdict()
            value = _first_part(found["value"])
            yield Assignment(found["name"].strip(), found.get("type") or "", value, _certainty(row, value))


def _is_inside(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < at < end - 1 for start, end in spans)


def _certainty(row: str, value: str) -> float:
    if _COMPARED.search(value):
        certainty = _OTHER_CERTAIN
    elif _LITERAL.match(value) or _MEMBER.fullmatch(value):
        certainty = 1.0
    else:
        certainty = _MADE_CERTAIN if _MADE.fullmatch(value) else _OTHER_CERTAIN
    return certainty * (_IN_CODE if _CODE.match(row) else 1.0)


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
