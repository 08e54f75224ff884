"""`python -m indexer.training.minilm --sources FOLDER`: fine-tunes the upper layers of MiniLM to find code.

Trains on pairs from the pinned packages (an hour on 2 cores), and writes the int8 graph and its card. `--evaluate`
measures the graph instead, beside that of the published layers. Needs the extra `[training]`.
"""

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from indexer.embedding.onnx import GRAPH, QUERY_WINDOW, WINDOW, OnnxEmbedder
from indexer.embedding.static import StaticEmbedder
from indexer.training.card import minilm_card
from indexer.training.command import prepare_run
from indexer.training.dataset import Dataset, Example
from indexer.training.evaluate import report
from indexer.training.finetune import Ids, Texts, TuneSettings, tune
from indexer.training.groups import batches, groups
from indexer.training.mine import COMMENT, DOC, LONG, MENTION, MODULE, NAME, SECTION, TEST
from indexer.training.onnx_export import Weights, graph_of
from indexer.training.published import minilm_folder
from indexer.training.reports import reports, reworded
from indexer.training.vocabulary import minilm_tokenizer

BATCH = 128
ALIKE = 16  # pairs in a group of similar codes
STEPS = 298  # what 50 minutes had time for on 2 cores without native bf16
SEED = 7
# MRR of 700 unseen pairs at a share of 0.5, 0.75 and 1: 0.766, 0.777, 0.783.
TUNING = TuneSettings(frozen=2, rate=8e-5, share=1.0, seed=SEED)
OF_KIND = {
    **{DOC: 60_000, LONG: 12_000, COMMENT: 12_000, MENTION: 8_000, TEST: 7_000, NAME: 5_000},
    **{SECTION: 7_000, MODULE: 8_000},
}
REPORTS, REWORDED = 18_000, 25_000
# A pair's chance to be taken falls with these powers of the sizes of its package and its language.
_PACKAGE, _LANGUAGE = -0.4, -0.3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="indexer.training.minilm", description=__doc__)
    parser.add_argument("--output", type=Path, default=GRAPH, help="file of the graph; the card goes beside it")
    run = prepare_run(parser, arguments)
    if not run.evaluates:
        write(run.output, learn(run.data))
    tuned, published = OnnxEmbedder(run.output.read_bytes()), OnnxEmbedder(graph_of({}))
    scores = list(report({"published": published, "tuned": tuned}, run.data))
    if not run.evaluates:
        card = minilm_card(run.packages, run.data, scores, settings())
        run.output.with_name("README.md").write_text(card, "utf-8")


def settings() -> str:
    """The settings of the training, for the card."""
    return (
        f"Layers {TUNING.frozen} to 5, {STEPS} steps of {BATCH} pairs ({STEPS * BATCH:,} in all, one in nine of\n"
        "them in a synthetic bug report, one in six in other words, `indexer/training/reports.py`) in groups of\n"
        f"{ALIKE} similar ones, {WINDOW} tokens of code, {QUERY_WINDOW} of a query, AdamW {TUNING.rate},\n"
        f"{TUNING.share:.0%} of what was learned, seed {SEED}"
    )


def learn(data: Dataset) -> Weights:
    """The fine-tuned layers, by name."""
    rng = np.random.default_rng(SEED)
    examples = sample(data, rng)
    print(f"{len(examples)} pairs, {dict(Counter(example.kind for example in examples))}", flush=True)
    codes = sorted({example.code for example in examples})
    index_of = {code: index for index, code in enumerate(codes)}
    answer = np.array([index_of[example.code] for example in examples])
    likeness = StaticEmbedder().embed_documents([data.codes[code] for code in codes])
    grouped = groups([example.package for example in examples], likeness[answer], ALIKE, rng)
    queries = [example.query for example in examples]
    texts = Texts(
        queries=_ids(queries, QUERY_WINDOW),
        codes=_ids([data.codes[code] for code in codes], WINDOW),
        answer=answer,
        query=np.unique([query.strip().lower() for query in queries], return_inverse=True)[1],
        likeness=likeness,
    )
    steps = batches(grouped, BATCH, rng)[:STEPS]
    return tune(minilm_folder(), texts, steps, TUNING)


def sample(data: Dataset, rng: np.random.Generator) -> list[Example]:
    """`OF_KIND` examples of each kind, those of small packages and rare languages likelier, and `REPORTS` reports."""
    of_kind: dict[str, list[Example]] = defaultdict(list)
    for example in data.train:
        of_kind[example.kind].append(example)
    chosen: list[Example] = []
    for kind, most in OF_KIND.items():
        examples = of_kind[kind]
        if not examples:
            continue
        languages = [_suffix(data.codes[example.code]) for example in examples]
        in_package, in_language = Counter(example.package for example in examples), Counter(languages)
        weight = np.array(
            [
                in_package[example.package] ** _PACKAGE * in_language[language] ** _LANGUAGE
                for example, language in zip(examples, languages, strict=True)
            ]
        )
        taken = rng.choice(len(examples), min(most, len(examples)), replace=False, p=weight / weight.sum())
        chosen += [examples[index] for index in taken]
    short = [example for example in chosen if example.kind in (DOC, MENTION, TEST)]
    made = ((reports(short, data.codes, SEED), REPORTS), (reworded(short, SEED), REWORDED))
    for others, most in made:
        found = list(others)
        chosen += [found[index] for index in rng.permutation(len(found))[:most]]
    return chosen


def _suffix(code: str) -> str:
    """The suffix of the path that a code starts with."""
    return PurePosixPath(code.partition("\n")[0].partition(" ")[0]).suffix


def _ids(texts: Sequence[str], window: int) -> list[Ids]:
    """As `OnnxEmbedder` truncates: the first tokens of the window, then the end token."""
    encodings = minilm_tokenizer().encode_batch_fast(list(texts))
    return [np.array([*encoding.ids[: window - 1], encoding.ids[-1]]) for encoding in encodings]


def write(file: Path, layers: Weights) -> None:
    """The graph with these layers. Prints the digest that is checked when it is loaded."""
    graph = graph_of(layers)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(graph)
    digest = hashlib.sha256(graph).hexdigest()
    print(f"{file.name}: sha256 {digest}; set GRAPH_SHA256 in indexer/embedding/onnx.py", flush=True)


if __name__ == "__main__":
    main()
