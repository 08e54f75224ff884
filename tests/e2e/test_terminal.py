"""Every command on a codebase, a data folder and words that are full of escape sequences: all of it is text."""

import os
import re
import subprocess
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer.main
from gguf import GGUFWriter

from backend.cli.main import app
from backend.instance_lock import find
from tests.e2e.harness import LANTERN, TIMEOUT_S, environment, lantern, serving
from tests.indexer.repository import CART
from tests.minimal_models import write_minimal_llama

pytestmark = pytest.mark.process

# Title, clear screen, red (C1), clipboard, direction, overwritten line, invisible, tag, and lines that only some see.
EVIL = "\x1b]0;t\x07\x1b[2J\x9b31m\x1b]52;c;aGk=\x07\u202egnp\rOVER\u200b\U000e0041\x85\u2028"
SHOWN = "\\x1b]0;t\\x07\\x1b[2J\\x9b31m\\x1b]52;c;aGk=\\x07\\u202egnp\\rOVER\\u200b\\U000e0041\\x85\\u2028"
NAME = f"x{EVIL}\nlantern: forged"
NAME_SHOWN = f"x{SHOWN}\\nlantern: forged"
FILE = f"refund{EVIL}\n.py"
FILE_SHOWN = f"refund{SHOWN}\\n.py"
CODE = f'def refund(order):\n    """Pays back what the order cost {EVIL} in full."""\n    return "{EVIL}"\n'
ASK = ("ask", "What does refund do?", "--path", "{root}")
# Command -> words, and what one of its two outputs must contain.
COMMANDS: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "index": [
        (("index", "{root}"), NAME_SHOWN),
        (("index", "{root}", "--json"), "\\u001b]0;t\\u0007\\u001b[2J\\u009b31m"),
        (("index", f"/nowhere/{NAME}"), NAME_SHOWN),
    ],
    "ask": [
        (ASK, FILE_SHOWN),
        ((*ASK, "--show-context", "-u"), 'egnp\nOVER\\u200b\\U000e0041\\x85\\u2028"\n'),
        ((*ASK, "--dry-run"), FILE_SHOWN),
        ((*ASK, "-x"), "\\x1b[2J"),
        ((*ASK, "--json"), "\\u001b]0;t\\u0007"),
        ((*ASK, "--jsonl"), "\\u001b]0;t\\u0007"),
        (("ask", "where is refund defined?", "--path", "{root}"), FILE_SHOWN),
        ((*ASK, "--model", f"no{NAME}"), "no model is called"),
        ((*ASK, "--cid", NAME), "lantern: "),
        (("ask", "x", "--path", f"/nowhere/{NAME}"), NAME_SHOWN),
    ],
    "chat": [(("chat", "--path", "{root}"), FILE_SHOWN)],
    "search": [
        (("search", "refund", "--path", "{root}"), FILE_SHOWN),
        (("search", "refund", "--path", "{root}", "--json"), "\\u001b]0;t\\u0007"),
        (("search", "x", "--path", f"/nowhere/{NAME}"), NAME_SHOWN),
    ],
    "overview": [
        (("overview", "{root}"), NAME_SHOWN),
        (("overview", "{root}", "--json"), "\\u001b]0;t\\u0007"),
        (("overview", f"/nowhere/{NAME}"), NAME_SHOWN),
    ],
    "eval": [
        (("eval", "{root}", "-n", "1"), "file MRR"),
        (("eval", "{root}", "--compare", NAME), NAME_SHOWN),
        (("eval", f"/nowhere/{NAME}"), "lantern: "),
    ],
    "serve": [(("serve", "--host", NAME), "lantern: HOST")],
    "acp": [(("acp",), "")],
    "doctor": [(("doctor",), NAME_SHOWN)],
    "token": [(("token",), "")],
    "models": [(("models",), NAME_SHOWN)],
    "models list": [(("models", "list"), NAME_SHOWN), (("models", "list", "--json"), "\\u001b]0;t\\u0007")],
    "models pull": [(("models", "pull", f"no{NAME}"), "no model is called")],
    "models add": [
        (("models", "add", f"{{models}}/{NAME}.gguf"), "x\\x1b]0;t"),
        (("models", "add", NAME), "lantern: "),
    ],
    "models doctor": [(("models", "doctor"), NAME_SHOWN)],
    "mcp": [(("mcp",), ""), (("mcp", "--path", f"/nowhere/{NAME}"), NAME_SHOWN)],
    "mcp install": [
        (("mcp", "install", "--dry-run", "cursor"), ".cursor/mcp.json"),
        (("mcp", "install", NAME), "no client is called"),
    ],
    "mcp uninstall": [(("mcp", "uninstall", "--dry-run", "cursor"), ".cursor/mcp.json")],
}
WRONG = [(NAME,), ("search", f"--{NAME}"), ("index", "a", NAME), ("models", NAME)]


