"""A small codebase on disk and its index, for tests."""

from collections.abc import Callable
from pathlib import Path

from indexer.embedding.base import HashEmbedder
from indexer.storage.codebases import Codebases
from indexer.storage.store import Store
from indexer.types import IndexReport
from indexer.update.refresh import refresh
from indexer.workers.pool import Runner

FILES = {
    "app/config.py": 'def load_config(path):\n    """Reads the settings."""\n    return open(path)\n',
    "app/server.py": (
        "from app.config import load_config\n\n\nclass Server:\n    def start(self):\n"
        "        return load_config('x')\n\n    def stop(self):\n        return None\n"
    ),
    "web/page.js": "export const render = (state) => {\n  return state.title;\n};\n",
    "README.md": "# Guide\n\nRun the server.\n",
}


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def lay_out(root: Path, files: dict[str, str] | None = None) -> Path:
    for path, text in (FILES if files is None else files).items():
        put(root, path, text)
    return root


class World:
    """A codebase in `root` and its index, both in `folder`."""

    def __init__(self, folder: Path, files: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.root = lay_out(folder / "code", files)
        self.codebases = Codebases(folder / "indexes")
        self.embedder = HashEmbedder()

    @property
    def store(self) -> Store:
        return self.codebases.open(self.root)

    def refresh(self, cancelled: Callable[[], bool] = lambda: False) -> IndexReport:
        report = refresh(self.store, self.embedder, runner=Runner(cancelled=cancelled))
        self.store.purge()
        return report

    @property
    def database_file(self) -> Path:
        return next((self.folder / "indexes").glob("*.db"))

    def content(self) -> list[tuple[str, str, int, int, str]]:
        """What the index contains, without ids: equal for two indexes of the same files."""
        return content(self.store)

    def rebuilt_content(self) -> list[tuple[str, str, int, int, str]]:
        """The content of a new index of the same files."""
        store = Codebases(self.folder / "rebuilt").open(self.root)
        refresh(store, self.embedder)
        return content(store)


def content(store: Store) -> list[tuple[str, str, int, int, str]]:
    with store.read() as snapshot:
        rows = snapshot.rows(snapshot.chunk_ids()).values()
        assert len(snapshot.keys()) == len(rows) == snapshot.counts()[1]
    return sorted((r.file.path, r.file.sha, r.chunk.start_line, r.chunk.end_line, r.chunk.text) for r in rows)
