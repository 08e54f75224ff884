"""Structural questions answered from the symbol table and the files of now: exact lines, without any model.

Gives nothing where it is unsure: an unknown name, a name with several meanings, no place found.
Does not know how an answer is worded.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from indexer.files.roles import is_test
from indexer.navigation.intent import StructuralQuery, What
from indexer.navigation.resolution import Modules, Nearest, ReferenceResolver, imports_it, is_real, means, preferred
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.entrypoints import COMMAND_TERMS, COMMAND_TEXTS, ROUTE_TERMS, ROUTE_TEXTS, Entry, commands, routes
from indexer.parsing.identifiers import split
from indexer.parsing.references import Reference, references_to
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.storage.store import Store
from indexer.types import Hit, SourceFile

# For reading and parsing the files that mention a name: of computing, and of waiting where a disk or others are slow.
# Past it the answer is "at least".
_SECONDS, _WAITING = 0.07, 0.25
_FILES = 300
_PLACES = 200
_MEANT = 8  # definitions that "where is X defined" lists; more say nothing
_HELPER_SECONDS = 0.02
_TEST = re.compile(r"(?:^|\.|_)(?:[Tt]ests?(?=$|[_.A-Z])|should|it_)|Tests?(?=$|\.)")
_CHARACTERS = 6000  # of the code that comes with the places: about 1,500 tokens in a later prompt
_KINDS = {  # of a definition that the question calls so
    "function": {"function", "method", "declaration"},
    "method": {"method", "declaration"},
    "class": {"class", "interface", "enum", "type", "impl"},
    "struct": {"class", "impl"},
    "interface": {"interface", "class"},
    "protocol": {"interface", "class"},
    "trait": {"interface"},
    "enum": {"enum", "class"},
    "type": {"type", "class", "interface", "enum"},
    "constant": {"constant"},
}


@dataclass(frozen=True, slots=True)
class Location:
    """One line that answers."""

    path: str
    line: int
    symbol: str  # the definition itself, or the one that the line stands in; "" outside
    kind: str  # of that definition; of a reference what it is: call, import, inherit, use
    text: str  # a signature, or the line itself
    hit: int | None = None  # which of the hits holds it


@dataclass(frozen=True, slots=True)
class StructuralAnswer:
    """An exact answer."""

    asked: StructuralQuery
    spots: tuple[Location, ...]
    hits: tuple[Hit, ...]  # the code of the first spots
    complete: bool  # False: there may be more


def answer(asked: StructuralQuery, store: Store) -> StructuralAnswer | None:
    """None where it is unsure. Reads files, for about 0.1 s at most. Raises NotIndexed, IndexDamaged, IndexStorage."""
    with store.read() as snapshot:
        look = Navigator(asked, snapshot, WorkingTree(store.root, snapshot), Modules(snapshot, store.root.name))
        spots = _ANSWERS[asked.what](look)[:_PLACES]
        return StructuralAnswer(asked, *look.with_code(spots), look.complete) if spots else None


class Navigator:
    """One question being answered."""

    def __init__(self, asked: StructuralQuery, snapshot: Snapshot, now: WorkingTree, modules: Modules) -> None:
        self.asked = asked
        self.snapshot = snapshot
        self.now = now
        self.modules = modules
        self.complete = True
        self._computed, self._began = time.thread_time(), time.monotonic()

    def defined(self) -> list[IndexedSymbol]:
        """The definitions of now that the name means; the real ones where there are others too."""
        last, kinds = self.asked.last, _KINDS.get(self.asked.noun)
        indexed = [place for place in self.snapshot.named([last]) if place.symbol.name == last and place.path]
        paths = dict.fromkeys(place.path for place in indexed if means(place, self.asked.name))
        if len(paths) > _MEANT * 4:
            return []
        found = [place for path in paths for place in self.now.places(path, indexed, last)]
        found = [place for place in found if means(place, self.asked.name) and place.symbol.kind != "section"]
        if kinds:
            found = [place for place in found if place.symbol.kind in kinds]
        return preferred(found, self.asked.path)

    def files(self, place: IndexedSymbol) -> list[str]:
        """The file of the one that is meant, then those of what else has the name where its path told which it is."""
        named = self.snapshot.named([self.asked.last]) if self.asked.path else []
        return [place.path, *(other.path for other in named if is_real(other) and means(other, self.asked.name))]

    def one(self) -> IndexedSymbol | None:
        """The one thing that the name means; None for a name of several."""
        found = self.defined()
        return found[0] if len({(place.path, place.symbol.qualified) for place in found}) == 1 else None

    def sources(self, terms: Sequence[str], texts: Sequence[str], tests: bool | None = None) -> Iterator[SourceFile]:
        """The files of now whose indexed chunks hold a term and a text, tests last, until the time is over."""
        paths = self.snapshot.files_with(terms, texts, _FILES + 1)
        self.complete = len(paths) <= _FILES
        for path in sorted(paths[:_FILES], key=lambda path: (is_test(path), path)):
            if tests is not None and is_test(path) is not tests:
                continue
            if self._left() <= 0:
                self.complete = False
                return
            if source := self.now.source(path):
                yield source

    def mentions(self, name: str, tests: bool | None = None) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        terms = split(name)[:1]
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        for source in self.sources(terms, [name], tests) if terms else ():
            if not word.search(source.text):
                continue
            refs = references_to(source.text, source.language, name, max(0.005, self._left()))
            if refs is not None:
                yield source, refs
            elif self._left() <= 0:
                self.complete = False

    def _left(self) -> float:
        """Seconds."""
        computing = self._computed + _SECONDS - time.thread_time()
        return max(computing, 0.0) and self._began + _WAITING - time.monotonic()

    def meaning_it(self, tests: bool | None = None) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        """Those of the mentions that mean the one thing that was asked for, without imports; none if it is not one."""
        place = self.one()
        if place is None:
            return
        others = [other for other in self.snapshot.named([self.asked.last]) if other.symbol.name == self.asked.last]
        files = self.files(place)
        is_one = len(set(files)) == 1
        shared = not is_one or any(is_real(other) and not means(other, self.asked.name) for other in others)
        for source, refs in self.mentions(self.asked.last, tests):
            of, near = ReferenceResolver(place, source, refs, self.modules, shared=shared), Nearest(files, source, refs)
            meant = [(ref, near(ref)) for ref in refs if ref.kind != "import" and of(ref)]
            self.complete = self.complete and all(path for _, path in meant)
            yield source, [ref for ref, path in meant if path == place.path]
        self.complete = self.complete and place.symbol.kind != "method"  # what an object is, is not read

    def with_code(self, spots: Sequence[Location]) -> tuple[tuple[Location, ...], tuple[Hit, ...]]:
        """The spots with the hit that each lies in, as long as the hits stay few enough for a prompt."""
        hits: list[Hit] = []
        placed = []
        for spot in spots:
            around = (n for n, h in enumerate(hits) if h.path == spot.path and h.start_line <= spot.line <= h.end_line)
            number = next(around, None)
            if number is None and sum(len(hit.text) for hit in hits) < _CHARACTERS:
                hit = self.now.hit(spot.path, spot.line, spot.symbol, whole=self.asked.what in _OF_DEFINITIONS)
                number = len(hits) if hit else None
                hits += [hit] if hit else []
            placed.append(replace(spot, hit=number))
        return tuple(placed), tuple(hits)


def _definition(look: Navigator) -> list[Location]:
    found = look.defined()
    return [_spot_of(place) for place in found] if len(found) <= _MEANT else []


def _calls(look: Navigator) -> list[Location]:
    return _references(look, {"call"})


def _uses(look: Navigator) -> list[Location]:
    return _references(look, {"call", "inherit", "use"})


def _references(look: Navigator, kinds: set[str]) -> list[Location]:
    found = [_spot(source, ref) for source, refs in look.meaning_it() for ref in refs if ref.kind in kinds]
    return _one_a_line(found)


def _tests(look: Navigator) -> list[Location]:
    """The tests that mention it, or a helper in their file that does, each once."""
    found: dict[tuple[str, str | int], Location] = {}
    for source, refs in look.meaning_it(tests=True):
        for ref in refs:
            helped = [] if _TEST.search(ref.enclosing) else _helped(source, ref.enclosing.rpartition(".")[2])
            for test in [other for other in helped if _TEST.search(other.enclosing)] or [ref]:
                found.setdefault((source.path, test.enclosing or test.line), _spot(source, test))
    return sorted(found.values(), key=lambda spot: (spot.path, spot.line))


def _helped(source: SourceFile, helper: str) -> Sequence[Reference]:
    return references_to(source.text, source.language, helper, _HELPER_SECONDS) or () if helper else ()


def _imports(look: Navigator) -> list[Location]:
    asked = look.asked
    place = None if asked.is_path else look.one()
    if place is None and not asked.is_path and look.defined():
        return []
    name = asked.name.rpartition("/")[2].partition(".")[0] if asked.is_path else asked.last
    found = []
    path = place.path if place else ""
    files = look.files(place) if place else [path]
    for source, refs in look.mentions(name):
        near = Nearest(files, source, refs)
        imports = [ref for ref in refs if ref.kind == "import" and near.imported([ref]) == path]
        found += [_spot(source, ref) for ref in imports if imports_it(ref, source.path, asked, path, look.modules)]
    return _one_a_line(found)


def _subclasses(look: Navigator) -> list[Location]:
    """A type that is not defined here, as those of libraries, is known by its name alone."""
    asked = look.asked
    foreign = "." not in asked.name and not look.defined()
    mentions = look.mentions(asked.last) if foreign else look.meaning_it()
    return _one_a_line([_spot(source, ref) for source, refs in mentions for ref in refs if ref.kind == "inherit"])


def _outline(look: Navigator) -> list[Location]:
    """The definitions in a file, or in a class."""
    asked = look.asked
    if asked.is_path:
        paths = [path for path in look.snapshot.paths() if f"/{path}".endswith(f"/{asked.name}")]
        return [_spot_of(place) for place in look.now.outline(paths[0])] if len(paths) == 1 else []
    place = look.one()
    if place is None or place.symbol.kind not in ("class", "interface", "enum", "module", "impl"):
        return []
    inside = f"{place.symbol.qualified}."
    return [_spot_of(other) for other in look.now.outline(place.path) if other.symbol.qualified.startswith(inside)]


def _routes(look: Navigator) -> list[Location]:
    return _entries(look, ROUTE_TERMS, ROUTE_TEXTS, routes)


def _commands(look: Navigator) -> list[Location]:
    return _entries(look, COMMAND_TERMS, COMMAND_TEXTS, commands)


def _entries(
    look: Navigator, terms: Sequence[str], texts: Sequence[str], read: Callable[[str, str], tuple[Entry, ...]]
) -> list[Location]:
    return [
        Location(source.path, entry.line, entry.symbol, "call", _line(source, entry.line))
        for source in look.sources(terms, texts, tests=False)
        for entry in read(source.text, source.language)
    ]


_ANSWERS: dict[What, Callable[[Navigator], list[Location]]] = {
    "definition": _definition,
    "signature": _definition,
    "calls": _calls,
    "uses": _uses,
    "imports": _imports,
    "subclasses": _subclasses,
    "tests": _tests,
    "outline": _outline,
    "routes": _routes,
    "commands": _commands,
}
_OF_DEFINITIONS = ("definition", "signature", "outline")


def _spot_of(place: IndexedSymbol) -> Location:
    symbol = place.symbol
    return Location(place.path, symbol.start_line, symbol.qualified, symbol.kind, symbol.signature)


def _spot(source: SourceFile, ref: Reference) -> Location:
    return Location(source.path, ref.line, ref.enclosing, ref.kind, _line(source, ref.line))


def _line(source: SourceFile, line: int) -> str:
    return source.text.split("\n", line)[line - 1].strip()


def _one_a_line(spots: Sequence[Location]) -> list[Location]:
    return list({(spot.path, spot.line): spot for spot in spots}.values())
