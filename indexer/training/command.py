"""What the commands of `static` and `minilm` share: their options, and the pairs of the pinned packages.

Does not train or measure.
"""

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.training.dataset import Dataset, dataset
from indexer.training.fetch import Package, fetch, packages
from indexer.training.mine import Pair, mine


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    packages: list[Package]  # only the held-out ones for an evaluation
    data: Dataset
    output: Path
    evaluates: bool  # measures what is in `output`, trains nothing


def prepare_run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> Run:
    """Downloads and mines the packages. `parser` has the option --output."""
    parser.add_argument("--sources", type=Path, required=True, help="folder of the packages' archives")
    parser.add_argument("--evaluate", action="store_true", help="measure the output of an earlier run, train nothing")
    args = parser.parse_args(arguments)
    args.sources.mkdir(parents=True, exist_ok=True)
    wanted = [package for package in packages() if package.held_out or not args.evaluate]
    return Run(wanted, _gather(wanted, args.sources), args.output, args.evaluate)


def _gather(wanted: Sequence[Package], sources: Path) -> Dataset:
    """Downloads the packages and mines them, two at a time; held-out ones come first."""
    ordered = sorted(wanted, key=lambda package: (not package.held_out, package.name))
    archives = [fetch(package, sources) for package in ordered]
    with multiprocessing.Pool(2) as pool:
        mined = zip(ordered, pool.imap(mine, archives), strict=True)
        return dataset(_reported(mined))


def _reported(mined: Iterator[tuple[Package, list[Pair]]]) -> Iterator[tuple[str, bool, list[Pair]]]:
    for package, pairs in mined:
        print(f"{package.name} {package.version}: {len(pairs)} pairs", flush=True)
        yield package.name, package.held_out, pairs
