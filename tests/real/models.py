"""The real models of the tests, in a folder outside the clone; `make test` downloads them before pytest starts.

`python -m tests.real.models` downloads missing ones and always succeeds: where that is impossible the tests are
skipped with the reason. `MODELS_CACHE` names another folder.
"""

import hashlib
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backend.config import load_settings
from models.download.pull import PullCallbacks, pull
from models.errors import ModelError
from models.gguf.reader import human_bytes
from models.registry import Registry

SMALL, LARGE = "smollm2-135m", "qwen2.5-coder-0.5b"  # in the catalogue
NAMES = (SMALL, LARGE)
_STEP = 0.05  # of a file, between two lines about its progress


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model of the tests: its file, or why there is none."""

    name: str
    path: Path | None
    problem: str = ""


def cache_dir() -> Path:
    return Path(os.environ.get("MODELS_CACHE") or Path.home() / ".cache" / "lantern" / "models").expanduser().absolute()


@cache
def found(name: str) -> Fetched:
    """The model in the cache, if its file has the digest of the catalogue. Downloads nothing."""
    return _found(name, cache_dir())


def _found(name: str, folder: Path) -> Fetched:
    registry = Registry(folder)
    spec = registry.spec(name)
    path = registry.locate(spec)
    if path is None:
        return Fetched(name, None, f"{name} is not in {folder}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != spec.sha256:
        return Fetched(name, None, f"{path} is not {name} (sha256 {digest}): remove it")
    return Fetched(name, path)


def fetch(name: str, folder: Path) -> Fetched:
    """The model, downloaded where it is missing."""
    here = _found(name, folder)
    if here.path or "remove it" in here.problem:
        return here
    reported = 0.0

    def progressed(done: int, total: int) -> None:
        nonlocal reported
        if done == total or done / total >= reported + _STEP:
            reported = done / total
            say(f"  {name}: {human_bytes(done)} of {human_bytes(total)}")

    try:
        pull(Registry(folder).spec(name), folder, PullCallbacks(on_progress=progressed, on_notice=say))
    except ModelError as error:
        return Fetched(name, None, f"{name} cannot be fetched: {error}")
    return _found(name, folder)


def installed(wanted: str) -> tuple[str, Path] | None:
    """Name and file of a model for a benchmark: a path, or a name in the cache of the tests or in MODELS_DIR."""
    settings = load_settings()
    if (path := Path(wanted).expanduser().absolute()).is_file():
        return Registry(path.parent, settings.user_catalogue).spec_for_path(path).name, path
    for folder in (cache_dir(), settings.models_dir):
        registry = Registry(folder, settings.user_catalogue)
        if wanted in registry.names() and (file := registry.locate(registry.spec(wanted))):
            return wanted, file
    return None


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    folder = cache_dir()
    for name in NAMES:
        model = fetch(name, folder)
        say(f"{name}: {model.path}" if model.path else f"{model.problem}. Tests that need it are skipped.")


if __name__ == "__main__":
    main()
