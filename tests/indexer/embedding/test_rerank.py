"""The heavy embedder reads each text once, for every index and every process."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding.base import HashEmbedder, Vectors
from indexer.embedding.rerank import Reranker, VectorCache, key_of

TEXTS = ["open a file", "close a socket", "send a letter"]


class Counting(HashEmbedder):
    """Remembers what it was given."""

    def __init__(self, dim: int = 64, model_id: str = "hash") -> None:
        super().__init__(dim, model_id=model_id)
        self.read: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        return super().embed_documents(texts)


def test_cosines_are_those_of_the_embedder(tmp_path: Path) -> None:
    embedder = Counting()
    dense = Reranker(lambda: embedder, VectorCache(tmp_path / "kept"))
    exact = embedder.embed_documents(TEXTS) @ embedder.embed_query("read a file")
    first, again = dense.cosines("read a file", TEXTS), dense.cosines("read a file", TEXTS)
    assert np.allclose(first, exact, atol=1e-6)
    assert np.allclose(again, exact, atol=0.01)  # kept in eight bits
    assert dense.cosines("read a file", []) == []


def test_only_new_texts_are_embedded_whoever_asks(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    Reranker(lambda: one, VectorCache(tmp_path / "kept")).cosines("?", TEXTS[:2])
    Reranker(lambda: other, VectorCache(tmp_path / "kept")).cosines("?", [*TEXTS, TEXTS[0]])
    assert (one.read, other.read) == (TEXTS[:2], [TEXTS[2]])


def test_another_model_reads_for_itself(tmp_path: Path) -> None:
    one, other = Counting(), Counting(dim=32, model_id="other")
    for embedder in (one, other):
        Reranker(lambda made=embedder: made, VectorCache(tmp_path / "kept")).cosines("?", TEXTS)  # type: ignore[misc]
    assert (one.read, other.read) == (TEXTS, TEXTS)


def test_coverage_counts_what_has_been_read(tmp_path: Path) -> None:
    embedder = Counting()
    dense = Reranker(lambda: embedder, VectorCache(tmp_path / "kept"))
    keys = [key_of(text) for text in TEXTS]
    assert dense.coverage(keys) == 0
    dense.cosines("?", TEXTS[:1])
    assert dense.coverage(keys) == pytest.approx(1 / 3)
    assert Reranker(lambda: None, VectorCache(tmp_path / "kept")).coverage(keys) == 0


def test_while_there_is_no_embedder_there_are_no_cosines(tmp_path: Path) -> None:
    assert Reranker(lambda: None, VectorCache(tmp_path / "kept")).cosines("?", TEXTS) == []


def test_a_damaged_file_of_kept_vectors_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_bytes(b"no database at all" * 500)
    embedder = Counting()
    dense = Reranker(lambda: embedder, VectorCache(file))
    for _ in range(3):
        dense.cosines("?", TEXTS)
    assert dense.coverage([key_of(text) for text in TEXTS]) == 1


def test_a_damaged_vector_is_made_again(tmp_path: Path) -> None:
    embedder = Counting()
    dense = Reranker(lambda: embedder, VectorCache(tmp_path / "kept"))
    before = dense.cosines("read", TEXTS)
    with sqlite3.connect(tmp_path / "kept") as db:
        db.execute("UPDATE vectors SET vector = zeroblob(68) WHERE id = 2")
    db.close()
    assert np.allclose(dense.cosines("read", TEXTS), before, atol=0.01)
    assert embedder.read == [*TEXTS, TEXTS[1]]


def test_the_oldest_are_forgotten_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.rerank._KEPT", 2)
    embedder = Counting()
    dense = Reranker(lambda: embedder, VectorCache(tmp_path / "kept"))
    dense.cosines("?", TEXTS)
    dense.cosines("?", TEXTS[1:])
    assert embedder.read == TEXTS


def test_the_best_cosines_of_questions_that_come_again(tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(HashEmbedder):
        def embed_query(self, text: str) -> Vectors:
            asked.append(text)
            return super().embed_query(text)

    questions = ("how to open a file", "who sent the letter")
    dense = Reranker(Asked, VectorCache(tmp_path / "kept"))
    expected = [max(dense.cosines(question, TEXTS)) for question in questions]
    assert dense.best(questions, TEXTS) == pytest.approx(expected, abs=0.02)
    asked.clear()
    assert dense.best(questions, TEXTS) == pytest.approx(expected, abs=0.02)
    assert asked == []
    assert Reranker(lambda: None, VectorCache(tmp_path / "none")).best(questions, TEXTS) == []
