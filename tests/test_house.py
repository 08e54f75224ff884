"""Rules of this repository that no linter checks: sizes, names, documented settings, one home per foreign library."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from backend.config import Settings
from backend.errors import CODES

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent
PACKAGES = ("backend", "indexer", "models", "prompts")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
# Each heavy library is imported by the modules named here and by no other.
HOMES = {
    "acp": {f"backend/cli/editors/{name}.py" for name in ("acp", "acp_agent", "acp_errors", "acp_updates")},
    "faiss": {"indexer/storage/vector_index.py"},
    "sentence_transformers": {"indexer/embedding/sentence.py"},
    "torch": {"indexer/embedding/sentence.py", "indexer/training/train.py", "indexer/training/finetune.py"},
    "transformers": {"indexer/embedding/sentence.py", "indexer/training/finetune.py"},
    "onnx": {"indexer/training/onnx_export.py"},
    "onnxruntime": {"indexer/embedding/onnx.py"},
    "tree_sitter": {"indexer/parsing/syntax.py"},
    "tree_sitter_language_pack": {"indexer/parsing/syntax.py"},
    "llama_cpp": {"models/llama/bindings.py"},
    "tiktoken": {"models/llama/token_count.py"},
    "mcp": {"backend/mcp/server.py", "backend/mcp/progress.py"},
    "PIL": {"backend/cli/plot.py"},
    "re2": {"indexer/files/secrets/linear.py"},
    "watchfiles": {"indexer/files/watch.py"},
    "jinja2": {"prompts/template.py"},
    "httpx": {
        "models/download/https.py",
        "models/remote/connection.py",
        "backend/cli/client.py",
        "backend/cli/editors/mcp_server.py",
    },
    "websockets": {"backend/connections/websocket.py", "backend/cli/editors/websocket.py"},
}


@cache
def imported(path: Path) -> set[str]:
    """The dotted names of all modules a file imports, inside functions too, and of all that it imports from them."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if library in {name.partition(".")[0] for name in imported(path)}
    }
    assert found == HOMES[library]


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"os\.environ|os\.getenv|from os import .*environ", path.read_text("utf-8"))
    }
    # backend/config.py reads it through pydantic-settings; backend/openmp.py only writes, the pool hands it on, and git
    # is given PATH and HOME
    assert readers == {"backend/openmp.py", "indexer/files/git.py", "indexer/workers/pool.py"}


def test_one_module_prints() -> None:
    """So that nothing reaches a terminal unescaped. A child process of a template writes JSON for its parent."""
    uses = r"\bprint\(|\binput\(|typer\.(echo|secho|style|confirm|prompt|progressbar)|sys\.std(out|err)\b|import rich"
    printing = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(uses, path.read_text("utf-8")) and "indexer/training/" not in path.as_posix()
    }
    assert printing == {"backend/cli/output.py", "prompts/template.py"}


def test_nothing_writes_an_escape_sequence() -> None:
    """Output has no colours, so NO_COLOR and a terminal without them need no care."""
    written = [path for path in SOURCES if re.search(r"(\\x1b|\\033|\\e|\\u001b|\\x9b)[\[\]]", path.read_text("utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in written] == []


def test_git_is_started_in_one_place() -> None:
    """There it runs no program that a repository names. A string that is or begins with `git` may be its start."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(r"^(?:\S*/)?git(?: \S[^.]*)?$|\bgit [\"$-]", node.value)
    }
    assert found == {"indexer/files/git.py"}


def test_every_setting_is_in_the_example_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    assert set(example) == {name.upper() for name in Settings.model_fields}
    defaults = {name: field.default for name, field in Settings.model_fields.items() if example[name.upper()]}
    as_text = {name: str(int(value) if isinstance(value, bool) else value) for name, value in defaults.items()}
    assert as_text == {name: example[name.upper()] for name in defaults}


def test_modules_and_functions_stay_small() -> None:
    long_modules, large_functions = [], []
    for path in SOURCES:
        name, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        if len(text.splitlines()) > 300:
            long_modules.append(name)
        large_functions += [f"{name}: {function}" for function in _too_large(ast.parse(text), name)]
    assert (long_modules, large_functions) == ([], [])


def _too_large(tree: ast.Module, name: str) -> Iterator[str]:
    """Functions of more than 40 lines or 6 parameters. The parameters of a command are its options."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "/migrations/" not in name:
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(parameter.arg not in ("self", "cls") for parameter in parameters)
            if (node.end_lineno or 0) - node.lineno >= 40 or (count > 6 and name != "backend/cli/main.py"):
                yield f"{node.name} ({(node.end_lineno or 0) - node.lineno + 1} lines, {count} parameters)"


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for path in SOURCES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_backend_never_checks_the_class_of_an_engine() -> None:
    checks = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"isinstance\([^()]*, *\w*Engine\b", path.read_text("utf-8"))
    ]
    assert checks == []


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


def test_every_method_and_error_code_is_in_the_protocol() -> None:
    protocol = (ROOT / "docs" / "protocol.md").read_text("utf-8")
    methods = re.findall(
        r'^ +"([a-z/]+)": \(schemas\.',
        (ROOT / "backend" / "api" / "socket" / "methods.py").read_text("utf-8"),
        re.MULTILINE,
    )
    assert len(methods) >= 8
    for name in (*methods, *CODES):
        assert f"`{name}`" in protocol, name
    for code in CODES.values():
        assert str(code.rpc) in protocol, code


def test_no_folder_has_more_than_fifteen_modules() -> None:
    modules = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for folder in (*PACKAGES, "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    )
    assert {folder: count for folder, count in modules.items() if count > 15} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {path: path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in SOURCES}
    arrows = {name: sorted(imported(path) & set(names.values()) - {name}) for path, name in names.items()}
    assert sum(map(len, arrows.values())) > 500
    TopologicalSorter(arrows).prepare()  # raises CycleError


@pytest.mark.parametrize("container", ["backend", "indexer", "models", "models.llama"])
def test_the_architecture_page_has_the_layers_of_the_contracts(container: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract.get("containers") == [container]]
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition(f"| `{container.replace('.', '/')}/` | |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in table.split("\n")]
    layers = [sorted(name.strip("` ").removesuffix(".py") for name in row.split(",")) for row in rows]
    assert layers == [sorted(layer.split(" | ")) for layer in contract["layers"]]
