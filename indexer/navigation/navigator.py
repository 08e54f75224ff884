"""The definitions and references that a structural query means, from the symbol table and the files on disk.

Gives nothing when it is unsure: for an unknown name, or a name with several meanings. Does not choose what is listed.
"""

import copy
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from indexer.files.roles import is_test, may_hold_tests
from indexer.navigation.doubts import Doubt, DoubtKind, may_refer, template_of
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.names.aliases import Alias, Aliases
from indexer.navigation.names.disambiguation import Disambiguator
from indexer.navigation.names.families import are_kin, is_for_others
from indexer.navigation.names.hierarchy import Hierarchy
from indexer.navigation.names.import_paths import Search, lookups_for, pattern_of_word, search_for
from indexer.navigation.names.modules import Modules
from indexer.navigation.names.resolution import ReferenceResolver
from indexer.navigation.names.targets import (
    KINDS,
    Target,
    identity_of,
    is_implementation,
    is_script,
    is_static,
    matches,
    mixin_of,
    namespace_of,
    only_methods,
    preferred,
    scopes_of,
)
from indexer.navigation.unparsed import MAX_DEFINITIONS, definitions_by_words
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.embedded import unread
from indexer.parsing.references import Reference, is_understood, references_to
from indexer.storage.snapshot import IndexedSymbol, Snapshot
from indexer.types import SourceFile

# Limits for reading and parsing the files that mention a name, in seconds: CPU time of this thread, and wall time for
# slow disks and busy machines. Past either, the answer is "at least".
_CPU_S, _WALL_S = 0.07, 0.25
_LEAST_PARSE_S = 0.005
_FILES = 300
_MEANINGS = 1000  # definitions of one name: with more it means nothing in particular
_RIVALS = 32  # files that define the name, among which a reference is assigned to one
_IN_PAGES = frozenset({"calls", "uses", "tests"})  # questions about what the markup of a page may do
_PAGES = frozenset({"php", "erb"})  # whose scripts in other languages are not read
_INHERITED = frozenset({"method", "declaration", "constant"})
TEXTS = frozenset({"section", "key"})  # of documents and manifests: no definitions that code can mean
Brings = Callable[..., bool]  # whether an import in the file at `path` brings what is meant
Mentions = list[tuple[SourceFile, Sequence[Reference]]]


