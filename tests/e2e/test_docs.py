"""README and docs: their code blocks run, their links resolve, their tables and messages agree with the sources."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backend.config import Settings
from tests.e2e.harness import Served, environment, serving

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")])
WRAPPED = [page for page in PAGES if page.name not in ("architecture.md", "benchmarks.md")]
LINE = 120
# Commands that never end, need a terminal, a network or a file of the reader, or install something.
NOT_RUN = re.compile(
    r"lantern (?:serve|chat|mcp|models (?:pull|add)|index .*--watch)|[A-Z_]+=\S+ .*lantern serve"
    r"|make |pip |uv |\. \.venv"
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block and where it begins."""

    page: str
    line: int
    language: str
    text: str

    @property
    def commands(self) -> str:
        """The block without the commands that are not run, each line reading nothing where nothing is piped in."""
        lines = self.text.replace("\\\n", " ").splitlines()
        kept = [line.partition("  #")[0].rstrip() for line in lines if not NOT_RUN.match(line)]
        return "\n".join(f"{line} < /dev/null" if line.startswith("lantern ") else line for line in kept)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page.relative_to(ROOT).as_posix(), line, match[1], match[2])


BLOCKS = [block for page in PAGES for block in blocks(page)]


def written_in(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


# --- what runs ---


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """A server over `~/.lantern` of a home of its own, with one codebase that has one conversation."""
    code = home / "src" / "project"
    code.mkdir(parents=True)
    (code / "sessions.py").write_text(
        "def expire_sessions(now):\n"
        '    """Sessions are expired an hour after their last use."""\n'
        "    return now - 3600\n"
        "\n\n"
        "def store_backup(target):\n"
        '    """Writes a compressed archive of all invoices to the target folder."""\n'
        "    archive = target / 'invoices.zip'\n"
        "    archive.write_bytes(b'')\n"
        "    return archive\n"
    )
    with serving(home / ".lantern") as served:
        served.post("/index", {"path": str(code), "wait": True})
        served.post("/chat/query", {"query": "Where are sessions expired?"})
        yield served


def run(command: list[str], home: Path, served: Served, text: str) -> str:
    """The output of a program of the docs, against the served codebase instead of port 8000."""
    port = served.url.rpartition(":")[2]
    bin_dir = str(Path(sys.executable).parent)
    env = environment(home / ".lantern") | {"HOME": str(home), "PATH": f"{bin_dir}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, input=text.replace("8000", port), env=env, cwd=home, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", written_in("python"), ids=str)
def test_python_clients_run(block: Block, home: Path, served: Served) -> None:
    assert len([line for line in block.text.splitlines() if line]) <= 20
    printed = run([sys.executable, "-"], home, served, block.text)
    assert printed.startswith("`expire_sessions` is in `sessions.py:1-3`")


@pytest.mark.parametrize("block", written_in("js"), ids=str)
def test_javascript_clients_run(block: Block, home: Path, served: Served) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the JavaScript client of the docs was not run")
    assert len([line for line in block.text.splitlines() if line]) <= 20
    printed = run([node, "--experimental-websocket", "--input-type=module"], home, served, block.text)
    assert printed.startswith("`expire_sessions` is in `sessions.py:1-3`")


@pytest.mark.parametrize("block", [block for block in written_in("sh") if block.commands.strip()], ids=str)
def test_commands_run(block: Block, home: Path, served: Served) -> None:
    printed = run(["bash", "-es"], home, served, block.commands)
    assert printed.strip() or block.commands.startswith("lantern index")  # its report is for the person
    assert '"error":{"code"' not in printed.replace('": ', '":')
    if "lantern ask" in block.commands or "/chat/query" in block.commands:
        assert "expire_sessions" in printed


def test_each_interface_has_an_example_that_runs() -> None:
    run_here = "\n".join(block.commands for block in written_in("sh"))
    for command in ("index", "ask", "search", "eval", "models list", "models doctor", "doctor", "token"):
        assert f"lantern {command}" in run_here, command
    assert "curl" in run_here
    assert {block.page for block in written_in("python")} == {"docs/websocket.md", "docs/openai-and-editors.md"}
    assert {block.page for block in written_in("js")} == {"docs/websocket.md"}


# --- what agrees with the sources ---


def test_blocks_are_of_a_language_that_is_checked() -> None:
    assert {block.language for block in BLOCKS} <= {"python", "js", "sh", "json", "toml", "yaml", "text", ""}
    for block in written_in("json"):
        json.loads(block.text)
    for block in written_in("toml"):
        tomllib.loads(block.text)


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return frozenset(slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_front_page_is_short() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 125


@pytest.mark.parametrize("name", ["ask", "agents", "acp"])
def test_a_recording_is_small_and_fetches_nothing(name: str) -> None:
    picture = ROOT / "docs" / "picture" / f"{name}.svg"
    assert picture.stat().st_size < 100_000
    text = picture.read_text("utf-8")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace("httpx", "")
    assert str(ROOT) not in text
    assert "/tmp/" not in text


def test_pictures_load_fast() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in (ROOT / "docs" / "picture").glob("*.webp")}
    assert len(sizes) >= 4
    assert {name: size for name, size in sizes.items() if size > 200_000} == {}


@pytest.mark.parametrize("page", WRAPPED, ids=lambda page: page.name)
def test_lines_are_short(page: Path) -> None:
    lines = enumerate(page.read_text("utf-8").splitlines(), 1)
    assert [number for number, line in lines if len(line) > LINE and not re.match(r"[|!]|\s*\S+$", line)] == []


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {("README.md", "run"), ("README.md", "test")} <= named
    assert [(page, target) for page, target in sorted(named) if target not in targets] == []


def as_written(default: Any) -> str:
    """A default as the table of settings shows it."""
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if value is None or value == "":
        return "empty"
    return str(int(value) if isinstance(value, bool) else value)


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]+?)`? \| .+ \|$", page, re.MULTILINE)
    defaults = {name.upper(): as_written(field.default) for name, field in Settings.model_fields.items()}
    defaults |= {"DATA_DIR": "~/.lantern", "MODELS_DIR": "DATA_DIR/models"}
    assert dict(rows) == defaults
    assert [name for name, _ in rows] == list(dict(rows))


@cache
def messages() -> str:
    """Every text of the sources, one a line; what an f-string fills in ends a line."""
    texts = [(ROOT / "Makefile").read_text("utf-8")]
    for package in ("backend", "indexer", "models", "prompts"):
        for path in (ROOT / package).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text("utf-8")))
            texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(texts)


@pytest.mark.parametrize(
    "message",
    [
        line
        for block in written_in("text")
        if block.page.endswith("troubleshooting.md")
        for line in block.text.split("\n")
    ],
)
def test_quoted_messages_are_in_the_sources(message: str) -> None:
    parts = [part.strip() for part in message.split("...") if len(part.strip()) > 2]
    assert [part for part in parts if part not in messages()] == []
