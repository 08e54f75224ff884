"""How well a scoring method finds the code that a query asks for: MRR and recall over all held-out codes.

Does not know how pairs are mined.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.embedding.base import Embedder
from indexer.parsing.identifiers import split
from indexer.training.dataset import Dataset, questions

Scores = NDArray[np.float32]  # (queries, codes), higher is better

_K1, _B = 1.2, 0.75  # BM25's usual constants


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one ranking of all codes per query."""

    mrr: float
    recall_10: float
    recall_50: float

    def __str__(self) -> str:
        return f"MRR {self.mrr:.3f}  R@10 {self.recall_10:.3f}  R@50 {self.recall_50:.3f}"


def quality(scores: Scores) -> Quality:
    """Query i asks for code i. A code that scores as high as the right one ranks before it."""
    right = scores[np.arange(len(scores)), np.arange(len(scores))][:, None]
    ranks = (scores >= right).sum(axis=1)
    return Quality(float((1 / ranks).mean()), float((ranks <= 10).mean()), float((ranks <= 50).mean()))


def report(embedders: Mapping[str, Embedder], data: Dataset) -> Iterator[str]:
    """One line for each scoring method: BM25, each embedder, and each embedder with BM25."""
    examples = questions(data)
    queries, codes = [example.query for example in examples], [data.codes[example.code] for example in examples]
    words = standard(bm25(queries, codes))
    yield _line("BM25 (split)", words)
    for name, embedder in embedders.items():
        scores = standard(dense(embedder, queries, codes))
        yield _line(name, scores)
        yield _line(f"{name} + BM25", scores + words)


def _line(name: str, scores: Scores) -> str:
    line = f"{name:28} {quality(scores)}"
    print(line, flush=True)
    return line


def dense(embedder: Embedder, queries: Sequence[str], codes: Sequence[str]) -> Scores:
    """Cosines."""
    vectors = np.stack([embedder.embed_query(query) for query in queries])
    cosines: Scores = vectors @ embedder.embed_documents(codes).T
    return cosines


def bm25(queries: Sequence[str], codes: Sequence[str], terms: Callable[[str], list[str]] = split) -> Scores:
    """Okapi BM25 of `terms`."""
    bags = [Counter(terms(code)) for code in codes]
    lengths = np.array([bag.total() for bag in bags], np.float32)
    norm = _K1 * (1 - _B + _B * lengths / lengths.mean())
    postings: dict[str, tuple[list[int], list[int]]] = {}
    for index, bag in enumerate(bags):
        for term, count in bag.items():
            documents, counts = postings.setdefault(term, ([], []))
            documents.append(index)
            counts.append(count)
    scores = np.zeros((len(queries), len(codes)), np.float32)
    for row, query in enumerate(queries):
        for term in set(terms(query)) & postings.keys():
            documents, counts = postings[term]
            idf = np.log1p((len(codes) - len(documents) + 0.5) / (len(documents) + 0.5))
            frequency = np.array(counts, np.float32)
            scores[row, documents] += idf * frequency * (_K1 + 1) / (frequency + norm[documents])
    return scores


def standard(scores: Scores) -> Scores:
    """Z-scores per query, so that two scoring methods can be added."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    z_scores: Scores = centred / np.maximum(scores.std(axis=1, keepdims=True), 1e-6)
    return z_scores
