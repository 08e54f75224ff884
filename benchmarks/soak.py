"""A fault of the campaign (`make soak`): index jobs that are killed at random moments.

After each kill every file in the index is complete, in its old or new version. At the end the index equals a fresh one.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from indexer.embedding.base import HashEmbedder
from indexer.search.searcher import Searcher
from indexer.update.refresh import refresh
from tests.indexer.harness import World, put

FILES = 300
_WITH_WORKERS = 5  # every fifth job prepares files in worker processes, as for a large codebase

# Imports little: the time to import is not what is tested.
JOB = """
import sys
from pathlib import Path
import indexer.update.prepare
from indexer.embedding.base import HashEmbedder
from indexer.storage.codebases import Codebases
from indexer.update.refresh import refresh

if __name__ == "__main__":
    indexer.update.prepare._WORTH_WORKERS = int(sys.argv[3])
    store = Codebases(Path(sys.argv[1])).open(Path(sys.argv[2]))
    print("open", flush=True)
    refresh(store, HashEmbedder(), patience_s=5.0)
    print("done", flush=True)
"""


def text(path: str, version: int) -> str:
    name = path.removesuffix(".py")
    return f"def {name}():\n    return {version}\n\n\ndef other_{name}():\n    return -{version}\n"


def chunks(path: str, version: int) -> set[str]:
    return set(text(path, version).strip().split("\n\n\n"))


def kill_repeatedly(folder: Path, kills: int, seed: int = 0) -> int:
    """Kills jobs, and returns how many were still at work. Raises AssertionError if anything is lost.

    One job of each kind runs to its end first: a kill comes within the time that such a job took.
    """
    rng = random.Random(seed)
    versions = dict.fromkeys((f"m{i:03}.py" for i in range(FILES)), 0)
    world = World(folder, {path: text(path, 0) for path in versions})
    (folder / "job.py").write_text(JOB)
    indexed: dict[str, set[int]] = {path: set() for path in versions}  # versions that the index may hold

    def edit(count: int) -> None:
        for path in rng.sample(sorted(versions), count):
            versions[path] += 1
            put(world.root, path, text(path, versions[path]))
            indexed[path].add(versions[path])

    durations: dict[bool, float] = {}
    for with_workers in (True, False):
        edit(FILES)
        with _job(folder, world, with_workers) as job:
            start = time.perf_counter()
            job.wait()
            durations[with_workers] = time.perf_counter() - start
    working = 0
    for number in range(kills):
        edit(FILES // 2)
        with_workers = number % _WITH_WORKERS == 0
        with _job(folder, world, with_workers) as job:
            time.sleep(rng.uniform(0.0, durations[with_workers]))
            job.send_signal(signal.SIGKILL)
            assert job.stdout is not None
            working += not job.stdout.read()
        _check(world, indexed)
    assert refresh(world.store, world.embedder, patience_s=10.0).files == FILES
    fresh = World(folder / "fresh", {path: text(path, version) for path, version in versions.items()})
    fresh.refresh()
    assert world.content() == fresh.content()
    return working


def _job(folder: Path, world: World, with_workers: bool) -> subprocess.Popen[bytes]:
    """An index job that has opened its index."""
    least_files = 0 if with_workers else 1 << 40
    command = [sys.executable, *map(str, (folder / "job.py", folder / "indexes", world.root, least_files))]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert job.stdout is not None
    assert job.stdout.readline() == b"open\n", "the job did not start"
    return job


def _check(world: World, indexed: dict[str, set[int]]) -> None:
    found: dict[str, set[str]] = {}
    for path, _, _, _, chunk in world.content():
        found.setdefault(path, set()).add(chunk)
    for path, texts in found.items():
        stored = {version for version in indexed[path] if chunks(path, version) == texts}
        assert stored, f"{path} is neither in its old nor in its new version"
        indexed[path] = {version for version in indexed[path] if version >= max(stored)}
    if found:
        path = min(found)
        hits = Searcher(world.store, HashEmbedder()).search(path.removesuffix(".py"))
        assert path in {hit.path for hit in hits}
