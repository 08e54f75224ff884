"""`ask` and `chat` in a terminal: what stands on the screen, with a running server and the extractive engine."""

import json
import re
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Served, environment, lantern, serving
from tests.e2e.pseudo_terminal import terminal
from tests.tiny_gguf import tiny_dir

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]  # each starts several commands

CODE = {
    "sessions.py": 'def expire(now):\n    """Sessions expire an hour after their last use."""\n    return now - 3600\n',
    "cart\x1b[2J.py": 'def total(cart):\n    """Adds up prices of a cart. \x1b]0;title\x07"""\n    return sum(cart)\n',
}
QUESTION = "When are sessions expired?"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Served]]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "code").mkdir()
    for name, text in CODE.items():
        (folder / "code" / name).write_text(text)
    with serving(folder / "data", EMBEDDING_MODEL="none", MODEL_NAME="extractive") as served:
        served.post("/index", {"path": str(folder / "code"), "wait": True})
        yield folder, served


def variables(folder: Path, **more: str) -> dict[str, str]:
    return environment(folder / "data", EMBEDDING_MODEL="none", MODEL_NAME="extractive") | more


def words(text: str) -> list[str]:
    """Without the marks that are styles on a terminal."""
    return re.sub(r"[`*\u2022]|^- ", "", text, flags=re.MULTILINE).split()


@pytest.mark.parametrize("columns", [80, 31])
def test_the_answer_is_whole_and_its_sources_follow(world: tuple[Path, Served], columns: int) -> None:
    folder, _ = world
    call = ("ask", QUESTION, "--path", str(folder / "code"))
    piped = lantern(folder / "data", *call, EMBEDDING_MODEL="none", MODEL_NAME="extractive")
    with terminal(*call, env=variables(folder), columns=columns) as shown:
        assert shown.wait_for_end() == 0
    answer, _, notes = shown.screen.text.partition("\n\n  [1]")
    assert words(answer) == words(piped.stdout)
    assert "sessions.py:1-3" in notes
    assert "..." not in shown.screen.text  # no line of progress is left
    assert max(map(len, shown.screen.lines)) <= columns
    assert "\x1b[36m" in shown.raw
    assert "\x1b[" not in piped.stdout
    assert not re.search(r"\x1b(?!\[[\d;]*m)", shown.raw)  # styles alone: nothing moves the cursor


@pytest.mark.parametrize(
    ("name", "value", "code"), [("TERM", "dumb", r"\x1b"), ("NO_COLOR", "1", r"\x1b\[[\d;]*[34]\dm")]
)
def test_a_terminal_without_colours(world: tuple[Path, Served], name: str, value: str, code: str) -> None:
    folder, _ = world
    call = ("ask", "What does total do?", "--path", str(folder / "code"))
    with terminal(*call, env=variables(folder, **{name: value})) as shown:
        assert shown.wait_for_end() == 0
    assert "total" in shown.screen.text
    assert "cart\\x1b[2J.py" in shown.screen.text
    assert not re.search(code, shown.raw)


def test_hostile_names_and_code_are_text(world: tuple[Path, Served]) -> None:
    folder, _ = world
    with terminal("ask", "What does total do?", "--path", str(folder / "code"), env=variables(folder)) as shown:
        assert shown.wait_for_end() == 0
    assert "\\x1b]0;title\\x07" in shown.screen.text
    assert "\x1b]" not in shown.raw
    assert "\x1b[2J" not in shown.raw


def test_a_chat(world: tuple[Path, Served]) -> None:
    folder, served = world
    (folder / "editor").write_text(f"#!{sys.executable}\nimport sys\nprint('editing', sys.argv[1:])\n")
    (folder / "editor").chmod(0o700)
    env = variables(folder, EDITOR=f"{folder}/editor -x")
    with terminal("chat", "--path", str(folder / "code"), env=env) as shown:
        shown.wait_for("Ask about code. /help")
        shown.type(QUESTION, "enter")
        shown.wait_for("[1] sessions.py:1-3")
        shown.type("/sources", "enter")
        shown.wait_for("[1] sessions.py:1-3", 2)
        shown.type("/open 1", "enter")
        shown.wait_for("editing ['-x', '/")  # a long path goes on in the next line
        shown.type("/nothing", "enter")
        shown.wait_for("there is no command /nothing")
        shown.wait_for_prompt()
        shown.type("What does total do?", "ctrl-c")
        shown.wait_for("Ctrl-D ends the chat")
        shown.type("/model", "enter")
        shown.wait_for("extractive (loaded)")
        shown.wait_for_prompt()  # what is typed before it, the terminal has changed: Alt-Enter would be Enter
        shown.type("and who", "alt-enter")
        shown.type("calls it?", "enter")
        shown.wait_for("> and who\n  calls it?")
        shown.type("/quit", "enter")
        assert shown.wait_for_end() == 0
    history = folder / "data" / "chat_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    typed = [json.loads(line) for line in history.read_text().splitlines()]
    assert typed == [QUESTION, "/sources", "/open 1", "/nothing", "/model", "and who\ncalls it?", "/quit"]
    conversation = served.get("/chat/conversation/" + newest(served))
    asked = [message["content"] for message in conversation["messages"] if message["role"] == "user"]
    assert asked == [QUESTION, "and who\ncalls it?"]


