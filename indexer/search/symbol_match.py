"""Names and files that a question mentions or describes -> the chunks that hold them. Reads the index only."""

import math
import re
from collections import Counter
from collections.abc import Collection

from indexer.parsing.identifiers import action, split
from indexer.search.query import SearchQuery
from indexer.storage.snapshot import IndexedSymbol, Snapshot

_POOL = 200  # described names looked at
_FILE_NAMED = 0.4  # of a sure name
_DESCRIBED = 0.6
_FILES_MEANT = 3
_COMMON = 40  # a name that more definitions have says nothing
_KINDS = {"declaration": 0.5, "impl": 0.5, "section": 0.4, "constant": 0.8}


def match_symbols(asked: SearchQuery, snapshot: Snapshot, allowed: Collection[int] | None) -> dict[int, float]:
    """Chunks of the definitions and files that the question names: 1 for a sure name, less for one that many share."""
    sure = dict(asked.names)
    places = snapshot.named(sure)
    shared = Counter(place.symbol.name.lower() for place in places)
    scores = dict.fromkeys(_in_files(asked, snapshot), _FILE_NAMED) | _described(asked, snapshot)
    for place in places:
        name = place.symbol.name.lower()
        if shared[name] > _COMMON:
            continue
        kind = _KINDS.get(place.symbol.kind, 1.0)
        score = sure[name] * kind * _qualified(place, asked.text) / math.sqrt(shared[name])
        for chunk in snapshot.chunks_at(place):
            scores[chunk] = max(scores.get(chunk, 0.0), score)
    inside = scores if allowed is None else set(allowed)
    return {chunk: score for chunk, score in scores.items() if chunk in inside}


def _described(asked: SearchQuery, snapshot: Snapshot) -> dict[int, float]:
    """Chunks of definitions whose name is made of words of the question: `build_prompt` for "the prompt builder"."""
    said = list(dict.fromkeys([*asked.terms, *map(action, asked.terms)]))
    found = {}
    for chunk, symbol in snapshot.named_like(said, _POOL):
        words = split(symbol.rpartition(".")[2])[1:]  # after the whole name its parts
        if len(words) > 1 and set(words) <= set(said):
            found[chunk] = _DESCRIBED
    return found


def _in_files(asked: SearchQuery, snapshot: Snapshot) -> list[int]:
    """Chunks of the files that the question mentions, where a name means few of them."""
    if not asked.files:
        return []
    paths = snapshot.paths()
    meant = [[path for path in paths if _is_meant(path, name)] for name in asked.files]
    return snapshot.chunk_ids_in({path for found in meant if len(found) <= _FILES_MEANT for path in found})


def _is_meant(path: str, name: str) -> bool:
    """`name` may leave out folders before the path, as a person does, or have more of them, as a traceback has."""
    return f"/{path}".endswith(f"/{name.lstrip('./')}") or (path.count("/") > 0 and name.endswith(f"/{path}"))


def _qualified(place: IndexedSymbol, text: str) -> float:
    """A question that names the scope too means the one in that scope."""
    scope = place.symbol.qualified.rpartition(".")[0].rpartition(".")[2]
    return 1.5 if scope and re.search(rf"\b{re.escape(scope)}\b", text) else 1.0
