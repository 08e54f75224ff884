"""The structural question about subtypes of X: subclasses, implementations, what mixes it in."""

import re
from collections.abc import Sequence

from indexer.files.roles import is_test
from indexer.navigation.interfaces import implementers
from indexer.navigation.locations import Location, line_text, of_definition, of_reference, one_per_line
from indexer.navigation.navigator import Navigator
from indexer.parsing.references import Reference
from indexer.types import SourceFile

# How a line may use a type as a base, or give it another name, so that its subtypes are not read from the syntax.
_MAY_DERIVE = (
    r"\bextends\b[^{]{0,300}\w\([^(){=]{0,300}\bNAME\b",  # what a call gives: `class Ring extends Serial(Shape)`
    r"^class\s+\w+\(.{0,300}\w\([^(){=]{0,300}\bNAME\b",
    r"\bsetPrototypeOf\(.{0,300}\bNAME\b",
    r"\bNAME\.register\b",  # of Python's abc
    r"\bimpl\b.{0,300}\bNAME\b.{0,300}\bfor\b",  # in a macro of Rust
)
_RENAMED = re.compile(
    r"(?:^|[\s(,])(?P<name>\w+)\s*(?::[^=]{0,300})?:?=(?!=)\s*(?P<rest>.*)|\btypedef\b(?P<type>.*?)(?P<alias>\w+)\s*;"
)
# Bases in a variable, whatever its name: `type("Ring", BASES, {})`, `class Ring(*BASES)`.
_DYNAMIC = r"\b(?:type|new_class)\(\s*[^,()]{1,300},\s*+(?!\()|^[ \t]*class\s+\w+\([^()]{0,300}\*\w"
_PROTOCOL = re.compile(r"\bProtocol\b")  # of Python: a type implements it without saying so


def list_subtypes(navigator: Navigator) -> list[Location]:
    """A type that is not defined here, such as a library's, is matched by its name alone."""
    query = navigator.query
    is_foreign = "." not in query.name and not navigator.definitions()
    found = []
    for source, refs in navigator.mentions(query.last) if is_foreign else navigator.references():
        found += [of_reference(source, ref) for ref in refs if ref.kind == "inherit"]
        if _may_derive(navigator, source, [ref for ref in refs if ref.kind == "use"]):
            navigator.doubt("meaning", source.path)
    interface = navigator.sole_definition()
    if interface and interface.symbol.kind == "interface" and interface.path.endswith(".go"):
        found += [of_definition(item) for item in implementers(navigator, interface)]
        found.sort(key=lambda location: (is_test(location.path), location.path, location.line))
    if interface and interface.path.endswith(".py") and _PROTOCOL.search(interface.symbol.signature):
        navigator.doubt("types")
    return one_per_line(found)


def _may_derive(navigator: Navigator, source: SourceFile, uses: Sequence[Reference]) -> bool:
    """Whether a type may have subtypes in a file, or by the names that the file gives to it, that are not listed."""
    name = re.escape(navigator.query.last)
    derives = re.compile("|".join(_MAY_DERIVE).replace("NAME", name))
    lines = dict.fromkeys(line_text(source, ref.line) for ref in uses)
    if any(derives.search(line) for line in lines):
        return True
    if uses and source.language == "python" and re.search(_DYNAMIC, source.text, re.MULTILINE):
        return True
    if source.language == "php" and re.search(rf"\bclass_alias\([^;]{{0,300}}\b{name}\b", source.text):
        return True
    as_value = re.compile(rf"(?<!\w){name}\b(?!\s*[(.\[:!]|\s*<[^>]*>\s*\()")
    for line in lines:
        for match in _RENAMED.finditer(line):
            alias, value = match["name"] or match["alias"], match["rest"] or match["type"] or ""
            if alias != navigator.query.last and as_value.search(value) and _is_base(navigator, alias):
                return True
    return False


def _is_base(navigator: Navigator, name: str) -> bool:
    return any(ref.kind == "inherit" and ref.name == name for _, refs in navigator.mentions(name) for ref in refs)
