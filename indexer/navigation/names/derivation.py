"""What the text around the name of a type may make of it: a base of a class that no syntax shows, or another name.

Goes by the brackets around the name. Each look is bounded, so the work grows with the number of names only.
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.types import SourceFile

LONGEST = 2000  # characters of a line that is looked at
_FAR = 300  # characters on both sides of a name
_DEPTH = 4  # brackets around a name
_PAIRS = {")": "(", "]": "[", "}": "{"}
_NAME_CHARS = f"{string.ascii_letters}{string.digits}_$."
_VALUE = re.compile(r"(?!\s*[(.\[:!]|\s*<[^<>]{0,100}>\s*\()")  # after a name that is neither called nor looked into
_EXTENDS = re.compile(r"\bextends\s*$|\bclass\s+[\w:]+\s*<\s*$")  # before a call that gives a base
_HEADER = re.compile(r"\bclass\s+\w+\s*$")
_MAKES_CLASSES = re.compile(r"(?i)class|meta|inherit|extends?$|mixin|derive|prototypeof|bases")
_NAMED_FIRST = re.compile(r"\(\s*[rbf]?['\"]")  # `Meta("Ring", (Shape,), {})`
_OPEN = tuple("([{,=|?&+\\")  # at the end of a line that goes on
_ANNOTATES = re.compile(r"(?:(?:^|[(,])\s*\*{0,2}\w+\s*:|->)[^(,={]*$")
_ASSIGNS = re.compile(r"(?<![=<>!])=(?![=>])")
_PROTOTYPE = re.compile(r"\.prototype\b(?!\s*[.\[=])")
_BASES = re.compile(r"__bases__|__proto__")
_RUBY = re.compile(r"[\w\])]\s*\.\s*(?:include|extend|prepend)[ (]")


@dataclass(frozen=True, slots=True)
class Uses:
    """What the value of a type is used for at one place."""

    may_derive: bool = False
    aliases: frozenset[str] = frozenset()  # names that it may be given
    callees: frozenset[str] = frozenset()  # functions that it is passed to


def uses_on(source: SourceFile, name: str, first: int, last: int) -> Iterator[Uses]:
    """Each use of a name as a value between two offsets: those of a line."""
    for match in re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])").finditer(source.text, first, last):
        before = source.text[max(0, match.start() - _FAR) : match.start()]
        after = source.text[match.end() : match.end() + _FAR]
        if _is_derived_by_words(source.language, before.rpartition("\n")[2], after):
            yield Uses(may_derive=True)
        elif source.language == "python" and _is_annotation(before.rpartition("\n")[2]):
            continue
        elif _VALUE.match(after) or before.rstrip().endswith("?"):
            yield _use(before, after, source.language)


def _is_annotation(line: str) -> bool:
    """Whether a name after that is the type of a parameter or a variable of Python, and no value of a dictionary."""
    return line.count("{") == line.count("}") and _ANNOTATES.search(line) is not None


def _is_derived_by_words(language: str, line: str, after: str) -> bool:
    """Whether the words around a name tell, whatever brackets it is in."""
    if language == "rust":  # in a macro
        return re.search(r"\bimpl\b", line) is not None and " for " in after.partition("\n")[0]
    if language == "ruby" and _RUBY.search(line):  # of an object whose class is not known
        return True
    return after.startswith(".register") or bool(_PROTOTYPE.match(after) or _BASES.search(line))


def _use(before: str, after: str, language: str) -> Uses:
    before = _statement(before)
    levels = list(_brackets(before))
    calls = [(at, callee) for at, callee in levels if callee and not _is_declared(before, at)]
    aliases, callees = set[str](), {callee for _, callee in calls}
    for place, outer in zip([len(before), *(at for at, _ in levels)], [*levels, (0, "")], strict=True):
        if language == "python" and outer in calls:
            continue  # a keyword: the function that takes it is a callee
        found = _aliases(before[:place].rpartition("\n")[2], is_listed=not outer[1])
        aliases.update(found)
        callees |= {outer[1]} if found else set()  # it is a default of a parameter
    if re.search(r"\btypedef\b", before.rpartition("\n")[2]) and ";" in after:
        aliases.add(_last_name(after.partition(";")[0]))
    makes = any(_MAKES_CLASSES.search(callee) and callee != "issubclass" for _, callee in calls)
    may_derive = makes or _gives_base(before, levels) or _is_in_bases(before, levels)
    return Uses(may_derive, frozenset(aliases - {""}), frozenset(callees - {""}))


def _statement(before: str) -> str:
    """Its last lines, each of which goes on in the next one."""
    lines = before.split("\n")
    first = len(lines) - 1
    while first and lines[first - 1].rstrip().endswith(_OPEN):
        first -= 1
    return "\n".join(lines[first:])


def _is_declared(before: str, at: int) -> bool:
    """Whether the bracket at a place begins the parameters of a function."""
    return re.search(r"\b(?:def|function|func|fn|fun)\s+$", before[:at].rstrip(_NAME_CHARS)) is not None


def _gives_base(before: str, levels: list[tuple[int, str]]) -> bool:
    """Whether a class extends what a call gives: `extends Serial(Shape)`, `class Ring(serial(Shape))`."""
    if any(_EXTENDS.search(before[:at].rstrip(_NAME_CHARS)) for at, callee in levels if callee):
        return True
    is_in_call = bool(levels) and before[levels[0][0]] == "("  # not in `class Ring(Generic[Shape])`
    return is_in_call and any(_HEADER.search(before[:at]) for at, _ in levels[1:])


def _is_in_bases(before: str, levels: list[tuple[int, str]]) -> bool:
    """Whether it is in a list that is passed to a call after a string: `Meta("Ring", (Shape,), {})`."""
    call = next((at for at, callee in levels if callee), None)
    return call is not None and call != levels[0][0] and _NAMED_FIRST.match(before, call) is not None


def _aliases(head: str, *, is_listed: bool) -> list[str]:
    """The names that get what stands after `head` in its line: `A, B = `, `make(base = `, `{ Base: `.

    `is_listed`: a value may be one of several after a name.
    """
    key = _last_name(head.rstrip()[:-1]) if head.rstrip().endswith(":") else ""
    names = [key] if key[:1].isupper() else []
    ends = [match.start() for match in _ASSIGNS.finditer(head)]
    for end in dict.fromkeys(ends[:1] + ends[-1:]):
        if "," in head[end:] and not is_listed:  # another argument's
            continue
        target = head[:end].rstrip().rstrip(":")
        names.append(_last_name(re.split(r"[(\[{,]", target)[-1]))
        if not re.search(r"[(\[{]", target):
            names += re.findall(r"[\w$]+", target)
        if ":" in target:  # `base: Type = `
            names.append(_last_name(re.split(r"[(\[{,]", target.rpartition(":")[0])[-1]))
    return names


def _last_name(text: str) -> str:
    flat = text.rstrip()
    return flat[len(flat.rstrip(_NAME_CHARS)) :].rpartition(".")[2]


def _brackets(before: str) -> Iterator[tuple[int, str]]:
    """The open brackets before a name, innermost first: where each is, and what it calls; "" if nothing."""
    closed, count = list[str](), 0
    for at in range(len(before) - 1, -1, -1):
        char = before[at]
        if char in _PAIRS:
            closed.append(_PAIRS[char])
        elif char in "([{":
            if closed:
                closed.pop()
                continue
            if char == "{" or count == _DEPTH:  # a block, or the members of an object
                return
            count += 1
            yield at, _last_name(before[:at]) if char == "(" and not before[at - 1 : at].isspace() else ""
