"""Which types inherit a method, so that `audit()` or `super.audit()` in one of them means it.

Goes by the base types in the signatures of the index, and by the imports of the files that name them. A type whose name
another one has too is followed no further.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.files.languages import language_of
from indexer.navigation.names.families import family_of
from indexer.navigation.names.modules import Modules
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.references import Reference, references_to
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_Type = tuple[str, str]  # path and qualified name

_INNER = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORD = re.compile(r"\w+")
_GENERICS = re.compile(r"<[^<>]*>")
_AFTER_NAME = re.compile(r"\bextends\b|\bimplements\b|(?<!:):(?!:)|<")
_BASE = re.compile(r"((?:\w+(?:\.|::|\\))*)(\w+)")
_NO_BASES = frozenset({"extends", "implements", "public", "private", "protected", "virtual", "global"})
_BY_IMPORT = frozenset({"python", "typescript"})  # a type of another file must be imported
_IN_PARTS = frozenset({"csharp", "ruby"})  # one type may be in several files


@dataclass(frozen=True, slots=True)
class _Link:
    """Why a type is below another: its base as the signature has it, and the type that this base is."""

    qualifier: str
    base: str
    parent: _Type


class Hierarchy:
    """The types below the one that has a method."""

    def __init__(
        self,
        method: IndexedSymbol,
        snapshot: Snapshot,
        files: WorkingTree,
        modules: Modules,
        is_late: Callable[[], bool],
        mixed: Collection[_Type] = (),
    ) -> None:
        """`mixed`: the types of Ruby that mix in the module around the method."""
        self._files, self._modules = files, modules
        self._owner = method.path, _outer(method.symbol.qualified)
        types, name = snapshot.types(), method.symbol.name
        namesakes = (item for item in snapshot.named([name]) if item.symbol.name == name)
        self._overriding = {(item.path, _outer(item.symbol.qualified)) for item in namesakes}
        self._types = {*map(_type, types), *mixed}
        self._links = {child: _Link("", _outer(method.symbol.qualified), self._owner) for child in mixed}
        self._imports: dict[str, Sequence[Reference]] = {}
        self._follow(types, is_late)

    @property
    def is_of_type(self) -> bool:
        """Whether it is a type that has the method or constant, and no namespace."""
        return self._owner in self._types

    def inherits(self, path: str, enclosing: str, *, is_super: bool = False) -> bool:
        """Whether the innermost type around a definition inherits the method.

        `is_super`: the method of its base is meant, so it may have one of its own.
        """
        around = next((key for key in _scopes(path, enclosing) if key in self._types), self._owner)
        if around not in self._links or (around in self._overriding and not is_super):
            return False
        while around != self._owner:
            if not self._is_meant(around[0], self._links[around]):
                return False
            around = self._links[around].parent
        return True

    def _follow(self, types: Iterable[IndexedSymbol], is_late: Callable[[], bool]) -> None:
        family = _family(self._owner[0])
        relatives = [item for item in types if _family(item.path) == family]
        by_name, by_word = _by_name(relatives), None
        waiting = [self._owner, *(self._links.keys() - self._overriding)]
        while waiting and not is_late():
            parent = waiting.pop()
            name = parent[1].rpartition(".")[2]
            namesakes = by_name[name]
            if len({key[1] for key in namesakes} if family in _IN_PARTS else namesakes) > 1:
                continue
            if by_word is None and parent != self._owner:  # most methods have no heirs: one scan is enough for these
                by_word = _by_word(relatives)
            named = relatives if by_word is None else by_word[name]
            below = (item for item in named if name in item.symbol.signature)
            waiting += [_type(item) for item in below if self._link(item, name, parent)]

    def _link(self, item: IndexedSymbol, name: str, parent: _Type) -> bool:
        """Notes that a type is below another, if it is; whether it has the method from there."""
        child, found = _type(item), bases(item.symbol.signature, item.symbol.name, _family(item.path))
        qualifier = next((qualifier for qualifier, base in found if base == name), None)
        if qualifier is None or child == self._owner or child in self._links:
            return False
        self._links[child] = _Link(qualifier, name, parent)
        return child not in self._overriding

    def _is_meant(self, path: str, link: _Link) -> bool:
        """Whether a file that names a base means that type, and not one of the same name from elsewhere."""
        if path not in self._imports:
            source = self._files.source(path)
            found = references_to(source.text, source.language, "") if source else ()
            self._imports[path] = [ref for ref in found or () if ref.kind == "import"]
        head = re.split(r"\.|::|\\", link.qualifier)[0] or link.base
        named = [item for item in self._imports[path] if item.local == head]
        if not named:
            return path == link.parent[0] or _family(path) not in _BY_IMPORT
        modules = self._modules.seen_from(path)
        brings = modules.is_module if link.qualifier else modules.may_export
        return any(brings(item, link.parent[0]) for item in named)


def bases(signature: str, name: str, family: str) -> Iterator[tuple[str, str]]:
    """The base types in the signature of a type, each as its qualifier and its name."""
    rest = re.split(rf"\b{re.escape(name)}\b", signature, maxsplit=1)[-1].strip()
    if family == "python":
        written = re.sub(r"\w+\s*=[^,]*", "", _without(_INNER, rest.removeprefix("(").removesuffix(")")))
    else:
        flat = _without(_INNER, rest if family == "ruby" else _without(_GENERICS, rest))
        written = (_AFTER_NAME.split(flat, maxsplit=1)[1:] or [""])[0].partition(" where ")[0]
    for match in _BASE.finditer(written):
        if match[2] not in _NO_BASES:
            yield match[1].rstrip(".:\\"), match[2]


def _without(pattern: re.Pattern[str], text: str) -> str:
    while (shorter := pattern.sub("", text)) != text:
        text = shorter
    return text


def _by_name(types: Iterable[IndexedSymbol]) -> Mapping[str, set[_Type]]:
    found: dict[str, set[_Type]] = defaultdict(set)
    for item in types:
        found[item.symbol.name].add(_type(item))
    return found


def _by_word(types: Iterable[IndexedSymbol]) -> Mapping[str, list[IndexedSymbol]]:
    """The types whose signatures have a word."""
    found: dict[str, list[IndexedSymbol]] = defaultdict(list)
    for item in types:
        for word in set(_WORD.findall(item.symbol.signature)):
            found[word].append(item)
    return found


def _type(item: IndexedSymbol) -> _Type:
    return item.path, item.symbol.qualified


def _outer(qualified: str) -> str:
    return qualified.rpartition(".")[0]


def _scopes(path: str, qualified: str) -> Iterator[_Type]:
    """A definition and those around it, inner ones first."""
    while qualified:
        yield path, qualified
        qualified = _outer(qualified)


def _family(path: str) -> str:
    return family_of(language_of(path).name)
