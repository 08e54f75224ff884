"""Macros that stand where C and C++ have no word, as in `class SCENE_API Lamp : Node`: blanked before parsing.

With one, the grammar reads the class as a function. Knows only how macros are spelled, not what they expand to.
"""

import re

GRAMMARS = frozenset({"c", "cpp"})
# Up to four names in capitals, some with arguments, between the keyword and the name of a type that has a body. The
# blank before a brace, or the line break after it, tells a type from a variable: `struct POINT p{1, 2}`.
_BEFORE_NAME = re.compile(
    rb"\b(class|struct|union|enum(?:\s++(?:class|struct)\b)?)"
    rb"((?:\s++[A-Z_][A-Z0-9_]*+(?:\([^(){};]*+\))?){1,4})"
    rb"(?=\s++[A-Za-z_]\w*+(?:::\w++)*+(?:<[^<>{};]*+>)?(?:\s++final\b)?(?:\s*+:(?!:)|\s++\{|(?<=\w)\{(?=[ \t\r]*+\n)))"
)


def without_macros(source: bytes) -> bytes:
    """The source with blanks in place of these macros, so that every other byte stays where it is."""
    return _BEFORE_NAME.sub(lambda match: match[1] + re.sub(rb"\S", b" ", match[2]), source)
