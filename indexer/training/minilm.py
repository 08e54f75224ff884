"""`python -m indexer.training.minilm --sources FOLDER`: pinned packages -> the upper layers of MiniLM, tuned
to find code.

Trains on what `indexer.training.static` mines there (an hour on 2 cores) and writes the layers and their card; set-up
makes one int8 graph of them and MiniLM. `--evaluate` measures the layers instead, beside those that were published.
"""

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from safetensors.numpy import load_file, save

from indexer.embedding.base import packaged
from indexer.embedding.onnx import WINDOW, OnnxEmbedder
from indexer.embedding.onnx_export import OWN_LAYERS, Weights, graph_of
from indexer.embedding.static import StaticEmbedder
from indexer.training.card import minilm_card
from indexer.training.dataset import Dataset, Example
from indexer.training.evaluate import report
from indexer.training.fetch import packages
from indexer.training.finetune import Ids, Texts, tune
from indexer.training.groups import batches, groups
from indexer.training.mine import COMMENT, DOC, LONG, MENTION, NAME, TEST
from indexer.training.reports import reports
from indexer.training.static import gather
from indexer.training.vocabulary import minilm_tokenizer

FROZEN = 2  # layers, and the word vectors
BATCH = 192
ALIKE = 16  # pairs of a batch whose codes are alike
STEPS = 240
RATE = 8e-5
SHARE = 0.75  # of what is learned; MRR of unseen pairs at 0.5, 0.75 and 1: 0.778, 0.794, 0.791
SEED = 7
OF_KIND = {DOC: 75_000, LONG: 14_000, COMMENT: 14_000, MENTION: 9_000, TEST: 9_000, NAME: 4_000}
REPORTS = 20_000
_PACKAGE, _LANGUAGE = -0.4, -0.3  # powers of their sizes: pairs of small ones are taken more often


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="indexer.training.minilm", description=__doc__)
    parser.add_argument("--sources", type=Path, required=True, help="folder of the packages' archives")
    parser.add_argument("--output", type=Path, default=OWN_LAYERS, help="file of the layers; the card goes beside it")
    parser.add_argument("--evaluate", action="store_true", help="measure the layers, train nothing")
    given = parser.parse_args(arguments)
    given.sources.mkdir(parents=True, exist_ok=True)
    wanted = [package for package in packages() if package.held_out or not given.evaluate]
    data = gather(wanted, given.sources)
    if not given.evaluate:
        write(given.output, learn(data))
    tuned, published = OnnxEmbedder(graph_of(load_file(given.output))), OnnxEmbedder(graph_of({}))
    scores = list(report({"published": published, "tuned": tuned}, data))
    if not given.evaluate:
        given.output.with_name("README.md").write_text(minilm_card(wanted, data, scores, settings()), "utf-8")


def settings() -> str:
    """What was trained with, for the card."""
    return (
        f"Layers {FROZEN} to 5, {STEPS} steps of {BATCH} pairs ({STEPS * BATCH:,} in all, one in seven of them in a\n"
        f"made-up bug report, `indexer/training/reports.py`) in groups of {ALIKE} alike ones, {WINDOW} tokens,\n"
        f"AdamW {RATE}, {SHARE:.0%} of what was learned, seed {SEED}"
    )


def learn(data: Dataset) -> Weights:
    """The layers by name."""
    rng = np.random.default_rng(SEED)
    examples = choose(data, rng)
    print(f"{len(examples)} pairs, {dict(Counter(example.kind for example in examples))}", flush=True)
    codes = sorted({example.code for example in examples})
    place = {code: at for at, code in enumerate(codes)}
    answer = np.array([place[example.code] for example in examples])
    likeness = StaticEmbedder().embed_documents([data.codes[code] for code in codes])
    grouped = groups([example.package for example in examples], likeness[answer], ALIKE, rng)
    queries = [example.query for example in examples]
    texts = Texts(
        queries=_ids(queries),
        codes=_ids([data.codes[code] for code in codes]),
        answer=answer,
        asked=np.unique([query.strip().lower() for query in queries], return_inverse=True)[1],
        likeness=likeness,
    )
    steps = batches(grouped, BATCH, rng)[:STEPS]
    return tune(packaged(), texts, steps, frozen=FROZEN, rate=RATE, share=SHARE, seed=SEED)


def choose(data: Dataset, rng: np.random.Generator) -> list[Example]:
    """As many of each kind as `OF_KIND` says, small packages and rare languages first, and reports around some."""
    of_kind: dict[str, list[Example]] = defaultdict(list)
    for example in data.train:
        of_kind[example.kind].append(example)
    chosen: list[Example] = []
    for kind, most in OF_KIND.items():
        found = of_kind[kind]
        if not found:
            continue
        languages = [_suffix(data.codes[example.code]) for example in found]
        in_package, in_language = Counter(example.package for example in found), Counter(languages)
        weight = np.array(
            [
                in_package[example.package] ** _PACKAGE * in_language[language] ** _LANGUAGE
                for example, language in zip(found, languages, strict=True)
            ]
        )
        taken = rng.choice(len(found), min(most, len(found)), replace=False, p=weight / weight.sum())
        chosen += [found[at] for at in taken]
    asked = [example for example in chosen if example.kind in (DOC, MENTION, TEST)]
    made = list(reports(asked, data.codes, SEED))
    return chosen + [made[at] for at in rng.permutation(len(made))[:REPORTS]]


def _suffix(code: str) -> str:
    """Of the path that a code begins with."""
    return PurePosixPath(code.partition("\n")[0].partition(" ")[0]).suffix


def _ids(texts: Sequence[str]) -> list[Ids]:
    """As `OnnxEmbedder` reads: the first tokens, and the last one, which ends every text."""
    found = minilm_tokenizer().encode_batch_fast(list(texts))
    return [np.array([*text.ids[: WINDOW - 1], text.ids[-1]]) for text in found]


def write(file: Path, layers: Weights) -> None:
    """Half floats; prints the digest by which set-up knows them."""
    content = save({name: value.astype(np.float16) for name, value in layers.items()})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    print(f"{file.name}: sha256 {hashlib.sha256(content).hexdigest()}, to be set in indexer/onnx.py", flush=True)


if __name__ == "__main__":
    main()
