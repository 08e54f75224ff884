"""Names and files that a question mentions or describes -> the chunks that hold them. Reads only the index."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import islice

from indexer.parsing.identifiers import action, split
from indexer.search.query import SearchQuery
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_POOL = 200  # candidates among described names
_TERMS, _FILES = 200, 100  # of a question that count: a longer text names what it is about before
_PHRASE = 6  # words of a scope that a question can name: a heading is a scope too
_WORD = re.compile(r"\w+")
# Scores; a sure name has 1.
_FILE_SCORE = 0.4
_DESCRIBED_SCORE = 0.6
_VERBATIM_SCORE = 0.9
_VERBATIM = 20  # chunks: a name that more have is ignored
_UNDEFINED = 10  # names without a definition that count
_FILES_PER_NAME = 3  # a file name that matches more is ignored
_DEFINITIONS_PER_NAME = 40  # a symbol name that matches more is ignored
_KINDS = {"declaration": 0.5, "impl": 0.5, "section": 0.4, "constant": 0.8, "selector": 0.8, "target": 0.8}


def match_symbols(query: SearchQuery, snapshot: Snapshot, allowed: Collection[int] | None) -> dict[int, float]:
    """Scores by chunk id: 1 for a definition whose name is sure and its own, less for a name that several share.

    `allowed`: the chunks to choose from; None for all.
    """
    probability = dict(query.names)
    definitions = snapshot.named(probability)
    count = Counter(item.symbol.name.lower() for item in definitions)
    phrases = _phrases(query.text)
    scores = dict.fromkeys(_in_files(query, snapshot), _FILE_SCORE) | _described(query, snapshot)
    scores |= _verbatim([name for name, sure in query.names if sure >= 1 and name not in count], snapshot)
    for item in definitions:
        name = item.symbol.name.lower()
        if count[name] > _DEFINITIONS_PER_NAME:
            continue
        kind = _KINDS.get(item.symbol.kind, 1.0)
        score = probability.get(name, 0.0) * kind * _scope_factor(item, phrases) / math.sqrt(count[name])
        for chunk in snapshot.chunks_at(item):
            scores[chunk] = max(scores.get(chunk, 0.0), score)
    inside = scores if allowed is None else set(allowed)
    return {chunk: score for chunk, score in scores.items() if chunk in inside}


def _described(query: SearchQuery, snapshot: Snapshot) -> dict[int, float]:
    """Chunks of definitions whose name is made of words of the question: `build_prompt` for "the prompt builder"."""
    words = query.terms[:_TERMS]
    terms = dict.fromkeys([*words, *map(action, words)])
    scores = {}
    for chunk, symbol in snapshot.named_like(list(terms), _POOL):
        parts = split(symbol.rpartition(".")[2])[1:]  # the whole name comes first, then its parts
        if len(parts) > 1 and terms.keys() >= set(parts):
            scores[chunk] = _DESCRIBED_SCORE
    return scores


def _verbatim(names: Collection[str], snapshot: Snapshot) -> dict[int, float]:
    """Chunks with a name that no known definition has: a language may have no grammar, a file may not be parsed."""
    scores: dict[int, float] = {}
    for term in [name.strip("_") for name in islice(names, _UNDEFINED)]:  # as the index has whole identifiers
        if 0 < snapshot.frequency([term]).get(term, 0) <= _VERBATIM:
            found = snapshot.lexical([term], _VERBATIM)
            scores |= dict.fromkeys((chunk for chunk, _ in found), _VERBATIM_SCORE / math.sqrt(len(found) or 1))
    return scores


def _in_files(query: SearchQuery, snapshot: Snapshot) -> list[int]:
    """Chunks of the files that the question mentions, by names that match few files."""
    if not query.files:
        return []
    by_name = _by_file_name(snapshot.paths())
    matching = [
        [path for path in by_name.get(_file_name(name), ()) if _is_file(path, name)] for name in query.files[:_FILES]
    ]
    return snapshot.chunk_ids_in({path for found in matching if len(found) <= _FILES_PER_NAME for path in found})


def spells_file(query: SearchQuery, snapshot: Snapshot) -> bool:
    """Whether the question spells the path of a file, or its last parts."""
    by_name = _by_file_name(snapshot.paths()) if query.files else {}
    return any(
        f"/{path}".endswith(f"/{name}") for name in query.files[:_FILES] for path in by_name.get(_file_name(name), ())
    )


def _by_file_name(paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(_file_name(path), []).append(path)
    return found


def _file_name(path: str) -> str:
    return path.rpartition("/")[2].lstrip("./")


def _is_file(path: str, name: str) -> bool:
    """`name` may leave out leading folders of the path, as a person does, or have more of them, as a traceback does."""
    return f"/{path}".endswith(f"/{name.lstrip('./')}") or (path.count("/") > 0 and name.endswith(f"/{path}"))


def _scope_factor(definition: IndexedSymbol, phrases: Collection[tuple[str, ...]]) -> float:
    """More for a definition whose scope the question names too."""
    scope = definition.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
    return 1.5 if scope and tuple(_WORD.findall(scope)) in phrases else 1.0


def _phrases(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of up to `_PHRASE` words of a text."""
    words = _WORD.findall(text)
    return frozenset(tuple(words[at : at + n]) for at in range(len(words)) for n in range(1, _PHRASE + 1))
