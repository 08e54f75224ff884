"""Structural questions about usages: callers, other references, importers and tests of X."""

import re
from collections.abc import Collection, Sequence
from itertools import takewhile

from indexer.files.roles import is_test
from indexer.navigation.locations import Location, of_reference, one_per_line
from indexer.navigation.names.disambiguation import Disambiguator
from indexer.navigation.names.families import are_kin
from indexer.navigation.names.modules import imports_target, module_of, parts_of
from indexer.navigation.navigator import Navigator
from indexer.parsing.references import Reference, references_to
from indexer.storage.snapshot import IndexedSymbol
from indexer.types import SourceFile

_CALLABLE = frozenset({"function", "method", "declaration"})
_HELPERS = 20  # of one file that are followed
_HELPER_S = 0.02  # for the references to one helper of a test
_RUST_TEST = re.compile(r"#\[(?:cfg\((?:(?:all|any)\((?:[^()]*,\s*)?)?test\b|(?:\w+::)*\w*test\w*\b)")
_TEST = re.compile(r"(?:^|\.|_)(?:[Tt]ests?(?=$|[_.A-Z])|should|it_)|Tests?(?=$|\.)")


def list_calls(navigator: Navigator) -> list[Location]:
    """The calls; of a function also where it is passed or stored by its name, as uses."""
    definition = navigator.sole_definition()
    is_callable = definition is not None and definition.symbol.kind in _CALLABLE
    return _list_references(navigator, {"call", "use"} if is_callable else {"call"})


def list_uses(navigator: Navigator) -> list[Location]:
    return _list_references(navigator, {"call", "inherit", "use"})


def _list_references(navigator: Navigator, kinds: Collection[str]) -> list[Location]:
    return one_per_line(
        of_reference(source, ref) for source, refs in navigator.references() for ref in refs if ref.kind in kinds
    )


def list_imports(navigator: Navigator) -> list[Location]:
    query = navigator.query
    definition = None if query.is_path else navigator.sole_definition()
    if definition is None and not query.is_path and navigator.definitions():
        return []
    found = []
    path = definition.path if definition else ""
    candidates = navigator.candidate_files(definition) if definition else [path]
    for source, refs in navigator.importers(query.name) if query.is_path else navigator.mentions(query.last):
        if path and not are_kin(source.language, path):
            continue
        modules = navigator.modules.seen_from(source.path)
        nearest = Disambiguator(candidates, source, refs, modules)
        imports = [
            (ref, nearest.imported_file([ref]))
            for ref in refs
            if ref.kind == "import" and imports_target(ref, source.path, query, path, modules)
        ]
        found += [of_reference(source, ref) for ref, imported in imports if imported == path]
        others = set(refs).difference(ref for ref, _ in imports) if query.is_path else ()
        if any(ref.kind == "import" and modules.may_be_at(ref, source.language, query.name) for ref in others):
            navigator.doubt("meaning", source.path)
        undeclared = (ref for ref in refs if ref.kind == "import" and modules.is_undeclared(ref, path))
        if path and not imports and any(ref.name == query.last and not ref.is_default for ref in undeclared):
            navigator.doubt("meaning", source.path)
        if unassigned := [ref for ref, imported in imports if not imported and path]:
            navigator.doubt("meaning", source.path)
            navigator.unassigned.append((source, unassigned))
        if path:
            found += [of_reference(source, ref) for ref in refs if _imports_all(ref, source.path, path)]
    for alias, source, refs in navigator.aliased():
        brought = (ref for ref in refs if alias.is_brought_by(ref, source.path, navigator.modules))
        found += (named := [of_reference(source, ref) for ref in brought])
        if not named and alias.may_be_unseen(source, refs, navigator.modules):
            navigator.doubt("meaning", source.path)
    return one_per_line(found)


def _imports_all(ref: Reference, path: str, defined_in: str) -> bool:
    """Whether an import in the file at `path` brings every name of the file at `defined_in`."""
    module = module_of(ref, path) if ref.kind == "import" and ref.name == "*" else []
    return bool(module) and parts_of(defined_in)[-len(module) :] == module


def list_tests(navigator: Navigator) -> list[Location]:
    """The tests that mention it, or that call a helper in their file which does, each once."""
    found: dict[tuple[str, str | int], Location] = {}
    for source, refs in navigator.references(tests=True):
        tests = _Tests(source, navigator.files.outline(source.path) if source.language == "rust" else ())
        callers: dict[str, list[Reference]] = {}  # by helper
        for ref in refs:
            if not tests.cover(ref.enclosing):
                continue
            helper = "" if tests.is_test(ref.enclosing) else ref.enclosing.rpartition(".")[2]
            if helper not in callers and len(callers) < _HELPERS:
                callers[helper] = [call for call in _callers_in_file(source, helper) if tests.is_test(call.enclosing)]
            for test in callers.get(helper) or [ref]:
                found.setdefault((source.path, test.enclosing or test.line), of_reference(source, test))
    return sorted(found.values(), key=lambda location: (location.path, location.line))


class _Tests:
    """Which definitions of a file are tests: by their names, in Rust by their attributes."""

    def __init__(self, source: SourceFile, outline: Sequence[IndexedSymbol]) -> None:
        self._is_rust, self._is_test_file = source.language == "rust", is_test(source.path)
        self._marked: dict[str, str] = {}  # qualified name -> kind, of what has an attribute of tests
        lines = source.text.split("\n") if self._is_rust else []
        for symbol in (item.symbol for item in outline):
            rows = takewhile(lambda row: lines[row].lstrip().startswith("#["), range(symbol.start_line - 1, len(lines)))
            if any(_RUST_TEST.match(lines[row].strip()) for row in rows):
                self._marked[symbol.qualified] = symbol.kind

    def is_test(self, qualified: str) -> bool:
        return self._marked.get(qualified) == "function" if self._is_rust else bool(_TEST.search(qualified))

    def cover(self, qualified: str) -> bool:
        """Whether a definition is compiled for tests only: it is in a test file, or in a module of tests."""
        parts = qualified.split(".")
        scopes = (".".join(parts[:size]) for size in range(1, len(parts) + 1))
        return self._is_test_file or any(scope in self._marked for scope in scopes)


def _callers_in_file(source: SourceFile, helper: str) -> Sequence[Reference]:
    return references_to(source.text, source.language, helper, _HELPER_S) or () if helper else ()
