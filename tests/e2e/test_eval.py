"""`lantern eval` on a small repository: figures and exit codes; no file is changed or left behind."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.harness import lantern
from tests.indexer.harness import lay_out
from tests.indexer.repository import git, shop

pytestmark = pytest.mark.process


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_two_settings_in_figures_and_a_picture(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop")
    (tmp_path / "tmp").mkdir()
    before, picture = content(root), tmp_path / "figures.png"
    done = lantern(
        tmp_path / "data", "eval", str(root), "--compare", "rerank=off", "--json", "--plot", str(picture),
        TMPDIR=tmp_path / "tmp",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["path"], [run["settings"] for run in result["runs"]]) == (str(root), ["current", "rerank=off"])
    for run in result["runs"]:
        assert [(row["kind"], row["n"]) for row in run["rows"]] == [
            ("docstring", 2), ("commit", 1), ("test", 1), ("name", 5), ("mean", 9),
        ]  # fmt: skip
        assert run["rows"][0]["file"] == {"r5": 1.0, "r10": 1.0, "mrr": 1.0}
        assert 0 < run["rows"][-1]["p50_ms"] <= run["rows"][-1]["p95_ms"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert content(root) == before
    assert (list((tmp_path / "tmp").glob("lantern*")), (tmp_path / "data").exists()) == ([], False)


def test_without_json_a_table_and_bars_are_printed(tmp_path: Path) -> None:
    done = lantern(tmp_path / "data", "eval", str(shop(tmp_path / "shop")), EMBEDDING_MODEL="none")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "current"
    assert lines[2].split()[:5] == ["docstring", "2", "100.0", "100.0", "100.0"]
    assert f"docstring, file MRR      |{'#' * 40}| 100.0" in lines


def test_a_repository_that_contains_the_temporary_folder_is_ignored(tmp_path: Path) -> None:
    outer = lay_out(tmp_path / "outer", {".gitignore": "*.py\n*.js\n", "tmp/kept": ""})
    git(outer, "init")
    done = lantern(
        tmp_path / "data", "eval", str(shop(tmp_path / "shop")), "--json",
        EMBEDDING_MODEL="none", TMPDIR=outer / "tmp",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = json.loads(done.stdout)["runs"]
    assert run["rows"][0]["file"] == {"r5": 1.0, "r10": 1.0, "mrr": 1.0}


@pytest.mark.parametrize("change", ["rerank", "rerank=much", "graph=-1", "MODEL_NAME=phi3-mini", "EMBEDDING_MODEL="])
def test_a_change_that_is_no_setting_of_the_search_is_a_usage_error(tmp_path: Path, change: str) -> None:
    done = lantern(tmp_path / "data", "eval", str(tmp_path), "--compare", change)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--compare {change}: give EMBEDDING_MODEL=NAME" in done.stderr


def test_a_codebase_without_questions_fails_with_the_reason(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "code", {"a.py": "a = 1\n"})
    done = lantern(tmp_path / "data", "eval", str(root))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"nothing to ask about in {root}: no function with a docstring" in done.stderr


def test_a_missing_embedding_model_fails_with_its_name(tmp_path: Path) -> None:
    """As where torch is not installed: importing it takes longer than all else here (tests/indexer/embedding)."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('no', name='torch')\n")
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    change = ("--compare", "EMBEDDING_MODEL=/no/model")
    done = lantern(tmp_path / "data", "eval", str(shop(tmp_path / "shop")), *change, PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "'/no/model' needs torch, which is not installed" in done.stderr
