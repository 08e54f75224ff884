"""The text of an expression -> the name at its end, and its qualifier. Pure text; knows no grammar."""

import re

_MAX_CHARS = 400  # of an expression, from its end
_GENERIC = re.compile(r"(?:::)?<[^<>]*>|\[[^\[\]]*\]")
_SEPARATOR = re.compile(r"\?\.|\.|::|->|\\|/")
_DOTTED = re.compile(r"[\w$]+(?:\.[\w$]+)*")
_NAME = re.compile(r"\s*[#@]?([\w$-]+[!?]?|\*)")
_PLAIN = re.compile(r"[\w$.:>\\/@-]+")
_SUPER = re.compile(r"super\([^()]*\)")
# The arrow of C has no space before it: `f() -> Shape` says what a function returns.
_BEFORE = re.compile(r"((?<![\w$:])[\w$]++(?:::[\w$]++)*+|(?<![\w$])[\w$]++|[)\]])(?:\s*+(?:\?\.|\.|::)|->)\s*$")
_CALLED = re.compile(r"\s*(?:!\s*[(\[{]|(?:::\s*<[^<>()]*>\s*)?\()")
_DECLARED = re.compile(r"\b(?:fn|struct|enum|union|trait|type|mod|macro_rules!)\s+$")


def split_expression(expression: str) -> tuple[str, str]:
    """The name at the end of an expression, and its qualifier: of `a.b().c`, c and "?"."""
    if _DOTTED.fullmatch(expression):  # most are
        qualifier, _, name = expression.rpartition(".")
        return name, qualifier
    flat = expression[-_MAX_CHARS:].strip()
    while (without_generics := _GENERIC.sub("", flat)) != flat:
        flat = without_generics
    last = _SEPARATOR.sub("\0", flat).rpartition("\0")[2]
    match = _NAME.fullmatch(last)
    return (match[1], plain(flat.removesuffix(last).rstrip(" .:?->\\/"))) if match else ("", "")


def plain(qualifier: str) -> str:
    """A qualifier as it is written; "?" for an expression, which shows no type."""
    qualifier = qualifier.strip()
    if _SUPER.fullmatch(qualifier):
        return "super"
    return qualifier if not qualifier or _PLAIN.fullmatch(qualifier) else "?"


def qualifier_before(source: bytes, start: int) -> str:
    """What qualifies the name that starts there; "" if nothing does."""
    text = source[max(0, start - _MAX_CHARS) : start].decode("utf-8", "replace").rstrip()
    before = _BEFORE.search(text) if text.endswith((".", "::", "->")) else None  # the search is slow
    return plain(before[1]) if before else ""


def is_called(source: bytes, start: int, end: int) -> bool:
    """Whether the name there, in tokens that no grammar has parsed, is called, and not declared."""
    after = source[end : end + _MAX_CHARS].decode("utf-8", "replace")
    return _CALLED.match(after) is not None and not is_declared(source, start)


def is_declared(source: bytes, start: int) -> bool:
    """Whether the name that starts there, in tokens of Rust, is that of a new function, type or module."""
    return _DECLARED.search(source[max(0, start - _MAX_CHARS) : start].decode("utf-8", "replace")) is not None
