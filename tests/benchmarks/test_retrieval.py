"""The retrieval benchmark: its input, its tables, and a quick run."""

import io
import json
import lzma
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from benchmarks.ablation import PACKED, VARIANTS, ablation, benchmark_trees
from benchmarks.document import DOCS, replace_section
from benchmarks.retrieval import BEGIN, END, evidence, scripted, signals
from indexer.embedding.base import HashEmbedder
from indexer.evaluation.dataset import Case, Gold
from indexer.evaluation.metrics import summary

pytestmark = pytest.mark.process

SCRIPT = """a/b   trees   1  first index     0.1 s for     2 files   file MRR 0.500

kind            n   file_r1   file_r5  file_r10  file_mrr file_ndcg   func_r1   func_r5  func_r10  func_mrr
qa              2     0.500     0.750     1.000     0.625     0.700         -         -         -         -
mean            1     0.500     0.750     1.000     0.625     0.700         -         -         -         -   (of the kinds: the row to quote)

indexing: 2 files first time in 0.1 s
"""  # noqa: E501
FIRST = {"a.py": "def load_config():\n    return 1\n", "b.py": "def save():\n    return 2\n"}
SECOND = {"a.py": FIRST["a.py"], "lib/c.py": "def parse_config():\n    return 3\n"}


def pack(bench: Path) -> None:
    """A benchmark of one repository with two trees, in the layout of the real one."""
    blobs = {text: f"h{n}" for n, text in enumerate({*FIRST.values(), *SECOND.values()})}
    trees = {tree: {path: blobs[text] for path, text in files.items()} for tree, files in (("1", FIRST), ("2", SECOND))}
    contents = {"trees.json": json.dumps(trees)} | {f"blobs/{name}": text for text, name in blobs.items()}
    (bench / "packs").mkdir(parents=True)
    with (
        lzma.open(bench / "packs" / "o+r.tar.xz", "wb") as raw,
        tarfile.open(fileobj=raw, mode="w") as archive,
    ):
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    gold = {"file": "lib/c.py", "qualname": "parse_config", "start": 1, "end": 2}
    cases = [("1", "save", ["b.py"], []), ("2", "parse config", ["lib/c.py"], [gold])]
    rows = [
        {"repo": "o/r", "tree": t, "query": q, "kind": "qa", "gold_files": f, "gold_symbols": g} for t, q, f, g in cases
    ]
    (bench / "dev.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_the_trees_of_the_benchmark_are_checked_out_one_after_another(tmp_path: Path) -> None:
    pack(tmp_path / "bench")
    seen = [
        ({file.relative_to(root).as_posix(): file.read_text() for file in root.rglob("*.py")}, cases)
        for root, cases in benchmark_trees(tmp_path / "bench", tmp_path / "trees")
    ]
    parse = Gold("lib/c.py", "parse_config", 1, 2)
    assert seen == [
        (FIRST, [Case("qa", "save", ("b.py",), ())]),
        (SECOND, [Case("qa", "parse config", ("lib/c.py",), (parse,))]),
    ]
    assert list(benchmark_trees(tmp_path / "bench", tmp_path / "other", "another/one")) == []


def test_every_variant_searches_every_question(tmp_path: Path) -> None:
    pack(tmp_path / "bench")
    searched = benchmark_trees(tmp_path / "bench", tmp_path / "trees")
    variants = (*VARIANTS, PACKED)
    scores = ablation(searched, tmp_path, HashEmbedder(), HashEmbedder(32), variants)
    assert list(scores) == [variant.name for variant in variants]
    assert [len(of_variant) for of_variant in scores.values()] == [2] * len(variants)
    assert list(evidence(scores))[-1] == "| qa | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 | 100.0 |"
    row = summary(scores["everything"])[-1]
    assert (row.file.mrr, row.function and row.function.mrr) == (1.0, 1.0)
    assert "| without graph | +0.0 | +0.0 | +0.0 | +0.0 | +0.0 |" in list(signals(scores))


def test_the_scripts_table_in_percent() -> None:
    figures = ["50.0", "75.0", "100.0", "62.5", "-", "-", "-", "-"]
    assert scripted(SCRIPT.splitlines()) == [["qa", "2", *figures], ["mean", "1", *figures]]


def test_only_the_marked_section_of_the_document_is_written() -> None:
    assert (
        replace_section(f"# A\n\n{BEGIN}\nold\n{END}\n\n## B\n", "new", BEGIN, END)
        == f"# A\n\n{BEGIN}\nnew\n{END}\n\n## B\n"
    )
    assert replace_section("# A\n", "new", BEGIN, END) == f"# A\n\n{BEGIN}\nnew\n{END}\n"
    assert DOCS.read_text("utf-8").count(BEGIN) == 1


def test_the_quick_benchmark_prints_every_table() -> None:
    command = [sys.executable, "-m", "benchmarks.retrieval", "--quick"]
    done = subprocess.run(command, cwd=DOCS.parents[1], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("|")]
    table = {" ".join(row[:2]): row[2:] for row in rows}
    assert "Without the benchmark of repositories: its folder is not available." in done.stdout
    assert table["current docstring"][:4] == ["2", "100.0", "100.0", "100.0"]
    assert table["everything 100.0"] == ["100.0", "100.0", "100.0", "100.0"]
    assert re.search(r"^\| mean( \| 100.0){6} \|$", done.stdout, re.MULTILINE)
