"""The sample that MiniLM is fine-tuned on, and the file of the graph."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from indexer.training import minilm
from indexer.training.dataset import REPORT, Dataset, Example
from indexer.training.mine import COMMENT, DOC
from indexer.training.minilm import sample, write
from indexer.training.onnx_export import graph_of


def data() -> Dataset:
    """1,000 pairs of a large Python package, 10 of a small one in Go; half are comments."""
    codes = [f"big/m{i}.py f{i}\ndef f{i}(a):\n    return a + {i}\n" for i in range(1000)]
    codes += [f"small/m{i}.go g{i}\nfunc g{i}() int {{\n  return {i}\n}}\n" for i in range(10)]
    kinds = [DOC if i % 2 else COMMENT for i in range(len(codes))]
    train = [
        Example(kind, f"gives number {i} of all", i, "big" if i < 1000 else "small") for i, kind in enumerate(kinds)
    ]
    return Dataset(codes, train, [])


def test_rare_pairs_are_taken_more_often_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "OF_KIND", {DOC: 100, COMMENT: 600})
    monkeypatch.setattr(minilm, "REPORTS", 7)
    found = sample(data(), np.random.default_rng(0))
    of_kind = {kind: [example for example in found if example.kind == kind] for kind in (DOC, COMMENT, REPORT)}
    assert {kind: len(examples) for kind, examples in of_kind.items()} == {DOC: 100, COMMENT: 505, REPORT: 7}
    assert len({example.code for example in of_kind[DOC]}) == 100
    small = sum(example.package == "small" for example in of_kind[DOC])
    assert small >= 4  # of 5: (5 / 500) ** -0.7 = 25 times as often as one of the large package
    assert {example.code for example in of_kind[REPORT]} <= {example.code for example in of_kind[DOC]}


def test_the_graph_is_written_and_its_digest_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = {"encoder.layer.5.output.dense.bias": np.full(384, 1 / 3, np.float32)}
    file = tmp_path / "minilm" / "model-int8.onnx"
    write(file, layers)
    assert file.read_bytes() == graph_of(layers)
    assert hashlib.sha256(file.read_bytes()).hexdigest() in capsys.readouterr().out
