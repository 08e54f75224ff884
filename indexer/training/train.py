"""Pairs of token ids -> a table of token vectors in which a query's mean lies near its code's mean.

Knows torch. Contrastive: every other code of the batch is a wrong answer.
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

    def pick(
        self, places: NDArray[np.int64], dropout: float, rng: np.random.Generator
    ) -> tuple[Ids, NDArray[np.int64]]:
        """The texts at `places`, each token dropped with that probability: ids, and where each text begins."""
        sizes = self.starts[places + 1] - self.starts[places]
        begins = np.cumsum(sizes) - sizes
        flat = np.repeat(self.starts[places] - begins, sizes) + np.arange(int(sizes.sum()))
        kept = rng.random(len(flat)) >= dropout
        owner = np.repeat(np.arange(len(places)), sizes)[kept]
        left = np.bincount(owner, minlength=len(places))
        return self.ids[flat[kept]], np.cumsum(left) - left


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which query asks for which code, and how often an epoch takes the pair (0..1)."""

    query: NDArray[np.int64]
    code: NDArray[np.int64]
    share: NDArray[np.float32]


def train(
    table: NDArray[np.float32],
    queries: Bags,
    codes: Bags,
    pairs: Pairs,
    *,
    epochs: int,
    batch: int,
    rate: float,
    seed: int,
) -> NDArray[np.float32]:
    """The trained (tokens, dim) table; `table` is where it begins. Prints the loss."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    weight = torch.tensor(table, requires_grad=True)
    batches = [chosen for _ in range(epochs) for chosen in _batches(pairs, batch, rng)]
    optimizer = torch.optim.Adam([weight], lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, len(batches))
    began, total = time.monotonic(), 0.0
    for step, chosen in enumerate(batches, 1):
        asked = _mean(weight, *queries.pick(pairs.query[chosen], _QUERY_DROPOUT, rng))
        answers = _mean(weight, *codes.pick(pairs.code[chosen], _CODE_DROPOUT, rng))
        code, query = pairs.code[chosen], pairs.query[chosen]
        loss = contrastive(asked, answers, (code[:, None] == code) | (query[:, None] == query))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % _REPORT == 0:
            print(
                f"step {step}/{len(batches)}  loss {total / _REPORT:.3f}  {time.monotonic() - began:.0f} s", flush=True
            )
            total = 0.0
    trained: NDArray[np.float32] = weight.detach().numpy()
    return trained


def _batches(pairs: Pairs, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    taken = np.flatnonzero(rng.random(len(pairs.query)) < pairs.share)
    rng.shuffle(taken)
    for at in range(0, len(taken) - size + 1, size):
        yield taken[at : at + size]


def _mean(weight: torch.Tensor, ids: Ids, starts: NDArray[np.int64]) -> torch.Tensor:
    found = embedding_bag(torch.from_numpy(ids.astype(np.int64)), weight, torch.from_numpy(starts), mode="mean")
    return normalize(found, dim=1, eps=1e-6)


def contrastive(asked: torch.Tensor, answers: torch.Tensor, same: NDArray[np.bool_]) -> torch.Tensor:
    """The loss of vectors of unit length, row i of both from one pair: softmax both ways.

    Where `same` (pairs, pairs) holds, two pairs are no wrong answers to each other: of one code or of one query.
    """
    scores = SCALE * asked @ answers.T
    others = same & ~np.eye(len(same), dtype=np.bool_)
    scores = scores.masked_fill(torch.from_numpy(others), -1e4)
    right = torch.arange(len(scores))
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
