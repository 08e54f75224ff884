"""Definitions in languages without a grammar, found by the words of their lines."""

from collections.abc import Callable
from itertools import islice

from indexer.files.languages import language_of
from indexer.navigation.doubts import may_refer
from indexer.navigation.working_tree import WorkingTree
from indexer.parsing.identifiers import split
from indexer.parsing.worded_definitions import worded_definitions
from indexer.storage.snapshot import IndexedSymbol, Snapshot

MAX_DEFINITIONS = 8  # that "where is X defined" lists; more are no answer
_FILES = 300


def definitions_by_words(
    name: str, snapshot: Snapshot, files: WorkingTree, seconds_left: Callable[[], float]
) -> list[IndexedSymbol]:
    """None of a name with scopes."""
    terms = split(name)[:1] if "." not in name else []
    found: list[IndexedSymbol] = []
    for path in snapshot.files_with(terms, [name], _FILES) if terms else ():
        language = language_of(path)
        is_code = not language.grammar and may_refer(path, language.name, "definition")
        source = files.source(path) if is_code and seconds_left() > 0 else None
        symbols = islice(worded_definitions(source.text, name), MAX_DEFINITIONS + 1) if source else ()
        found += [IndexedSymbol(path, symbol) for symbol in symbols]
    return found
