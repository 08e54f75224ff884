"""The index in memory ranks as SQLite's full text does, through any order of changes."""

import random
import sqlite3
from collections.abc import Sequence

import pytest

from indexer.storage.full_text import Columns
from indexer.storage.postings import pack_postings, unpack_postings
from indexer.storage.term_index import WEIGHTS, TermIndex
from indexer.types import ChunkHead

WORDS = [f"w{n}" for n in range(40)]


class Both:
    """The same chunks in memory and in SQLite."""

    def __init__(self) -> None:
        self.index = TermIndex()
        self.db = sqlite3.connect(":memory:")
        self.db.execute("CREATE VIRTUAL TABLE terms USING fts5 (path, symbol, head, body)")
        self.chunks: dict[int, Columns] = {}

    def add(self, chunks: Sequence[Columns]) -> None:
        first = max(self.chunks, default=0) + 1
        new = dict(enumerate(chunks, first))
        postings = unpack_postings(pack_postings([tuple(column.split() for column in chunk) for chunk in chunks]))
        assert postings is not None
        heads = [ChunkHead("a.py", "python", "function", chunk[1]) for chunk in chunks]
        self.index = self.index.with_chunks(list(new), heads, [postings])
        rows = [(i, *terms) for i, terms in new.items()]
        self.db.executemany("INSERT INTO terms (rowid, path, symbol, head, body) VALUES (?, ?, ?, ?, ?)", rows)
        self.chunks |= new

    def remove(self, ids: Sequence[int]) -> None:
        self.index = self.index.without(ids)
        self.db.executemany("DELETE FROM terms WHERE rowid = ?", [(i,) for i in ids])

    def expected(self, terms: Sequence[str]) -> dict[int, float]:
        match = " OR ".join(f'"{term}"' for term in terms)
        query = f"SELECT rowid, -bm25(terms, {', '.join(map(str, WEIGHTS))}) FROM terms WHERE terms MATCH ?"
        return dict(self.db.execute(query, (match,)))


def some(rng: random.Random, most: int) -> str:
    return " ".join(rng.choice(WORDS[: rng.randint(2, len(WORDS))]) for _ in range(rng.randint(0, most)))


def chunks(rng: random.Random, n: int) -> list[Columns]:
    return [(some(rng, 3), some(rng, 4), some(rng, 9), some(rng, 60)) for _ in range(n)]


@pytest.fixture
def both() -> Both:
    both = Both()
    both.add([("app", "load_config load config", "def load", "read file"), ("app", "load_all load all", "", "config")])
    both.add([("app", "render page", "", "read page page"), ("web", "config", "", "")])
    return both


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_sqlite(seed: int) -> None:
    rng = random.Random(seed)
    both = Both()
    for size in (200, 1, 30, 3, 90):
        both.add(chunks(rng, size))
        both.remove(rng.sample(sorted(both.chunks), 7))
        terms = rng.sample([*WORDS, "nowhere"], 6)
        expected = both.expected(terms)
        found = both.index.search(terms, 999)
        assert dict(found) == pytest.approx(expected, rel=1e-9)
        best = sorted(expected.items(), key=lambda item: (-item[1], item[0]))
        assert [score for _, score in found] == pytest.approx([score for _, score in best], rel=1e-9)
        assert both.index.search(terms, 20) == found[:20]


def test_frequency_leaves_out_what_is_gone(both: Both) -> None:
    assert both.index.frequency(["config", "load", "page", "nowhere"]) == {"config": 3, "load": 2, "page": 1}
    both.remove([3, 4])
    assert both.index.frequency(["config", "load", "page"]) == {"config": 2, "load": 2}
    assert both.index.deleted == 0.5


def test_only_allowed_chunks_are_found(both: Both) -> None:
    assert [i for i, _ in both.index.search(["config"], 9)] == [4, 1, 2]
    assert [i for i, _ in both.index.search(["config"], 9, [1, 2, 3, 77])] == [1, 2]
    assert both.index.search(["config"], 9, []) == []


def test_names_with_two_of_the_words(both: Both) -> None:
    assert both.index.named_like(["load", "config", "read"], 9) == [(1, "load_config load config")]
    assert both.index.named_like(["load", "config", "all"], 9) == [
        (2, "load_all load all"),
        (1, "load_config load config"),
    ]
    assert both.index.named_like(["load", "config", "all"], 1) == [(2, "load_all load all")]


def test_heads_of_chunks_that_are_there(both: Both) -> None:
    both.remove([2])
    heads = both.index.heads_of([1, 2, 3, 99])
    assert {i: head.symbol for i, head in heads.items()} == {1: "load_config load config", 3: "render page"}


def test_an_empty_index_finds_nothing() -> None:
    index = TermIndex()
    assert (index.search(["a"], 9), index.frequency(["a"]), index.named_like(["a", "b"], 9)) == ([], {}, [])
    assert (index.heads_of([1]), index.deleted) == ({}, 0.0)


def test_an_index_before_a_change_stays_as_it_was(both: Both) -> None:
    before = both.index
    found = before.search(["config", "page"], 9)
    both.remove([1])
    both.add([("app", "config", "", "page")])
    assert before.search(["config", "page"], 9) == found
    assert both.index.search(["config", "page"], 9) != found


def test_many_small_changes_make_few_segments() -> None:
    both = Both()
    rng = random.Random(0)
    for _ in range(100):
        both.add(chunks(rng, 2))
    assert len(both.index.segments) < 8
