"""What the README tells a stranger to paste is what runs here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import Served, environment, serving

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def block(language: str, containing: str) -> str:
    """The fenced block of that language which contains the text."""
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text]
    assert len(found) == 1, f"{len(found)} blocks of {language} contain {containing!r}"
    return str(found[0])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """A server over `~/.lantern` of a home of its own, with one codebase."""
    code = home / "src" / "project"
    code.mkdir(parents=True)
    (code / "sessions.py").write_text(
        "def expire_sessions(now):\n"
        '    """Sessions are expired an hour after their last use."""\n'
        "    return now - 3600\n"
    )
    with serving(home / ".lantern") as served:
        served.post("/index", {"path": str(code), "wait": True})
        yield served


def run(command: list[str], home: Path, served: Served, text: str) -> str:
    port = served.url.rpartition(":")[2]
    bin_dir = str(Path(sys.executable).parent)
    env = environment(home / ".lantern") | {"HOME": str(home), "PATH": f"{bin_dir}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, input=text.replace("8000", port), env=env, cwd=home, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_client(home: Path, served: Served) -> None:
    text = block("python", "session/prompt")
    assert len([line for line in text.splitlines() if line]) <= 20
    said = run([sys.executable, "-"], home, served, text)
    assert said.startswith("`expire_sessions` is in `sessions.py:1-3`")
    assert said.endswith("[stop]\n")


def test_the_openai_client(home: Path, served: Served) -> None:
    said = run([sys.executable, "-"], home, served, block("python", "from openai import OpenAI"))
    assert said.startswith("`expire_sessions` is in `sessions.py:1-3`")


def test_the_javascript_client(home: Path, served: Served) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the JavaScript client of the README was not run")
    text = block("js", "session/prompt")
    assert len([line for line in text.splitlines() if line]) <= 20
    said = run([node, "--experimental-websocket", "--input-type=module"], home, served, text)
    assert said.startswith("`expire_sessions` is in `sessions.py:1-3`")


def test_the_curl_call(home: Path, served: Served) -> None:
    lines = block("sh", "curl -s").split("\n", 1)
    assert lines[0].startswith("lantern serve --index")  # the fixture did that
    said = run(["bash", "-s"], home, served, lines[1])
    assert '"response":"`expire_sessions` is in `sessions.py:1-3`' in said


def test_the_command_line(home: Path, served: Served) -> None:
    lines = block("sh", "lantern ask").splitlines()
    commands = [
        line.partition("#")[0] for line in lines if line.startswith(("lantern index", "lantern ask", "lantern search"))
    ]
    said = run(["bash", "-es"], home, served, "\n".join(f"{command} < /dev/null" for command in commands))
    assert said.count("expire_sessions") >= 3
