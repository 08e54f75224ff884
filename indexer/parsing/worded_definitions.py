"""Definitions of one name in code without a grammar, by how the line around the name is worded. Pure text.

Prefers to find nothing: a line that may be a call or a mention is none.
"""

import re
from collections.abc import Iterator

from indexer.types import Symbol

_AROUND = 200  # characters before and after the name that are looked at
_FUNCTIONS = "function|func|fun|fn|def|defp|defmacro|sub|proc|procedure|macro|modifier|rpc|method|predicate|task"
_TYPES = (
    "class|contract|library|interface|protocol|trait|struct|record|enum|union|object|mixin|extension|type|typedef"
    "|typealias|newtype|data|actor|service|message|schema|entity|table|view"
)
_OTHERS = "module|defmodule|namespace|package|event|error|const|let|var|val|local|final|constexpr|define|#define|export"
_QUALIFIER = r"(?:[\w$]+[.:]{1,2})*"
_KEYWORD = re.compile(
    rf"(?:^|[\s(;{{}}])(?:(?P<function>{_FUNCTIONS})|(?P<class>{_TYPES})|(?P<constant>{_OTHERS}))"
    rf"(?:\s+if\s+not\s+exists)?\s+{_QUALIFIER}$",
    re.IGNORECASE,
)
_RETURN_TYPE = re.compile(r"\s*(?:[A-Za-z_][\w.:<>,\[\]?*&]*\s+)+[*&]*$")
_NO_TYPE = re.compile(r"\s*(?:return|else|await|new|throw|case|yield|not|and|or|in|if|while|do|emit|when|then|print)\b")
_PARAMETERS_AND_BODY = re.compile(r"\s*\([^;{}()]*+(?:\([^;{}()]*+\)[^;{}()]*+)*+\)[^;{}()=]*+\{")
_ASSIGNED = re.compile(r"\s*(?:<-|:=|::|=(?![=>~]))")
_COMMENT = re.compile(r"\s*(?://|/?\*|#(?!define)|--|;|%|<!--|\"\"\"|''')")


def worded_definitions(text: str, name: str) -> Iterator[Symbol]:
    """One for each line whose first mention of the name defines it. The kind is function, class or constant."""
    word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
    lines = text.split("\n")
    for number, (line, below) in enumerate(zip(lines, [*lines[1:], ""], strict=True), 1):
        match = word.search(line)
        if match and (kind := _kind(line[: match.start()][-_AROUND:], f"{line[match.end() :]}\n{below}"[:_AROUND])):
            signature = " ".join(line[max(0, match.start() - _AROUND) : match.end() + _AROUND].split())
            yield Symbol(name, name, kind, number, number, signature.rstrip("{ "), "")


def _kind(before: str, after: str) -> str:
    """Of the definition that a name is of; "" if it is none. `before`: on its line."""
    if _COMMENT.match(before):
        return ""
    if keyword := _KEYWORD.search(before):
        return keyword.lastgroup or ""
    if _RETURN_TYPE.fullmatch(before) and not _NO_TYPE.match(before) and _PARAMETERS_AND_BODY.match(after):
        return "function"
    return "constant" if not before and _ASSIGNED.match(after) else ""
