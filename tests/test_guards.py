"""The guards of the suite, each over a folder of tests that breaks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards import LONGEST, NEED_LLAMA

pytestmark = pytest.mark.process

CONFTEST = """
from xdist.workermanage import NodeManager
from tests.guards import pytest_collection_modifyitems, pytest_handlecrashitem, pytest_runtest_setup
from tests.guards import pytest_runtest_teardown

NodeManager.EXIT_TIMEOUT = 0.5  # seconds that the other process gets, which would go on with its tests
"""
# Those that the configuration needs: importing the others takes longer than the tests.
PLUGINS = ("-p", "xdist", "-p", "pytest_asyncio.plugin", "-p", "pytest_timeout")
STARTS = """
import multiprocessing, socket, subprocess, sys
import pytest

def test_child():
    subprocess.run([sys.executable, "-c", ""])

def test_worker():
    worker = multiprocessing.get_context("spawn").Process(target=print)
    worker.start()
    worker.join()

def test_server():
    socket.create_server(("127.0.0.1", 0)).close()

@pytest.mark.process
def test_marked():
    subprocess.run([sys.executable, "-c", ""])

def test_git():
    subprocess.run(["git", "--version"])

def test_plain():
    pass
"""
DIES = """
import os, signal, time

def test_before():
    pass

def test_that_dies():
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)
"""
GOES_ON = """
import time
import pytest

@pytest.mark.parametrize("n", range(100))
def test_other(n):
    time.sleep(0.2)
"""


def run(folder: Path, files: dict[str, str], *words: str) -> tuple[int, str]:
    """Pytest over these files: its exit status and what it prints."""
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    config = Path(__file__).parent.parent / "pyproject.toml"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        *PLUGINS,
        "-c",
        config,
        "--rootdir",
        folder,
        *words,
        folder,
    ]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=config.parent, env=env, capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


def test_what_is_listed_exists() -> None:
    assert [name for name in NEED_LLAMA + LONGEST if not (Path(__file__).parent / name).exists()] == []


def test_a_unit_test_that_starts_a_process_or_a_server_fails(tmp_path: Path) -> None:
    files = {"conftest.py": CONFTEST, "test_starts.py": STARTS}
    status, output = run(tmp_path, files)
    assert status == 1
    assert "6 passed, 3 errors" in output
    for name in ("test_child", "test_worker", "test_server"):
        assert f"ERROR at teardown of {name} " in output
    status, output = run(tmp_path, files, "-m", "unit")
    assert "5 passed, 1 deselected, 3 errors" in output


def test_a_process_that_dies_ends_the_run_with_its_test_named(tmp_path: Path) -> None:
    files = {"conftest.py": CONFTEST, "test_dies.py": DIES, "test_goes_on.py": GOES_ON}
    status, output = run(tmp_path, files, "-n", "2", "--dist", "loadfile", "--max-worker-restart=0")
    assert status == 1
    assert "a test process died in test_dies.py::test_that_dies" in output
    assert "102 passed" not in output
