"""The definitions and references that a structural query means, from the symbol table and the files on disk.

Gives nothing when it is unsure: for an unknown name, or a name with several meanings. Does not choose what is listed.
"""

import re
import time
from collections.abc import Iterator, Sequence

from indexer.files.roles import is_test, may_hold_tests
from indexer.navigation.disambiguation import Disambiguator
from indexer.navigation.hierarchy import Hierarchy
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.modules import Modules
from indexer.navigation.resolution import ReferenceResolver, Target, is_implementation, matches, namespace_of, preferred
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.identifiers import split
from indexer.parsing.references import Reference, references_to
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.types import SourceFile

# Limits for reading and parsing the files that mention a name, in seconds: CPU time of this thread, and wall time for
# slow disks and busy machines. Past either, the answer is "at least".
_CPU_S, _WALL_S = 0.07, 0.25
_LEAST_PARSE_S = 0.005
_FILES = 300
_MEANINGS = 1000  # definitions of one name: with more it means nothing in particular
MAX_DEFINITIONS = 8  # that "where is X defined" lists; more are no answer
_KINDS = {  # kinds of definitions that each noun of a question covers
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
References = Iterator[tuple[SourceFile, Sequence[Reference]]]


class Navigator:
    """The lookups of one query. `is_complete` turns False when a limit, or doubt, left something out."""

    def __init__(self, query: StructuralQuery, snapshot: Snapshot, files: WorkingTree, modules: Modules) -> None:
        self.query = query
        self.snapshot = snapshot
        self.files = files
        self.modules = modules
        self.is_complete = True
        self._cpu_start, self._wall_start = time.thread_time(), time.monotonic()

    def definitions(self) -> list[IndexedSymbol]:
        """The definitions on disk that the name means. Declarations and stubs count only if there is nothing else."""
        last, kinds = self.query.last, _KINDS.get(self.query.noun)
        indexed = [found for found in self.snapshot.named([last]) if found.symbol.name == last and found.path]
        if len(indexed) > _MEANINGS:
            return []
        paths = dict.fromkeys(found.path for found in indexed if matches(found, self.query.name))
        if len(paths) > MAX_DEFINITIONS * 4:
            return []
        current = [found for path in paths for found in self.files.definitions(path, indexed, last)]
        current = [found for found in current if matches(found, self.query.name) and found.symbol.kind != "section"]
        if kinds:
            current = [found for found in current if found.symbol.kind in kinds]
        return preferred(current, self.query.path)

    def sole_definition(self) -> IndexedSymbol | None:
        """The one definition that the name means; None for a name of several."""
        found = self.definitions()
        return found[0] if len({(item.path, item.symbol.qualified) for item in found}) == 1 else None

    def candidate_files(self, definition: IndexedSymbol) -> list[str]:
        """Its file, and, if a path says which definition is meant, the files of the others of that name."""
        named = self.snapshot.named([self.query.last]) if self.query.path else []
        others = (item.path for item in named if is_implementation(item) and matches(item, self.query.name))
        return [definition.path, *others]

    def sources(self, terms: Sequence[str], texts: Sequence[str], tests: bool | None = None) -> Iterator[SourceFile]:
        """The files on disk whose indexed chunks hold a term and a text, tests last, until the time is up.

        `tests`: True for tests only, False for all but tests, None for both.
        """
        paths = self.snapshot.files_with(terms, texts, _FILES + 1)
        self.is_complete = len(paths) <= _FILES
        for path in sorted(paths[:_FILES], key=lambda path: (is_test(path), path)):
            if tests is not None and not (may_hold_tests(path) if tests else not is_test(path)):
                continue
            if self._seconds_left() <= 0:
                self.is_complete = False
                return
            if source := self.files.source(path):
                yield source

    def mentions(self, name: str, tests: bool | None = None) -> References:
        """The references to anything of that name, imports included, file by file."""
        terms = split(name)[:1]
        word = re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")
        for source in self.sources(terms, [name], tests) if terms else ():
            if not word.search(source.text):
                continue
            refs = references_to(source.text, source.language, name, max(_LEAST_PARSE_S, self._seconds_left()))
            if refs is not None:
                yield source, refs
            elif self._seconds_left() <= 0:
                self.is_complete = False

    def references(self, tests: bool | None = None) -> References:
        """The references to the one definition that is meant, imports left out; none if several may be meant."""
        definition = self.sole_definition()
        if definition is None:
            return
        paths, target = self.candidate_files(definition), self._target(definition)
        for source, refs in self.mentions(self.query.last, tests):
            resolver = ReferenceResolver(target, source, refs, self.modules)
            disambiguator = Disambiguator(paths, source, refs)
            resolved = [
                (ref, disambiguator.file_of(ref)) for ref in refs if ref.kind != "import" and resolver.resolves(ref)
            ]
            unclear = any(resolver.may_mean(ref) for ref in refs if not resolver.resolves(ref))
            self.is_complete = self.is_complete and all(path for _, path in resolved) and not unclear
            yield source, [ref for ref, path in resolved if path == definition.path]
        self.is_complete = self.is_complete and definition.symbol.kind != "method"  # types of objects are not inferred

    def _target(self, definition: IndexedSymbol) -> Target:
        namesakes = [item for item in self.snapshot.named([self.query.last]) if item.symbol.name == self.query.last]
        is_shared = len(set(self.candidate_files(definition))) > 1 or any(
            is_implementation(item) and not matches(item, self.query.name) for item in namesakes
        )
        hierarchy = None
        if definition.symbol.kind in ("method", "declaration") and "." in definition.symbol.qualified:
            hierarchy = Hierarchy(definition, self.snapshot.types(), namesakes, self.files, self.modules)
        return Target(definition, is_shared, namespace_of(self.files.source(definition.path)), hierarchy)

    def _seconds_left(self) -> float:
        cpu_left = self._cpu_start + _CPU_S - time.thread_time()
        return max(cpu_left, 0.0) and self._wall_start + _WALL_S - time.monotonic()
