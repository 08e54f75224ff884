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
_DATA = frozenset({"json", "yaml", "toml", "xml", "css", "ini"})

LEXICAL, DENSE, SYMBOL = 1.0, 1.0, 2.0  # weights; the first two in standard deviations, the third of a sure name
_TESTS_TIMES = 0.85  # measured on the development repositories: worth 7 points of recall at 5
_EXAMPLES_TIMES = 0.85
_PROSE_TIMES = 0.85
_DATA_TIMES = 0.8


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
) -> list[Ranked]:
    """Best first, ties by id. Each argument maps chunk ids: BM25; cosine; 0 to 1 for a name; a factor on the sum.

    A score counts by how many standard deviations it lies above the worst of its list, so a signal that tells
    nothing apart adds nothing, and a chunk a signal did not find gets 0 from it.
    """
    spread_lexical, spread_dense = _spread(lexical), _spread(dense)
    ranked = []
    for chunk in lexical.keys() | dense.keys() | symbol.keys():
        why = Why(
            lexical=LEXICAL * spread_lexical.get(chunk, 0.0),
            dense=DENSE * spread_dense.get(chunk, 0.0),
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


def _spread(scores: Mapping[int, float]) -> dict[int, float]:
    if not scores:
        return {}
    floor, mean = min(scores.values()), sum(scores.values()) / len(scores)
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores.values()) / len(scores))
    if deviation <= 1e-9:
        return dict.fromkeys(scores, 1.0)
    return {chunk: (score - floor) / deviation for chunk, score in scores.items()}
