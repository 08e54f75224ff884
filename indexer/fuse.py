"""One ranking out of several: a pure function of scores and of what is known about each chunk."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from indexer.types import Why

_TEST = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__|testdata|fixtures|e2e|testing)(?:/|$)", re.IGNORECASE)
_TEST_FILE = re.compile(
    r"(?:^test_|^tests?\.|[._-]tests?\.|[._-]spec\.|(?:Test|Tests|IT)\.(?:java|kt|cs)$|^conftest\.py$)"
)
_EXAMPLE = re.compile(r"(?:^|/)(?:examples?|samples?|demos?|benchmarks?|vendor|third_party)/", re.IGNORECASE)
_PROSE = frozenset({"markdown", "rst", "text", "html"})
_DATA = frozenset({"json", "yaml", "toml", "xml", "csv", "css", "ini"})

LEXICAL, DENSE, SYMBOL = 1.0, 1.0, 1.2  # weights: the first two of a list's typical score, the third of a sure name
# Measured on the development repositories: tests at 0.5 to 0.85 are worth 4 points of file MRR, the others harmless.
_TESTS_TIMES = 0.75
_EXAMPLES_TIMES = 0.85
_PROSE_TIMES = 0.6
_DATA_TIMES = 0.75


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk's place among the answers to one question."""

    id: int
    score: float
    why: Why


def fuse(
    lexical: Mapping[int, float],
    dense: Mapping[int, float],
    symbol: Mapping[int, float],
    factors: Mapping[int, float],
    pool: int,
) -> list[Ranked]:
    """Best first, ties by id. Each argument maps chunk ids: BM25; cosine; 0 to 1 for a name; a factor on the sum.

    BM25 and cosine count by how far they lie above what the chunks beyond their list have at most, in units of what
    the list has on average (root mean square). So a chunk that a signal did not find gets 0 from it, and no signal
    drowns another by its scale. `pool`: the length from which on a list is cut off.
    """
    # A lexical list that is not cut off holds every chunk with any of the words: the others have 0.
    above_lexical = _above(lexical, min(lexical.values(), default=0.0) if len(lexical) >= pool else 0.0)
    above_dense = _above(dense, min(dense.values(), default=0.0))
    ranked = []
    for chunk in lexical.keys() | dense.keys() | symbol.keys():
        why = Why(
            lexical=LEXICAL * above_lexical.get(chunk, 0.0),
            dense=DENSE * above_dense.get(chunk, 0.0),
            symbol=SYMBOL * symbol.get(chunk, 0.0),
        )
        ranked.append(Ranked(chunk, (why.lexical + why.dense + why.symbol) * factors.get(chunk, 1.0), why))
    return sorted(ranked, key=lambda item: (-item.score, item.id))


def factor(path: str, language: str, about_tests: bool, about_docs: bool) -> float:
    """Below 1 for what is rarely the answer to a question that does not ask for it: tests, examples, prose, data."""
    times = 1.0
    if not about_tests and is_test(path):
        times *= _TESTS_TIMES
    if _EXAMPLE.search(path):
        times *= _EXAMPLES_TIMES
    if not about_docs and language in _PROSE:
        times *= _PROSE_TIMES
    return times * (_DATA_TIMES if language in _DATA else 1.0)


def is_test(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(_TEST.search(folder) or _TEST_FILE.search(name))


def _above(scores: Mapping[int, float], floor: float) -> dict[int, float]:
    if not scores:
        return {}
    typical = math.sqrt(sum((score - floor) ** 2 for score in scores.values()) / len(scores))
    if typical <= 1e-9:
        return dict.fromkeys(scores, 0.0)
    return {chunk: max(0.0, score - floor) / typical for chunk, score in scores.items()}
