"""The rules of the house that no linter knows: sizes of rooms, settings that are documented, one place per library."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from backend.config import Settings
from backend.errors import CODES

ROOT = Path(__file__).parent.parent
SOURCES = [path for package in ("backend", "indexer", "models", "prompts") for path in (ROOT / package).rglob("*.py")]
# Each heavy library is imported by the modules named here and by no other.
HOMES = {
    "faiss": {"indexer/vectors.py"},
    "sentence_transformers": {"indexer/embed.py"},
    "torch": {"indexer/embed.py", "indexer/training/train.py", "indexer/training/finetune.py"},
    "transformers": {"indexer/embed.py", "indexer/training/finetune.py"},
    "onnx": {"indexer/quantize.py"},
    "onnxruntime": {"indexer/onnx.py"},
    "tree_sitter": {"indexer/trees.py"},
    "tree_sitter_language_pack": {"indexer/trees.py"},
    "llama_cpp": {"models/llama/library.py"},
    "tiktoken": {"models/bpe.py"},
    "PIL": {"backend/cli/plot.py"},
    "watchfiles": {"indexer/watch.py"},
    "jinja2": {"prompts/template.py"},
    "httpx": {"models/https.py", "models/remote.py", "backend/cli/client.py"},
}


@cache
def imported(path: Path) -> set[str]:
    """The top-level names of all modules a file imports, inside functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    found = {path.relative_to(ROOT).as_posix() for path in SOURCES if library in imported(path)}
    assert found == HOMES[library]


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"os\.environ|os\.getenv|from os import .*environ", path.read_text("utf-8"))
    }
    # backend/config.py reads it through pydantic-settings; backend/threads.py only writes
    assert readers == {"backend/threads.py"}


def test_every_setting_is_in_the_example_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    told = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    assert set(told) == {name.upper() for name in Settings.model_fields}
    plain = {name: field.default for name, field in Settings.model_fields.items() if told[name.upper()]}
    as_text = {name: str(int(value) if isinstance(value, bool) else value) for name, value in plain.items()}
    assert as_text == {name: told[name.upper()] for name in plain}


def test_rooms_stay_small() -> None:
    long_files = {
        path.relative_to(ROOT).as_posix() for path in SOURCES if len(path.read_text("utf-8").splitlines()) > 300
    }
    long_functions = {
        f"{path.relative_to(ROOT).as_posix()}:{node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 50
        and "migrations" not in path.parts
    }
    assert (long_files, long_functions) == (set(), set())


@pytest.mark.parametrize("module", ["indexer.types", "models.types", "prompts.build", "backend.cli.main"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    heavy = {
        "torch",
        "faiss",
        "onnxruntime",
        "numpy",
        "llama_cpp",
        "sqlalchemy",
        "fastapi",
        "pydantic_settings",
        "sentence_transformers",
    }
    assert heavy.isdisjoint(loaded.split())


def test_what_clients_may_ask_and_be_told_is_in_the_protocol() -> None:
    told = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    methods = re.findall(r'^ +"([a-z/]+)": \(schemas\.', (ROOT / "backend" / "ws.py").read_text("utf-8"), re.MULTILINE)
    assert len(methods) >= 8
    for name in (*methods, *CODES):
        assert f"`{name}`" in told, name
    for code in CODES.values():
        assert str(code.rpc) in told, code
