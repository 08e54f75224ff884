"""Model cards: what a model was trained on and how well it finds code. Does not train or measure."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from indexer.training.dataset import QUESTIONS, Dataset
from indexer.training.fetch import Package

_STATIC = """# Lantern's static code embedding

A table of token vectors. The vector of a text is the mean of the rows of its tokens. Made on {day} by
`python -m indexer.training.static --sources FOLDER` from mined pairs. Training starts from the vectors that MiniLM
(all-MiniLM-L6-v2, Apache-2.0) gives each token alone. {settings}.
A third of the short queries also appear in a synthetic bug report, and documentation also as a question or by its main
words (`indexer/training/reports.py`).
Format: StaticEmbedding of sentence-transformers. `SHA256SUMS` has the digests of the files.
"""
_MINILM = """# MiniLM with upper layers tuned to find code

`model-int8.onnx` is all-MiniLM-L6-v2 (Apache-2.0) with other upper layers; word vectors and lower layers are the
published ones. Weights have 8 bits, and the tokenizer is in the file (`indexer/training/onnx_export.py`). Made on {day}
by `python -m indexer.training.minilm --sources FOLDER` from a part of the mined pairs.
{settings}.
"""
_REST = """
## Scores
{count} questions from held-out packages: documentation -> its definition among all {count}. The documentation is cut
out of the definition. Compare only within this table: no other uses these questions.
```
{scores}
```

## Mined
{pairs} pairs ({kinds})
from {packages} packages; {codes} definitions. No repository of semble's benchmark or of the SWE-bench, SWE-QA,
Multi-SWE-bench, SWE-bench-Live, SWE-Gym or Loc-Bench families is among them; `indexer/training/packages.toml` lists
those excluded. Tests are not answers. Vendored and generated code is left out.

{trained}

## Held out for the scores
{held_out}
"""


def static_card(wanted: Sequence[Package], data: Dataset, scores: Sequence[str], settings: str) -> str:
    """Markdown. `scores`: one line per way of ranking."""
    return _card(_STATIC, wanted, data, scores, settings)


def minilm_card(wanted: Sequence[Package], data: Dataset, scores: Sequence[str], settings: str) -> str:
    """As `static_card`; the training pairs were sampled from `data`."""
    return _card(_MINILM, wanted, data, scores, settings)


def _card(intro: str, wanted: Sequence[Package], data: Dataset, scores: Sequence[str], settings: str) -> str:
    kinds = Counter(example.kind for example in data.train)
    return (intro + _REST).format(
        day=datetime.now(UTC).date().isoformat(),
        settings=settings,
        count=QUESTIONS,
        scores="\n".join(scores),
        pairs=f"{len(data.train):,}",
        kinds=", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()),
        packages=sum(not package.held_out for package in wanted),
        codes=f"{len({example.code for example in data.train}):,}",
        trained=_listed(wanted, held_out=False),
        held_out=_listed(wanted, held_out=True),
    )


def _listed(wanted: Sequence[Package], held_out: bool) -> str:
    chosen = (package for package in wanted if package.held_out == held_out)
    return ", ".join(f"{package.name} {package.version} ({package.licence})" for package in chosen)
