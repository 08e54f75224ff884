"""The structural question about subtypes of X: subclasses, implementations, what mixes it in."""

import re
from collections.abc import Sequence

from indexer.files.roles import is_test
from indexer.navigation.interfaces import implementers
from indexer.navigation.locations import Location, line_text, of_definition, of_reference, one_per_line
from indexer.navigation.names.derivation import LONGEST, uses_on
from indexer.navigation.navigator import Navigator
from indexer.parsing.references import Reference
from indexer.types import SourceFile

# Bases in a variable, whatever its name: `type("Ring", BASES, {})`, `class Ring(*BASES)`.
_DYNAMIC = r"\b(?:type|new_class)\(\s*[^,()]{1,300},\s*+(?!\()|^[ \t]*class\s+\w+\([^()]{0,300}\*\w"
_CALLABLE = frozenset({"function", "method"})
_FUNCTIONS = 8  # of one name that are looked into
_PROTOCOL = re.compile(r"\bProtocol\b")  # of Python: a type implements it without saying so


def list_subtypes(navigator: Navigator) -> list[Location]:
    """A type that is not defined here, such as a library's, is matched by its name alone."""
    query = navigator.query
    is_foreign = "." not in query.name and not navigator.definitions()
    interface = navigator.sole_definition()
    is_trait = interface is None or interface.symbol.kind == "interface"
    found = []
    for source, refs in navigator.mentions(query.last) if is_foreign else navigator.references():
        inherits = [ref for ref in refs if ref.kind == "inherit"]
        found += [of_reference(source, ref) for ref in inherits if is_trait or not _is_derived(source, ref)]
        if _may_derive(navigator, source, [ref for ref in refs if ref.kind == "use"]):
            navigator.doubt("meaning", source.path)
    if interface and interface.symbol.kind == "interface" and interface.path.endswith(".go"):
        found += [of_definition(item) for item in implementers(navigator, interface)]
        found.sort(key=lambda location: (is_test(location.path), location.path, location.line))
    if interface and interface.path.endswith(".py") and _PROTOCOL.search(interface.symbol.signature):
        navigator.doubt("types")
    return one_per_line(found)


def _is_derived(source: SourceFile, ref: Reference) -> bool:
    """Whether Rust's `derive` has the name: that of a trait, or of a macro."""
    return source.language == "rust" and re.search(r"\bderive\b", line_text(source, ref.line)) is not None


def _may_derive(navigator: Navigator, source: SourceFile, uses: Sequence[Reference]) -> bool:
    """Whether a type may have subtypes in a file, or by the names that the file gives to it, that are not listed."""
    name, aliases, callees = navigator.query.last, set[str](), set[str]()
    if uses and source.language == "python" and re.search(_DYNAMIC, source.text, re.MULTILINE):
        return True
    if source.language == "php" and re.search(rf"\bclass_alias\([^;]{{0,300}}\b{re.escape(name)}\b", source.text):
        return True
    if not uses:
        return False
    starts = [0, *(match.end() for match in re.finditer("\n", source.text)), len(source.text) + 1]
    for line in dict.fromkeys(ref.line for ref in uses):
        first, last = starts[line - 1], starts[line] - 1
        if last - first > LONGEST:
            return True
        for use in uses_on(source, name, first, last):
            if use.may_derive:
                return True
            aliases |= use.aliases
            callees |= use.callees
    aliases.discard(name)
    return any(_is_base(navigator, alias) for alias in aliases) or any(
        _makes_classes(navigator, each) for each in callees
    )


def _is_base(navigator: Navigator, name: str) -> bool:
    listed = re.compile(rf"\bclass\b.{{0,300}}\*{re.escape(name)}\b|\w\(\s*['\"][^\n]{{0,300}},\s*{re.escape(name)}\b")
    return any(
        ref.kind == "inherit" or (ref.kind == "use" and listed.search(line_text(source, ref.line)[:LONGEST]))
        for source, refs in navigator.mentions(name)
        for ref in refs
        if ref.name == name
    )


def _makes_classes(navigator: Navigator, function: str) -> bool:
    """Whether a function of this codebase has a class in its body."""
    named = [item for item in navigator.snapshot.named([function]) if item.symbol.name == function]
    bodies = (
        navigator.snapshot.lines(item.path, item.symbol.start_line, item.symbol.end_line).partition(function)[2]
        for item in named[:_FUNCTIONS]
        if item.symbol.kind in _CALLABLE
    )
    return any(re.search(r"\bclass\b(?!\s*=)", body) for body in bodies)
