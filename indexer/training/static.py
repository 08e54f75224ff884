"""`python -m indexer.training.static --sources FOLDER`: trains Lantern's own table of token vectors.

Downloads the pinned packages into FOLDER, mines pairs from them, trains (2 cores, minutes), and writes the table and
its card. `--evaluate` measures the committed table instead, beside BM25 and MiniLM.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from tokenizers import Tokenizer

from indexer.embedding.base import Embedder
from indexer.embedding.sentence import SentenceEmbedder
from indexer.embedding.static import MANIFEST, OWN_TABLE, TENSOR, TOKENIZER, WEIGHTS, StaticEmbedder, manifest
from indexer.training.card import static_card
from indexer.training.command import prepare_run
from indexer.training.dataset import SHARES, Dataset
from indexer.training.evaluate import report
from indexer.training.mine import DOC
from indexer.training.published import minilm_folder
from indexer.training.reports import reports, reworded
from indexer.training.train import Bags, Pairs, TrainSettings, train
from indexer.training.vocabulary import minilm_tokenizer, pieces_of, tokenizer_of, words_of

Table = NDArray[np.float32]

DIM = 256
PIECES = 29_600  # with DIM half floats each: 15.2 MB
SEED = 1
TRAINING = TrainSettings(epochs=3, batch=1024, rate=0.01, seed=SEED)
_WORD_TEXTS = 150_000  # texts whose words are counted
_QUERY, _CODE = 256, 220  # tokens
_LENGTH = 3.0  # scale of the initial vectors: long enough that training turns them slowly


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="indexer.training.static", description=__doc__)
    parser.add_argument("--output", type=Path, default=OWN_TABLE, help="folder of the table")
    run = prepare_run(parser, arguments)
    if not run.evaluates:
        tokenizer, table = learn(run.data)
        write(run.output, tokenizer, table)
    scores = list(report({"static": StaticEmbedder(run.output), "MiniLM": _published_minilm()}, run.data))
    if not run.evaluates:
        (run.output / "README.md").write_text(static_card(run.packages, run.data, scores, settings()), "utf-8")


def settings() -> str:
    """The settings of the training, for the card."""
    training = f"{TRAINING.epochs} epochs, batch {TRAINING.batch}, Adam {TRAINING.rate} -> 0, seed {TRAINING.seed}"
    return f"{PIECES + 1} x {DIM}, {training}"


def learn(data: Dataset) -> tuple[Tokenizer, Table]:
    """The tokenizer and the trained (tokens, DIM) table; row 0, the unknown token, is zero."""
    described = [example for example in data.train if example.kind == DOC]
    examples = [*data.train, *reports(data.train, data.codes, SEED), *reworded(described, SEED)]
    print(f"{len(examples)} pairs, {dict(Counter(example.kind for example in examples))}", flush=True)
    tokenizer, initial = initialise(data)
    answers = sorted({example.code for example in examples})
    index_of = {code: index for index, code in enumerate(answers)}
    queries = _bags(tokenizer, [example.query for example in examples], _QUERY)
    codes = _bags(tokenizer, [data.codes[code] for code in answers], _CODE)
    answer = np.array([index_of[example.code] for example in examples])
    share = np.array([SHARES[example.kind] for example in examples], np.float32)
    share[(np.diff(queries.starts) < 2) | (np.diff(codes.starts)[answer] < 4)] = 0  # nothing to learn from
    pairs = Pairs(np.arange(len(answer)), answer, share)
    table = train(initial, queries, codes, pairs, TRAINING)
    table[0] = 0
    return tokenizer, table


def initialise(data: Dataset) -> tuple[Tokenizer, Table]:
    """The tokenizer of the training set, and the vectors that MiniLM gives its pieces."""
    chosen = np.random.default_rng(SEED).permutation(len(data.train))[:_WORD_TEXTS]
    sample = [data.train[index] for index in chosen]
    words = words_of([example.query for example in sample] + [data.codes[example.code] for example in sample])
    pieces = pieces_of(words, minilm_tokenizer(), PIECES)
    initial = np.vstack([np.zeros((1, DIM), np.float32), _initial_vectors(pieces, _published_minilm(), DIM)])
    return tokenizer_of(pieces), initial


def _published_minilm() -> SentenceEmbedder:
    return SentenceEmbedder(str(minilm_folder()))


def _initial_vectors(pieces: Sequence[str], embedder: Embedder, dim: int) -> NDArray[np.float32]:
    """(len(pieces), dim): the principal components of each piece's embedding. A piece `##x` is embedded as `x`."""
    vectors = embedder.embed_documents([piece.removeprefix("##") for piece in pieces])
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # by ascending variance
    projected: NDArray[np.float32] = (centred @ axes[:, ::-1][:, :dim] * _LENGTH).astype(np.float32)
    return projected


def _bags(tokenizer: Tokenizer, texts: Sequence[str], limit: int) -> Bags:
    """The first `limit` token ids of each text, without the unknown token."""
    ids: list[NDArray[np.int32]] = []
    for start in range(0, len(texts), 4096):
        encodings = tokenizer.encode_batch_fast(list(texts[start : start + 4096]), add_special_tokens=False)
        ids += [np.array([token for token in encoding.ids[:limit] if token], np.int32) for encoding in encodings]
    return Bags(np.concatenate(ids), np.cumsum([0, *map(len, ids)]))


def write(folder: Path, tokenizer: Tokenizer, table: Table) -> None:
    """In the format of sentence-transformers' StaticEmbedding."""
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
