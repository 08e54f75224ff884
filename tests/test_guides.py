"""Every path and every name of code in CONTRIBUTING.md and docs/architecture.md exists in the sources."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from backend.config import Settings

ROOT = Path(__file__).parents[1]
GUIDES = ("CONTRIBUTING.md", "docs/architecture.md")
PACKAGES = ("backend", "indexer", "models", "prompts", "tests", "benchmarks")
SUFFIXES = ("py", "md", "toml", "txt", "lock", "json", "yaml", "example")
# Written as names of code, but of something else.
OTHER = {".py", "NAME", "X", "DATA_DIR/indexes", "kernels.json", "server.json"}


@cache
def modules() -> dict[str, list[Path]]:
    """The modules and folders of the packages, by their names without suffix."""
    found: dict[str, list[Path]] = {}
    for package in PACKAGES:
        for path in (ROOT / package, *(ROOT / package).rglob("*")):
            if path.suffix == ".py" or (path.is_dir() and "__pycache__" not in path.parts):
                found.setdefault(path.stem, []).append(path)
    return found


@cache
def names() -> frozenset[str]:
    """What the modules define at their top and in their classes, and the settings."""
    found = {name.upper() for name in Settings.model_fields}
    for path in (path for paths in modules().values() for path in paths if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef):
                found |= set(defined(node.body))
    return frozenset(found)


def defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        for target in node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]:
            yield from (part.id for part in ast.walk(target or ast.Pass()) if isinstance(part, ast.Name))


def mentioned(guide: str) -> list[str]:
    """What is in backticks, and the dotted names and paths at the start of lines of fenced blocks."""
    text = (ROOT / guide).read_text("utf-8")
    fenced = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    starts = [
        word for block in fenced.findall(text) for word in re.findall(r"^ *(\w+(?:[./]\w+)+)", block, re.MULTILINE)
    ]
    return [*starts, *re.findall(r"`([^`\n]+)`", fenced.sub("", text))]


def is_path(word: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", word)) and (
        (word.partition("/")[0] in PACKAGES and "/" in word) or word.rpartition(".")[2] in SUFFIXES
    )


def path_exists(word: str) -> bool:
    name = word.rstrip("/")
    bare = "/" not in name and name.endswith(".py") and Path(name).stem in modules()
    return (ROOT / name).exists() or (ROOT / f"{name}.py").exists() or bare or any(ROOT.glob(f"*/{name}"))


def is_dotted(word: str) -> bool:
    """A module or a class, and what is in it."""
    first = word.partition(".")[0]
    return bool(re.fullmatch(r"\w+(?:\.\w+)+", word)) and (first in modules() or first in names())


def is_name(word: str) -> bool:
    """A table or a class: not a name of one letter, nor a plain word."""
    return bool(re.fullmatch(r"_?[A-Z]\w+", word))


@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_mentions_exists(guide: str) -> None:
    words = [word for word in mentioned(guide) if word not in OTHER]
    paths = [word for word in words if is_path(word)]
    code = [word for word in words if not is_path(word) and (is_dotted(word) or is_name(word))]
    assert min(len(paths), len(code)) > 15
    assert [word for word in paths if not path_exists(word)] == []
    assert [word for word in code if not {*word.split(".")} <= names() | modules().keys()] == []
