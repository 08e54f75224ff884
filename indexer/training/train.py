"""Trains a table of token vectors, so that the mean vector of a query lies near that of its code.

Contrastive: every other code of a batch is a wrong answer. Knows torch, but not where the pairs come from.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, embedding_bag, normalize

Ids = NDArray[np.int32]

SCALE = 20.0  # of cosines before the softmax
_QUERY_DROPOUT, _CODE_DROPOUT = 0.15, 0.3  # of tokens; RETRIEVAL: +0.015 MRR
_REPORT = 200  # steps


@dataclass(frozen=True, slots=True)
class Bags:
    """Token ids of many texts: text i has `ids[starts[i] : starts[i + 1]]`."""

    ids: Ids
    starts: NDArray[np.int64]

    def pick(self, texts: NDArray[np.int64], dropout: float, rng: np.random.Generator) -> tuple[Ids, NDArray[np.int64]]:
        """The ids of these texts, and the start of each; every token is dropped with probability `dropout`."""
        sizes = self.starts[texts + 1] - self.starts[texts]
        new_starts = np.cumsum(sizes) - sizes
        flat = np.repeat(self.starts[texts] - new_starts, sizes) + np.arange(int(sizes.sum()))
        kept = rng.random(len(flat)) >= dropout
        owner = np.repeat(np.arange(len(texts)), sizes)[kept]
        kept_sizes = np.bincount(owner, minlength=len(texts))
        return self.ids[flat[kept]], np.cumsum(kept_sizes) - kept_sizes


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pair i is of `query[i]` and `code[i]`; an epoch takes it with probability `share[i]`."""

    query: NDArray[np.int64]
    code: NDArray[np.int64]
    share: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train."""

    epochs: int
    batch: int  # pairs
    rate: float  # learning rate at the start; falls to 0
    seed: int


class LossLog:
    """Prints the mean loss of every `every` steps of `steps`."""

    def __init__(self, steps: int, every: int) -> None:
        self._steps, self._every = steps, every
        self._done, self._sum = 0, 0.0
        self._start_s = time.monotonic()

    def add(self, loss: float) -> None:
        self._done, self._sum = self._done + 1, self._sum + loss
        if self._done % self._every == 0:
            mean, elapsed = self._sum / self._every, time.monotonic() - self._start_s
            print(f"step {self._done}/{self._steps}  loss {mean:.3f}  {elapsed:.0f} s", flush=True)
            self._sum = 0.0


def train(
    table: NDArray[np.float32], queries: Bags, codes: Bags, pairs: Pairs, settings: TrainSettings
) -> NDArray[np.float32]:
    """The trained (tokens, dim) table. `table`: the initial vectors. Prints the loss."""
    rng = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    weight = torch.tensor(table, requires_grad=True)
    batches = [chosen for _ in range(settings.epochs) for chosen in _batches(pairs, settings.batch, rng)]
    optimizer = torch.optim.Adam([weight], lr=settings.rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(batches))
    losses = LossLog(len(batches), _REPORT)
    for chosen in batches:
        query_vectors = _mean(weight, *queries.pick(pairs.query[chosen], _QUERY_DROPOUT, rng))
        code_vectors = _mean(weight, *codes.pick(pairs.code[chosen], _CODE_DROPOUT, rng))
        code, query = pairs.code[chosen], pairs.query[chosen]
        loss = contrastive(query_vectors, code_vectors, (code[:, None] == code) | (query[:, None] == query))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.add(loss.item())
    trained: NDArray[np.float32] = weight.detach().numpy()
    return trained


def _batches(pairs: Pairs, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    taken = np.flatnonzero(rng.random(len(pairs.query)) < pairs.share)
    rng.shuffle(taken)
    for start in range(0, len(taken) - size + 1, size):
        yield taken[start : start + size]


def _mean(weight: torch.Tensor, ids: Ids, starts: NDArray[np.int64]) -> torch.Tensor:
    means = embedding_bag(torch.from_numpy(ids.astype(np.int64)), weight, torch.from_numpy(starts), mode="mean")
    return normalize(means, dim=1, eps=1e-6)


def contrastive(queries: torch.Tensor, codes: torch.Tensor, same: NDArray[np.bool_]) -> torch.Tensor:
    """InfoNCE loss in both directions over unit vectors, row i of both from pair i.

    `same` (pairs, pairs): pairs that are no wrong answers to each other, because they share a code or a query.
    """
    scores = SCALE * queries @ codes.T
    others = same & ~np.eye(len(same), dtype=np.bool_)
    scores = scores.masked_fill(torch.from_numpy(others), -1e4)
    right = torch.arange(len(scores))
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
