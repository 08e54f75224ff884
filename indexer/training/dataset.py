"""Pairs of many packages -> a training set and a held-out set: each text once, no package in both.

Does not mine, tokenize or train.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from indexer.training.mine import COMMENT, DOC, LONG, MENTION, MODULE, NAME, SECTION, TEST, Pair

REPORT, WORDS, ASKED = "report", "words", "asked"  # made from other pairs, see `reports`
QUESTIONS = 2000  # held-out pairs in the evaluation
_PER_PACKAGE = 150  # of those
# An epoch takes this share of a kind's pairs. A package gives at most `_MOST`, so that large ones do not dominate.
SHARES = {
    **{DOC: 1.0, LONG: 0.6, COMMENT: 0.7, NAME: 0.4, MENTION: 1.0, TEST: 0.5, MODULE: 0.7, SECTION: 0.7},
    **{REPORT: 1.0, WORDS: 1.0, ASKED: 1.0},
}
_MOST = {
    **{DOC: 12_000, LONG: 6_000, COMMENT: 6_000, NAME: 4_000, MENTION: 6_000, TEST: 3_000},
    **{MODULE: 2_000, SECTION: 2_000},
}
_LEAST = 40  # letters and digits of a code
_NOISE = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Example:
    """A query and the index of its answer in `Dataset.codes`."""

    kind: str
    query: str
    code: int
    package: str


@dataclass(frozen=True, slots=True)
class Dataset:
    codes: list[str]
    train: list[Example]
    held_out: list[Example]


def dataset(mined: Iterable[tuple[str, bool, list[Pair]]], seed: int = 0) -> Dataset:
    """`mined`: name, whether held out, and pairs of each package. Held-out ones first: no other may have their code."""
    rng = np.random.default_rng(seed)
    builder = _DatasetBuilder()
    for name, held_out, pairs in mined:
        builder.add(name, held_out, [pairs[index] for index in rng.permutation(len(pairs))])
    return Dataset(builder.codes, builder.train, builder.held_out)


def questions(data: Dataset, seed: int = 1) -> list[Example]:
    """Held-out pairs of documentation and definition: one per code, at most `_PER_PACKAGE` of a package."""
    candidates = [example for example in data.held_out if example.kind == DOC]
    taken: Counter[str] = Counter()
    chosen: dict[int, Example] = {}
    for index in np.random.default_rng(seed).permutation(len(candidates)):
        example = candidates[index]
        if example.code not in chosen and taken[example.package] < _PER_PACKAGE:
            chosen[example.code] = example
            taken[example.package] += 1
    return list(chosen.values())[:QUESTIONS]


class _DatasetBuilder:
    """Adds each query once, and each code from one package only; spaces and punctuation make no difference."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.train: list[Example] = []
        self.held_out: list[Example] = []
        self._queries: set[tuple[bool, str]] = set()
        self._owners: dict[str, tuple[int, str]] = {}  # code -> its index and package

    def add(self, package: str, held_out: bool, pairs: Iterable[Pair]) -> None:
        taken: Counter[str] = Counter()
        for pair in pairs:
            query = pair.kind in (NAME, TEST), _normalised(pair.query)
            code = _normalised(pair.code.partition("\n")[2])
            if taken[pair.kind] >= _MOST[pair.kind] or query in self._queries or len(code) < _LEAST:
                continue
            index, owner = self._owners.setdefault(code, (len(self.codes), package))
            if owner != package:
                continue
            if index == len(self.codes):
                self.codes.append(pair.code)
            self._queries.add(query)
            taken[pair.kind] += 1
            (self.held_out if held_out else self.train).append(Example(pair.kind, pair.query, index, package))


def _normalised(text: str) -> str:
    return _NOISE.sub("", text).lower()
