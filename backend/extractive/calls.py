"""Which snippets a piece of code calls, by the names in its text. Prefers precision to recall; pure."""

import builtins
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from backend.extractive.matching import stems
from models.types import ContextSnippet

_CALL = re.compile(r"(?<![\w$])(?:(?P<receiver>[\w$]++)(?:\.|->|::))?+(?P<name>(?!\d)[\w$]++)\(")
_DEFINES = re.compile(r"(?:\b(?:def|func|fn|function|class|sub)\s+|^\s*@)$", re.MULTILINE)
# A string, a comment to the end of its line, or the beginning of one that `*/` closes.
_NOT_CODE = re.compile(r'"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"[^"\n]*"|\'[^\'\n]*\'|/\*|(?://|#).*')
_MEMBER = re.compile(r"(?:\bself|\bcls|\bthis|@)(?:\.|->)?(?<=[.>@])([^\W\d]\w*)\b(?!\()")
_OWN = frozenset({"self", "cls", "this", "super", "$this", "Self"})
_BUILTINS = frozenset(dir(builtins))
_KEYWORDS = frozenset({"if", "for", "while", "switch", "catch", "return", "sizeof", "defined", "assert", "match"})
_COMMON = _BUILTINS.union(_KEYWORDS, *(dir(kind) for kind in (dict, list, set, str, bytes, int)))
_CALLS_OWN_BARE = frozenset({"java", "csharp", "cpp", "kotlin", "scala", "swift"})


def calls(caller: ContextSnippet, others: Sequence[ContextSnippet]) -> list[ContextSnippet]:
    """Those of `others` that `caller` calls, in the order of the calls, each once."""
    found: dict[str, ContextSnippet] = {}
    by_name: dict[str, list[ContextSnippet]] = {}
    for item in others:
        if item.symbol:
            by_name.setdefault(item.symbol.rpartition(".")[2], []).append(item)
    for receiver, name in dict.fromkeys(_called(caller.text)):
        called = [item for item in by_name.get(name, ()) if _refers_to(caller, receiver, name, item)]
        same_file = [item for item in called if item.path == caller.path] or called
        if len({(item.path, item.symbol) for item in same_file}) == 1:
            found.setdefault(f"{same_file[0].path} {same_file[0].symbol}", same_file[0])
    found.pop(f"{caller.path} {caller.symbol}", None)
    return list(found.values())


def used_names(text: str, symbol: str, words: frozenset[str]) -> list[str]:
    """Functions and members that a piece of code uses, those that share words with the question first.

    Without its own name and those of builtins and keywords.
    """
    code = _code_of(text)
    found = [name for _, name in _called(text)] + _MEMBER.findall(code)
    own = set(symbol.split("."))
    names = [name for name in dict.fromkeys(found) if name not in _COMMON | own and len(name) > 2]
    return sorted(names, key=lambda name: -len(words & stems(name)))


def _code_of(text: str) -> str:
    """Without strings and comments. A `/*` that nothing closes is code."""
    parts, at, last_close = [], 0, text.rfind("*/")
    while found := _NOT_CODE.search(text, at):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "/*" and at <= last_close:
            at = text.index("*/", at) + 2
        elif found[0] == "/*":
            parts.append("/*")
    return "".join([*parts, text[at:]])


def _called(text: str) -> Iterator[tuple[str, str]]:
    """(receiver, name) of each call; "" where there is no receiver."""
    code = _code_of(text)
    for call in _CALL.finditer(code):
        if not _DEFINES.search(code[max(0, call.start() - 20) : call.start()]):
            at = call.start()
            while at and code[at - 1].isspace():
                at -= 1
            yield ("?" if code[at - 1 : at] == "." and not call["receiver"] else call["receiver"] or ""), call["name"]


def _refers_to(caller: ContextSnippet, receiver: str, name: str, item: ContextSnippet) -> bool:
    """Whether a call refers to this definition: by its scope, its module or, without a receiver, by its name alone."""
    if item.language != caller.language or item.kind in ("section", "block", "window"):
        return False
    scope, _, own = item.symbol.rpartition(".")
    if own != name:
        return False
    same_scope = bool(scope) and scope == caller.symbol.rpartition(".")[0] and item.path == caller.path
    if receiver in _OWN:
        return same_scope
    if receiver:
        target = receiver.strip("_").lower()
        module = PurePosixPath(item.path)
        return target == scope.rpartition(".")[2].lower() if scope else target in (module.stem, module.parent.name)
    if scope:
        return same_scope and item.language in _CALLS_OWN_BARE
    return name not in _BUILTINS
