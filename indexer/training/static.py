"""`python -m indexer.training.static --sources FOLDER`: pinned packages -> Lantern's own table of token vectors.

Fetches into FOLDER what is not there, mines it, trains (2 cores, minutes), writes the table and its card.
`--evaluate` measures the committed table instead, beside BM25 and MiniLM.
"""

import argparse
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from tokenizers import Tokenizer

from indexer.embedding.base import SentenceEmbedder
from indexer.embedding.static import MANIFEST, OWN_TABLE, TENSOR, TOKENIZER, WEIGHTS, StaticEmbedder, manifest
from indexer.training.card import static_card
from indexer.training.dataset import SHARES, Dataset, dataset
from indexer.training.distil import distilled
from indexer.training.evaluate import report
from indexer.training.fetch import Package, fetch, packages
from indexer.training.mine import Pair, mine
from indexer.training.reports import reports
from indexer.training.train import Bags, Pairs, train
from indexer.training.vocabulary import minilm_tokenizer, pieces_of, tokenizer_of, words_of

Table = NDArray[np.float32]

DIM = 256
PIECES = 29_600  # with DIM half floats each: 15.2 MB
EPOCHS = 5
BATCH = 1024
RATE = 0.01
SEED = 1
_WORD_TEXTS = 150_000  # texts whose words are counted
_QUERY, _CODE = 256, 220  # tokens


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="indexer.training.static", description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="folder of the packages' archives")
    parser.add_argument("--output", type=Path, default=OWN_TABLE, help="folder of the table")
    parser.add_argument("--evaluate", action="store_true", help="measure the table, train nothing")
    given = parser.parse_args(arguments)
    given.sources.mkdir(parents=True, exist_ok=True)
    wanted = [package for package in packages() if package.held_out or not given.evaluate]
    data = gather(wanted, given.sources)
    if not given.evaluate:
        tokenizer, table = learn(data)
        write(given.output, tokenizer, table)
    scores = list(report({"static": StaticEmbedder(given.output), "MiniLM": SentenceEmbedder()}, data))
    if not given.evaluate:
        (given.output / "README.md").write_text(static_card(wanted, data, scores, settings()), "utf-8")


def settings() -> str:
    """What was trained with, for the card."""
    return f"{PIECES + 1} x {DIM}, {EPOCHS} epochs, batch {BATCH}, Adam {RATE} -> 0, seed {SEED}"


def gather(wanted: Sequence[Package], sources: Path) -> Dataset:
    """Fetches and mines, two packages at a time; held-out ones come first."""
    ordered = sorted(wanted, key=lambda package: (not package.held_out, package.name))
    archives = [fetch(package, sources) for package in ordered]
    with multiprocessing.Pool(2) as pool:
        mined = zip(ordered, pool.imap(mine, archives), strict=True)
        return dataset(_told(mined))


def _told(mined: Iterator[tuple[Package, list[Pair]]]) -> Iterator[tuple[str, bool, list[Pair]]]:
    for package, pairs in mined:
        print(f"{package.name} {package.version}: {len(pairs)} pairs", flush=True)
        yield package.name, package.held_out, pairs


def learn(data: Dataset) -> tuple[Tokenizer, Table]:
    """The tokenizer and the trained (tokens, DIM) table; row 0, the unknown token, is zero."""
    examples = [*data.train, *reports(data.train, data.codes, SEED)]
    print(f"{len(examples)} pairs, {dict(Counter(example.kind for example in examples))}", flush=True)
    tokenizer, start = begin(data)
    answers = sorted({example.code for example in examples})
    place = {code: at for at, code in enumerate(answers)}
    queries = _bags(tokenizer, [example.query for example in examples], _QUERY)
    codes = _bags(tokenizer, [data.codes[code] for code in answers], _CODE)
    answer = np.array([place[example.code] for example in examples])
    share = np.array([SHARES[example.kind] for example in examples], np.float32)
    share[(np.diff(queries.starts) < 2) | (np.diff(codes.starts)[answer] < 4)] = 0  # nothing to learn from
    pairs = Pairs(np.arange(len(answer)), answer, share)
    table = train(start, queries, codes, pairs, epochs=EPOCHS, batch=BATCH, rate=RATE, seed=SEED)
    table[0] = 0
    return tokenizer, table


def begin(data: Dataset) -> tuple[Tokenizer, Table]:
    """The tokenizer of what is trained on, and what MiniLM says of each of its pieces."""
    chosen = np.random.default_rng(SEED).permutation(len(data.train))[:_WORD_TEXTS]
    some = [data.train[place] for place in chosen]
    words = words_of([example.query for example in some] + [data.codes[example.code] for example in some])
    pieces = pieces_of(words, minilm_tokenizer(), PIECES)
    start = np.vstack([np.zeros((1, DIM), np.float32), distilled(pieces, SentenceEmbedder(), DIM)])
    return tokenizer_of(pieces), start


def _bags(tokenizer: Tokenizer, texts: Sequence[str], limit: int) -> Bags:
    """The first `limit` token ids of each text, without the unknown token."""
    ids: list[NDArray[np.int32]] = []
    for at in range(0, len(texts), 4096):
        found = tokenizer.encode_batch_fast(list(texts[at : at + 4096]), add_special_tokens=False)
        ids += [np.array([token for token in text.ids[:limit] if token], np.int32) for text in found]
    return Bags(np.concatenate(ids), np.cumsum([0, *map(len, ids)]))


def write(folder: Path, tokenizer: Tokenizer, table: Table) -> None:
    """sentence-transformers' StaticEmbedding format."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        WEIGHTS: save({TENSOR: table.astype(np.float16)}),
        TOKENIZER: tokenizer.to_str().encode(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / MANIFEST).write_text(manifest(files), "utf-8")


if __name__ == "__main__":
    main()