def commands() -> set[str]:
    group = typer.main.get_command(app)
    names = group.commands  # type: ignore[attr-defined]
    below = {f"{name} {word}" for name in names for word in getattr(names[name], "commands", ())}
    return set(names) | below


def hidden(text: str) -> set[str]:
    """The characters of an output that no reader sees or that a terminal obeys."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n", "\t"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a codebase, a data folder that a server uses, and a model; each has an evil name."""
    folder = tmp_path_factory.mktemp("world")
    root = folder / f"code {NAME}"
    root.mkdir()
    (root / FILE).write_bytes(CODE.encode())
    (root / "cart.py").write_text(CART)
    (root / os.fsdecode(b"lone\xff.py")).write_text("def lone(): ...\n")
    (root / f"plain{EVIL}.bin").write_bytes(b"\0" * 100)
    (folder / "models").mkdir()
    write_minimal_llama(folder / "models" / f"{NAME}.gguf")
    strange = GGUFWriter(folder / "models" / "strange.gguf", arch=f"llama{EVIL}\n")
    strange.write_header_to_file()
    strange.write_kv_data_to_file()
    strange.close()
    with serving(folder / f"data {NAME}", **settings(folder)):
        assert run(folder, "index", str(root)).returncode == 0
        yield folder


def settings(folder: Path) -> dict[str, object]:
    return {"EMBEDDING_MODEL": "none", "MODELS_DIR": folder / "models", "MODEL_NAME": "extractive"}


def run(folder: Path, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    placed = [word.replace("{root}", f"{folder}/code {NAME}").replace("{models}", f"{folder}/models") for word in words]
    return lantern(folder / f"data {NAME}", *placed, stdin=stdin, **settings(folder))


def test_the_table_has_every_command() -> None:
    assert set(COMMANDS) == commands()


@pytest.mark.parametrize(
    "words", [pytest.param(case, id=f"{name}-{n}") for name in COMMANDS for n, case in enumerate(COMMANDS[name])]
)
def test_what_a_command_prints_is_text(world: Path, words: tuple[tuple[str, ...], str]) -> None:
    done = run(world, *words[0], stdin=f"What does refund do? {EVIL}\n" if words[0][0] in ("chat", "ask") else "")
    assert hidden(done.stdout) | hidden(done.stderr) == set()
    assert words[1] in done.stdout + done.stderr
    assert not re.search("^lantern: forged", done.stdout + done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_are_quoted_as_text(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = lantern(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert hidden(done.stderr) == set()
    assert "\\x1b]0;t" in done.stderr


@pytest.mark.parametrize("words", [("--help",), ("ask", "--help"), ("models", "--help"), ("models", "pull", "--help")])
def test_help_has_no_colours_even_where_they_are_forced(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = lantern(tmp_path, *words, FORCE_COLOR=1, TERM="xterm-256color")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: lantern ")
    assert hidden(done.stdout) == set()


def test_the_log_of_a_server_is_text(tmp_path: Path) -> None:
    root, data = tmp_path / f"code {NAME}", tmp_path / f"data {NAME}"
    root.mkdir()
    (root / FILE).write_bytes(CODE.encode())
    variables = environment(data, **settings(tmp_path), LOG_LEVEL="DEBUG")
    with subprocess.Popen([*LANTERN, "serve", "--index", str(root)], env=variables, stderr=subprocess.PIPE) as server:
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while not ((instance := find(data)) and instance.url):
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.02)
            headers = {"Authorization": f"Bearer {(data / 'token').read_text().strip()}"}
            with httpx.Client(base_url=instance.url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
                done = client.post("/index", json={"path": str(root), "wait": True}).json()
                refused = client.post("/index", json={"path": f"/nowhere/{NAME}", "wait": True}).json()
        finally:
            server.terminate()
            log = server.communicate(timeout=TIMEOUT_S)[1].decode()
    assert done["state"] == "done"
    assert NAME_SHOWN in refused["error"]["message"]
    assert hidden(log) == set()
    assert f"The token is in {tmp_path}/data {NAME_SHOWN}/token\n" in log
    assert not re.search("^lantern: forged", log, re.MULTILINE)
