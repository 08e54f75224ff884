"""The best chunks by BM25 are the same as when every chunk is scored, with fewer queries."""

import random
import sqlite3
from collections import Counter

import pytest

from indexer.storage.bm25 import any_of, max_score, top_chunks

WORDS = ("lock", "queue", "page", "task", "timer", "inode", "socket")
LIMIT = 20


class Full:
    """A full-text index of chunks, in which the first word weighs three times, and its queries.

    Its counts are wrong by the factor `off`.
    """

    def __init__(self, texts: list[str], off: float = 1.0) -> None:
        counts = Counter(word for text in texts for word in set(text.split()))
        rare_first = sorted(counts.items(), key=lambda count: count[1])
        self.bounds = {word: max_score(len(texts), min(round(off * count), len(texts))) for word, count in rare_first}
        self.queries: list[str] = []
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE terms USING fts5 (head, body, content='')")
        rows = [(at, text.split(" ")[0], text) for at, text in enumerate(texts, 1)]
        self._db.executemany("INSERT INTO terms (rowid, head, body) VALUES (?, ?, ?)", rows)

    def best(self, *words: str, standalone: int = 0) -> list[tuple[int, float]]:
        return top_chunks(
            {word: bound for word, bound in self.bounds.items() if word in words},
            standalone or len(words),
            LIMIT,
            self.run,
        )

    def run(self, match: str) -> list[tuple[int, float]]:
        self.queries.append(match)
        query = (
            "SELECT rowid, -bm25(terms, 3.0, 1.0) AS s FROM terms WHERE terms MATCH ? ORDER BY s DESC, rowid LIMIT ?"
        )
        return self._db.execute(query, (match, LIMIT)).fetchall()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("words", [1, 2, 3, 4, 7])
@pytest.mark.parametrize(("chunks", "off"), [(10, 1.0), (300, 1.0), (300, 1.01), (300, 0.99)])
def test_the_best_are_the_same_as_when_all_are_scored(seed: int, words: int, chunks: int, off: float) -> None:
    chance = random.Random(seed)
    each = [
        [word for n, word in enumerate(WORDS) for _ in range(3) if chance.random() < 0.5 / (n + 2)]
        for _ in range(chunks)
    ]
    full = Full([" ".join(text) for text in each], off)
    chosen = chance.sample(WORDS, words)
    found, expected = full.best(*chosen), full.run(any_of(chosen))
    assert [chunk for chunk, _ in found] == [chunk for chunk, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


def test_a_single_term_is_not_queried_when_its_chunks_cannot_be_among_the_best() -> None:
    others = ["long and about something else"] * 500
    both = ["lock page"] * LIMIT
    full = Full([*others, *both, *["lock"] * 50, *["page"] * 60])
    assert [chunk for chunk, _ in full.best("page", "lock")] == list(range(501, 501 + LIMIT))
    assert full.queries == ['"lock" AND ("page")']
    full = Full([*others, *both[1:], *["lock"] * 20, *["page"] * 200])
    assert full.best("page", "lock")[LIMIT - 1][0] == 501 + LIMIT - 1
    assert full.queries == ['"lock" AND ("page")', '"lock"']


def test_a_common_word_counts_only_beside_a_rare_one() -> None:
    full = Full([*["other words"] * 100, *["lock page"] * 2, "lock", *["page page page"] * 40])
    assert [chunk for chunk, _ in full.best("page", "lock", standalone=1)] == [101, 102, 103]


def test_the_most_a_term_can_add() -> None:
    assert max_score(1000, 10) == pytest.approx(2.2 * 4.547, abs=1e-3)
    assert max_score(1000, 600) == 0.0
