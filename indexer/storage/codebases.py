"""All indexes of this machine: one file each, named after its codebase's folder."""

import hashlib
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import CodebaseUnreadable, IndexDamaged, NotIndexed
from indexer.files.mounts import refuse_pseudo
from indexer.files.opening import is_folder
from indexer.files.repositories import enclosing_repository, is_repository
from indexer.storage.snapshot import Snapshot
from indexer.storage.store import Store


@dataclass(frozen=True, slots=True)
class CodebaseInfo:
    """The state of an index."""

    id: str
    root: Path
    state: str  # empty, indexing, ready, damaged
    files: int
    chunks: int
    generation: int
    indexed_at: float  # Unix time in seconds of the last full refresh


class Codebases:
    """A folder of indexes. Safe to use from several threads; stores are opened once and shared."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores: dict[str, Store] = {}
        self._counts: dict[str, tuple[tuple[str, int], tuple[int, int]]] = {}  # id -> version, (files, chunks) of it
        self._lock = threading.Lock()

    def open(self, root: Path) -> Store:
        """The index of exactly this folder, created empty if there is none. Raises CodebaseUnreadable for no folder."""
        root = _resolved(root)
        if not is_folder(root):
            raise CodebaseUnreadable(f"there is no folder {root}: check the path")
        refuse_pseudo(root)
        store = self._store(codebase_id(root), root)
        store.create()
        return store

    def find(self, path: Path) -> Store | None:
        """The index of this folder, or of the nearest one around it in the same repository."""
        path = _resolved(path)
        for root in (path, *path.parents):
            name = codebase_id(root)
            if self._file(name).exists():
                return self._store(name, root)
            if is_repository(root):
                return None
        return None

    def left_out(self, path: Path) -> Path | None:
        """The repository of a path that has no index of its own, if an index around that repository leaves it out."""
        own = enclosing_repository(_resolved(path))
        if own is None or self.find(path) is not None:
            return None
        return own if any(self._file(codebase_id(root)).exists() for root in own.parents) else None

    def get(self, name: str) -> Store:
        """The index with this id. Raises NotIndexed."""
        with self._lock:
            store = self._stores.get(name)
        if store is not None and self._file(name).exists():
            return store
        root = self._roots().get(name)
        if root is None:
            raise NotIndexed(f"no codebase has the id {name!r}: index its folder first")
        return self._store(name, root)

    def all(self) -> list[CodebaseInfo]:
        """Every index of this machine, by id."""
        return [self._info(self._store(name, root)) for name, root in sorted(self._roots().items())]

    def delete(self, name: str) -> None:
        """Deletes an index. Raises NotIndexed, and IndexStorage while it is being indexed."""
        store = self.get(name)
        store.delete()
        with self._lock:
            self._stores.pop(name, None)

    def close(self) -> None:
        with self._lock:
            stores, self._stores = list(self._stores.values()), {}
        for store in stores:
            store.close()

    def _info(self, store: Store) -> CodebaseInfo:
        try:
            with store.read() as snapshot:
                meta = snapshot.meta()
                files, chunks = self._count(store.id, snapshot)
        except IndexDamaged:
            return CodebaseInfo(store.id, store.root, "damaged", 0, 0, 0, 0.0)
        state = "damaged" if store.is_damaged else meta.get("state", "empty")
        return CodebaseInfo(
            id=store.id,
            root=store.root,
            state=str(state),
            files=files,
            chunks=chunks,
            generation=int(meta.get("generation", 0)),
            indexed_at=float(meta.get("indexed", 0.0)),
        )

    def _count(self, name: str, snapshot: Snapshot) -> tuple[int, int]:
        version = snapshot.version
        if self._counts.get(name, (None,))[0] != version:
            self._counts[name] = version, snapshot.counts()
        return self._counts[name][1]

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _store(self, name: str, root: Path) -> Store:
        with self._lock:
            if name not in self._stores:
                self._stores[name] = Store(name, root, self._file(name))
            return self._stores[name]

    def _roots(self) -> dict[str, Path]:
        """The folder of each index, from a file beside the database: a damaged database still has a name.

        A damaged name is left out until its folder is indexed again.
        """
        roots = {}
        for file in self._folder.glob("*.root"):
            with suppress(FileNotFoundError):  # the index has just been deleted
                root = Path(file.read_bytes().decode("utf-8", "surrogateescape"))
                if self._file(file.stem).exists() and codebase_id(root) == file.stem:
                    roots[file.stem] = root
        return roots


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise CodebaseUnreadable(f"{path} is no folder ({error}): check the path") from error


def codebase_id(root: Path) -> str:
    """The id of a resolved folder: readable, and safe in a file name and a URL."""
    slug = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:40] or "root"
    return f"{slug}-{hashlib.sha256(str(root).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