def newest(served: Served) -> str:
    session = served.get("/chat/sessions")["sessions"][0]["session_id"]
    return str(served.get(f"/chat/session/{session}/conversations")["conversations"][0]["conversation_id"])


def test_the_end_of_a_chat_and_its_width(world: tuple[Path, Served]) -> None:
    folder, _ = world
    with terminal("chat", "--path", str(folder / "code"), env=variables(folder)) as shown:
        shown.wait_for("Ask about code. /help")
        shown.resize(40)
        shown.type(QUESTION, "enter")
        shown.wait_for("[1] sessions.py:1-3")
        shown.type("", "ctrl-d")
        assert shown.wait_for_end() == 0
    assert max(map(len, shown.screen.lines[2:])) <= 40


def test_a_chat_outlives_its_server(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sessions.py").write_text(CODE["sessions.py"])
    with serving(tmp_path / "data", EMBEDDING_MODEL="none", MODEL_NAME="extractive") as served:
        served.post("/index", {"path": str(tmp_path / "code"), "wait": True})
        with terminal("chat", "--path", str(tmp_path / "code"), env=variables(tmp_path)) as shown:
            shown.wait_for("Ask about code. /help")
            served.process.send_signal(signal.SIGKILL)
            served.process.wait(60)
            shown.type(QUESTION, "enter")
            shown.wait_for("The next question looks for a server again.")
            shown.type(QUESTION, "enter")
            shown.wait_for("[1] sessions.py:1-3")
            shown.type("", "ctrl-d")
            assert shown.wait_for_end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_chat(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sessions.py").write_text(CODE["sessions.py"])
    settings = {"MODEL_NAME": "phi3-mini", "MODELS_DIR": tiny_dir(), "MAX_TOKENS": 7000, "EMBEDDING_MODEL": "none"}
    with serving(tmp_path / "data", **settings) as served:
        served.post("/index", {"path": str(tmp_path / "code"), "wait": True})
        with terminal("chat", "--path", str(tmp_path / "code"), env=variables(tmp_path)) as shown:
            shown.wait_for("Ask about code. /help")
            shown.type("Explain everything", "enter")
            shown.wait_for("expire")
            shown.type("typed ahead", "ctrl-c")
            shown.wait_for("stopped")
            shown.wait_for_prompt()
            shown.type("/model", "enter")
            shown.wait_for("phi3-mini (loaded)")
            shown.type("", "ctrl-d")
            assert shown.wait_for_end() == 0


def test_a_chat_offers_to_index(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sessions.py").write_text(CODE["sessions.py"])
    with terminal("chat", "--path", str(tmp_path / "code"), env=variables(tmp_path), columns=300) as shown:
        shown.wait_for("is not indexed. Index it now?")
        shown.type("n", "enter")
        assert shown.wait_for_end() == 3
    assert f"no index for {tmp_path}/code" in shown.screen.text
    with terminal("chat", "--path", str(tmp_path / "code"), env=variables(tmp_path), columns=300) as shown:
        shown.wait_for("is not indexed. Index it now?")
        shown.type("y", "enter")
        shown.wait_for("Ask about code. /help")
        shown.type(QUESTION, "enter")
        shown.wait_for("[1] sessions.py:1-3")


@pytest.mark.parametrize("words", [("status",), ("open",)])
def test_without_a_server_nothing_is_started(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = lantern(tmp_path / "data", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lantern: no server runs over {tmp_path}/data: start one with `lantern serve`\n"


def test_status_of_a_server(world: tuple[Path, Served]) -> None:
    folder, served = world
    done = lantern(folder / "data", "status")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["server"].startswith(f"{served.url}, version ")
    assert lines["model"] == "extractive: loaded"
    assert lines["codebase"].startswith(f"{folder}/code: ready, 2 files")
    as_json = json.loads(lantern(folder / "data", "status", "--json").stdout)
    assert (as_json["url"], as_json["jobs"]) == (served.url, [])


def test_a_server_with_another_token(tmp_path: Path) -> None:
    with serving(tmp_path / "data", EMBEDDING_MODEL="none", MODEL_NAME="extractive") as served:
        (tmp_path / "data" / "token").write_text("x" * 64)
        done = lantern(tmp_path / "data", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"the server at {served.url} does not accept the token" in done.stderr


def test_the_version(tmp_path: Path) -> None:
    done = lantern(tmp_path, "--version")
    assert re.fullmatch(r"lantern \d+\.\d+\.\d+\n", done.stdout)
