"""The re-ranking model embeds each text once, for every index and every process."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding.base import HashEmbedder, Vectors
from indexer.embedding.rerank import Reranker, VectorCache, key_of

TEXTS = ["open a file", "close a socket", "send a letter"]


class Counting(HashEmbedder):
    """Records the texts that it embeds."""

    def __init__(self, dim: int = 64, model_id: str = "hash") -> None:
        super().__init__(dim, model_id=model_id)
        self.embedded: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        return super().embed_documents(texts)


def test_cosines_are_those_of_the_embedder(tmp_path: Path) -> None:
    embedder = Counting()
    reranker = Reranker(lambda: embedder, VectorCache(tmp_path / "vectors.cache"))
    exact = embedder.embed_documents(TEXTS) @ embedder.embed_query("read a file")
    first, again = reranker.cosines("read a file", TEXTS), reranker.cosines("read a file", TEXTS)
    assert np.allclose(first, exact, atol=1e-6)
    assert np.allclose(again, exact, atol=0.01)  # cached in eight bits
    assert reranker.cosines("read a file", []) == []


def test_only_new_texts_are_embedded(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    Reranker(lambda: first, VectorCache(tmp_path / "vectors.cache")).cosines("?", TEXTS[:2])
    Reranker(lambda: second, VectorCache(tmp_path / "vectors.cache")).cosines("?", [*TEXTS, TEXTS[0]])
    assert (first.embedded, second.embedded) == (TEXTS[:2], [TEXTS[2]])


def test_each_model_embeds_for_itself(tmp_path: Path) -> None:
    first, second = Counting(), Counting(dim=32, model_id="other")
    for embedder in (first, second):
        Reranker(lambda embedder=embedder: embedder, VectorCache(tmp_path / "vectors.cache")).cosines("?", TEXTS)  # type: ignore[misc]
    assert (first.embedded, second.embedded) == (TEXTS, TEXTS)


def test_coverage_counts_what_has_been_embedded(tmp_path: Path) -> None:
    embedder = Counting()
    reranker = Reranker(lambda: embedder, VectorCache(tmp_path / "vectors.cache"))
    keys = [key_of(text) for text in TEXTS]
    assert reranker.coverage(keys) == 0
    reranker.cosines("?", TEXTS[:1])
    assert reranker.coverage(keys) == pytest.approx(1 / 3)
    assert Reranker(lambda: None, VectorCache(tmp_path / "vectors.cache")).coverage(keys) == 0


def test_without_an_embedder_there_are_no_cosines(tmp_path: Path) -> None:
    assert Reranker(lambda: None, VectorCache(tmp_path / "vectors.cache")).cosines("?", TEXTS) == []


def test_it_is_loaded_as_soon_as_there_is_an_embedder(tmp_path: Path) -> None:
    loaded: list[Counting] = []
    reranker = Reranker(lambda: loaded[0] if loaded else None, VectorCache(tmp_path / "vectors.cache"))
    assert not reranker.is_loaded
    loaded.append(Counting())
    assert reranker.is_loaded


def test_a_damaged_cache_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "vectors.cache"
    file.write_bytes(b"no database at all" * 500)
    embedder = Counting()
    reranker = Reranker(lambda: embedder, VectorCache(file))
    for _ in range(3):
        reranker.cosines("?", TEXTS)
    assert reranker.coverage([key_of(text) for text in TEXTS]) == 1


def test_a_damaged_vector_is_embedded_again(tmp_path: Path) -> None:
    embedder = Counting()
    reranker = Reranker(lambda: embedder, VectorCache(tmp_path / "vectors.cache"))
    before = reranker.cosines("read", TEXTS)
    with sqlite3.connect(tmp_path / "vectors.cache") as db:
        db.execute("UPDATE vectors SET vector = zeroblob(68) WHERE id = 2")
    db.close()
    assert np.allclose(reranker.cosines("read", TEXTS), before, atol=0.01)
    assert embedder.embedded == [*TEXTS, TEXTS[1]]


def test_the_oldest_vectors_go_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.embedding.rerank._MAX_VECTORS", 2)
    embedder = Counting()
    reranker = Reranker(lambda: embedder, VectorCache(tmp_path / "vectors.cache"))
    reranker.cosines("?", TEXTS)
    reranker.cosines("?", TEXTS[1:])
    assert embedder.embedded == TEXTS


def test_the_best_cosines_of_repeated_queries(tmp_path: Path) -> None:
    embedded: list[str] = []

    class Recording(HashEmbedder):
        def embed_query(self, text: str) -> Vectors:
            embedded.append(text)
            return super().embed_query(text)

    queries = ("how to open a file", "who sent the letter")
    reranker = Reranker(Recording, VectorCache(tmp_path / "vectors.cache"))
    expected = [max(reranker.cosines(query, TEXTS)) for query in queries]
    assert reranker.best(queries, TEXTS) == pytest.approx(expected, abs=0.02)
    embedded.clear()
    assert reranker.best(queries, TEXTS) == pytest.approx(expected, abs=0.02)
    assert embedded == []
    assert Reranker(lambda: None, VectorCache(tmp_path / "none")).best(queries, TEXTS) == []
