"""Pairs of many packages -> what is trained on and what is measured: each text once, no package on both sides.

Does not mine, tokenize or train.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from indexer.training.mine import COMMENT, DOC, LONG, MENTION, NAME, TEST, Pair

REPORT = "report"  # made of other pairs, see `reports`
QUESTIONS = 2000  # held-out pairs that are measured
_PER_PACKAGE = 150  # of those
# An epoch takes this share of a kind's pairs, and a package gives at most so many: large ones must not drown the rest.
SHARES = {REPORT: 1.0, DOC: 1.0, LONG: 0.6, COMMENT: 0.7, NAME: 0.4, MENTION: 1.0, TEST: 0.5}
_MOST = {DOC: 12_000, LONG: 6_000, COMMENT: 6_000, NAME: 4_000, MENTION: 6_000, TEST: 3_000}
_LEAST = 40  # letters and digits of a code
_NOISE = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Example:
    """A query and the place of its answer in `Dataset.codes`."""

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
    """`mined`: name, whether held out, and pairs of each package. Held-out ones first: no other may have theirs."""
    rng = np.random.default_rng(seed)
    gathered = _Gathered()
    for name, held_out, pairs in mined:
        gathered.add(name, held_out, [pairs[place] for place in rng.permutation(len(pairs))])
    return Dataset(gathered.codes, gathered.train, gathered.held_out)


def questions(data: Dataset, seed: int = 1) -> list[Example]:
    """Documentation -> definition, held out, one per code and not too many of one package."""
    found = [example for example in data.held_out if example.kind == DOC]
    per: Counter[str] = Counter()
    kept: dict[int, Example] = {}
    for place in np.random.default_rng(seed).permutation(len(found)):
        example = found[place]
        if example.code not in kept and per[example.package] < _PER_PACKAGE:
            kept[example.code] = example
            per[example.package] += 1
    return list(kept.values())[:QUESTIONS]


class _Gathered:
    """Each query once, and each code in one package only, whatever its spaces and punctuation."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.train: list[Example] = []
        self.held_out: list[Example] = []
        self._asked: set[tuple[bool, str]] = set()
        self._known: dict[str, tuple[int, str]] = {}  # code -> its place and package

    def add(self, package: str, held_out: bool, pairs: Iterable[Pair]) -> None:
        taken: Counter[str] = Counter()
        for pair in pairs:
            asked = pair.kind in (NAME, TEST), _bare(pair.query)
            bare = _bare(pair.code.partition("\n")[2])
            if taken[pair.kind] >= _MOST[pair.kind] or asked in self._asked or len(bare) < _LEAST:
                continue
            place, owner = self._known.setdefault(bare, (len(self.codes), package))
            if owner != package:
                continue
            if place == len(self.codes):
                self.codes.append(pair.code)
            self._asked.add(asked)
            taken[pair.kind] += 1
            (self.held_out if held_out else self.train).append(Example(pair.kind, pair.query, place, package))


def _bare(text: str) -> str:
    return _NOISE.sub("", text).lower()