class Navigator:
    """The lookups of one query. `doubts` says why something may be left out."""

    def __init__(self, query: StructuralQuery, snapshot: Snapshot, files: WorkingTree, modules: Modules) -> None:
        self.query = query
        self.snapshot = snapshot
        self.files = files
        self.modules = modules
        self.target: IndexedSymbol | None = None  # the definition that is meant, of several
        self.doubts: dict[Doubt, None] = {}
        self.unassigned: Mentions = []  # references that may mean another definition of the name
        self._mentions: dict[tuple[str, bool | None], tuple[Mentions, dict[Doubt, None]]] = {}
        self._worded: list[IndexedSymbol] | None = None
        self.patience = 1.0  # how many times `_CPU_S` and `_WALL_S` it may take
        self._cpu_start, self._wall_start = time.thread_time(), time.monotonic()

    def on(self, target: IndexedSymbol) -> "Navigator":
        """The same lookups for one of several definitions, with doubts of their own. What was read is shared."""
        other = copy.copy(self)
        other.target, other.doubts, other.unassigned = target, {}, []
        return other

    def doubt(self, kind: DoubtKind, path: str = "") -> None:
        self.doubts[Doubt(kind, path)] = None

    def definitions(self, *, every: bool = False) -> list[IndexedSymbol]:
        """The definitions on disk that the name means: of several the `preferred`, or `every` one."""
        last, kinds = self.query.last, KINDS.get(self.query.noun)
        indexed = [found for found in self.snapshot.named([last]) if found.symbol.name == last and found.path]
        if len(indexed) > _MEANINGS:
            return []
        paths = dict.fromkeys(found.path for found in indexed if matches(found, self.query.name))
        if len(paths) > MAX_DEFINITIONS * 4:
            return []
        current = [found for path in paths for found in self.files.definitions(path, indexed, last)]
        current = [found for found in current if matches(found, self.query.name) and found.symbol.kind not in TEXTS]
        current = current or self._worded_definitions()
        if kinds:
            current = [found for found in current if found.symbol.kind in kinds]
        return current if every else preferred(current, self.query.path)

    def targets(self) -> list[IndexedSymbol]:
        """The definitions that the name means, each once: those in code, where there are any, and none in a schema."""
        found: dict[tuple[str, str], IndexedSymbol] = {}
        for item in self.definitions():
            found.setdefault(identity_of(item), item)
        return [item for item in found.values() if self._is_understood(item)] or list(found.values())

    def sole_definition(self) -> IndexedSymbol | None:
        """The one definition that the name means; None for a name of several."""
        if self.target is not None:
            return self.target
        found = self.targets()
        return found[0] if len(found) == 1 else None

    def candidate_files(self, definition: IndexedSymbol) -> list[str]:
        """Its file, and those of the other definitions of the name."""
        paths = list(dict.fromkeys([definition.path, *(item.path for item in self._rivals(definition))]))
        if len(paths) > _RIVALS:
            self.doubt("meaning")
        return paths[:_RIVALS]

    def sources(self, terms: Sequence[str], texts: Sequence[str], tests: bool | None = None) -> Iterator[SourceFile]:
        """The files on disk whose indexed chunks hold a term and a text, tests last, until the time is up.

        `tests`: True for tests only, False for all but tests, None for both.
        """
        paths = self.snapshot.files_with(terms, texts, _FILES + 1)
        if len(paths) > _FILES:
            self.doubt("files")
        for path in sorted(paths[:_FILES], key=lambda path: (is_test(path), path)):
            if tests is not None and not (may_hold_tests(path) if tests else not is_test(path)):
                continue
            if self.is_late():
                return
            if source := self.files.source(path):
                yield source

    def mentions(self, name: str, tests: bool | None = None) -> Mentions:
        """The references to anything of that name, imports included, file by file. Each name is looked up once."""
        if (name, tests) not in self._mentions:
            before, self.doubts = self.doubts, {}
            found = list(self._look_up(search_for(name), pattern_of_word(name), name, tests))
            self._mentions[name, tests] = found, self.doubts
            self.doubts = before
        found, doubts = self._mentions[name, tests]
        self.doubts |= doubts
        return found

    def importers(self, path: str) -> Mentions:
        """The files that may import a file, with all their imports."""
        found: dict[str, tuple[SourceFile, Sequence[Reference]]] = {}
        words = [word for name in self.modules.own_names(path) for word in re.findall(r"\w+", name)[-1:] or [""]]
        if "" in words:  # `@`: no word finds the files that import it
            self.doubt("meaning")
        for search, pattern in lookups_for(path, words):
            found |= {item[0].path: item for item in self._look_up(search, pattern, "", None)}
        return list(found.values())

    def references(self, tests: bool | None = None) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        """The references to the one definition that is meant, imports left out; none if several may be meant."""
        definition = self.sole_definition()
        if definition is None or not self._is_understood(definition):
            return
        paths, target = self.candidate_files(definition), self._target(definition)
        named = [definition, *self._rivals(definition)]
        hidden, methods = {item.path for item in named if is_static(item)}, only_methods(named)
        is_outside_classes = "." not in definition.symbol.qualified
        for source, refs in self._mentions_of(definition, tests):
            resolver = ReferenceResolver(target, source, refs, self.modules)
            seen = [p for p in paths if p == source.path or (p not in hidden and are_kin(source.language, p))]
            if definition.path not in seen:
                continue
            disambiguator = Disambiguator(seen, source, refs, self.modules, methods, scopes_of(named))
            in_sight = [
                ref
                for ref in refs
                if ref.kind != "import"
                and resolver.resolves(ref)
                and not (is_outside_classes and disambiguator.is_out_of_sight(ref, definition.path))
            ]
            resolved = [
                (ref, definition.path if resolver.is_certain(ref) else disambiguator.file_of(ref)) for ref in in_sight
            ]
            if any(resolver.may_mean(ref) for ref in refs if not resolver.resolves(ref)):
                self.doubt("meaning", source.path)
            if any(ref.kind == "unclear" and path in ("", definition.path) for ref, path in resolved):
                self.doubt("syntax", source.path)
            certain = [(ref, path) for ref, path in resolved if ref.kind != "unclear"]
            if unassigned := [ref for ref, path in certain if not path]:
                self.doubt("meaning", source.path)
                self.unassigned.append((source, unassigned))
            if self.target is not None:
                by_type = [ref for ref in refs if resolver.may_be_of_object(ref) and not resolver.resolves(ref)]
                self.unassigned.append((source, by_type))
            yield source, [ref for ref, path in certain if path == definition.path]
        yield from self._aliased_references(tests)
        if target.is_method:
            self.doubt("types")

    def _mentions_of(
        self, definition: IndexedSymbol, tests: bool | None
    ) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        """The mentions of its name in languages that can mean it."""
        is_shared = is_for_others(definition.path, definition.symbol.signature)
        is_of_page = is_script(self.files.source(definition.path))
        for source, refs in self.mentions(self.query.last, tests):
            if are_kin(source.language, definition.path):
                yield source, refs
            elif is_shared and any(ref.kind == "call" for ref in refs):
                self.doubt("meaning", source.path)
            elif is_of_page and source.language in _PAGES:
                self.doubt("language", source.path)

    def _aliased_references(self, tests: bool | None) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        for alias, source, refs in self.aliased(tests):
            found = alias.references(source.path, refs, self.modules)
            if not found and alias.may_be_unseen(source, refs, self.modules):
                self.doubt("meaning", source.path)
            yield source, found

    def is_late(self) -> bool:
        """Whether the time is up, which is then a doubt."""
        if self._seconds_left() <= 0:
            self.doubt("time")
            return True
        return False

    def aliased(self, tests: bool | None = None) -> Iterator[tuple[Alias, SourceFile, Sequence[Reference]]]:
        """The files that may import the one definition under another name, with the alias that they may import."""
        definition = self.sole_definition()
        own = self.files.source(definition.path) if definition else None
        if definition is None or own is None or "." in definition.symbol.qualified:
            return
        aliases = Aliases(definition.path, self.query.last, self.modules)
        for source, refs in [(own, ()), *self.mentions(self.query.last, tests)]:
            aliases.note(source, refs, aliases.root)
        for alias, search in ((each, search) for each in aliases for search in each.searches):
            brings = partial(alias.is_brought_by, modules=self.modules)
            if alias.name == "default" and self.modules.own_names(alias.path):
                self.doubt("meaning")
            name = alias.name if alias.name != "default" else ""
            for source, refs in self._look_up(search, alias.pattern, name, tests, brings):
                aliases.note(source, refs, alias)
                yield alias, source, refs

    def _look_up(
        self, search: Search, pattern: re.Pattern[str], name: str, tests: bool | None, brings: Brings | None = None
    ) -> Iterator[tuple[SourceFile, Sequence[Reference]]]:
        """The references to `name`, or to what `brings` says of the imports of a path, in files with the pattern."""
        for source in self.sources(*search, tests) if search[0] else ():
            if not pattern.search(source.text):
                continue
            seconds = max(_LEAST_PARSE_S, self._seconds_left())
            by_import = (partial(brings, path=source.path),) if brings else ()
            refs = references_to(source.text, source.language, name, seconds, *by_import)
            if refs is not None:
                if self.query.kind in _IN_PAGES and pattern.search(unread(source.text, template_of(source))):
                    self.doubt("language", source.path)
                yield source, refs
            elif is_understood(source.language):
                self.doubt("time")
            elif may_refer(source.path, source.language, self.query.kind):
                self.doubt("language", source.path)

    def _is_understood(self, definition: IndexedSymbol) -> bool:
        source = self.files.source(definition.path)
        return source is not None and is_understood(source.language)

    def _worded_definitions(self) -> list[IndexedSymbol]:
        """Those in code without a grammar."""
        if self._worded is None:
            self._worded = definitions_by_words(self.query.name, self.snapshot, self.files, self._seconds_left)
        return self._worded

    def _rivals(self, definition: IndexedSymbol) -> list[IndexedSymbol]:
        """The other definitions of the name. `const read = require("./read")` is none."""
        last, own = self.query.last, identity_of(definition)
        named = [item for item in self.snapshot.named([last]) if item.symbol.name == last and is_implementation(item)]
        rivals = [item for item in named if item.symbol.kind not in ("constant", "section")] + self.targets()
        return [item for item in rivals if identity_of(item) != own]

    def _target(self, definition: IndexedSymbol) -> Target:
        rivals, mixed, hierarchy = self._rivals(definition), self._mixing(definition), None
        is_namesake = any(item.symbol.qualified == definition.symbol.qualified for item in rivals)
        source = self.files.source(definition.path)
        if mixed or (definition.symbol.kind in _INHERITED and "." in definition.symbol.qualified):
            hierarchy = Hierarchy(definition, self.snapshot, self.files, self.modules, self.is_late, mixed)
        namespace = namespace_of(source)
        return Target(definition, bool(rivals), namespace, hierarchy, is_script(source), is_namesake, bool(mixed))

    def _mixing(self, definition: IndexedSymbol) -> list[tuple[str, str]]:
        """The path and the qualified name of each type that mixes in the module around a method."""
        module, apart = mixin_of(definition), copy.copy(self)
        apart.doubts = {}  # a file that has the name of the module is no doubt about the method
        found = apart.mentions(module) if module else ()
        return [(source.path, ref.enclosing) for source, refs in found for ref in refs if ref.kind == "inherit"]

    def _seconds_left(self) -> float:
        cpu_left = self._cpu_start + self.patience * _CPU_S - time.thread_time()
        return max(cpu_left, 0.0) and self._wall_start + self.patience * _WALL_S - time.monotonic()
