"""Which codebase a tool works on, and in what state its index is. Raises errors that say what to do next."""

import asyncio
from pathlib import Path

from backend.errors import ApiError
from backend.indexing.jobs import Job
from backend.mcp.results import IndexStatus
from backend.mcp.workspace import holds_everything
from backend.services import Services
from backend.wording import plural
from indexer.files.repositories import enclosing_repository
from indexer.storage.codebases import CodebaseInfo
from indexer.storage.freshness import is_fresh
from indexer.storage.store import Store

NAMED = 10  # codebases that an error lists
STAT_FILES = 10_000  # whose state on disk is looked at for an answer: 10 µs each


async def choose(services: Services, codebase: str, workspace: Path | None) -> CodebaseInfo:
    """The indexed codebase with this id, path or name, else that of the client's folder, else the one indexed last.

    Raises `ApiError` if there is none, or if it holds nothing yet.
    """
    info = await asyncio.to_thread(_find, services, codebase, workspace)
    if not info.chunks:
        raise ApiError("index_unavailable", _nothing_yet(info, services.jobs.unfinished(info.id)))
    return info


def folder_to_index(services: Services, codebase: str, workspace: Path | None) -> Path:
    """The folder that `index` works on: an indexed one, or one that will be. Raises `ApiError`."""
    named = _path(codebase) if _is_path(codebase) else None
    folder = named or (workspace if not codebase else None)
    if folder is None:
        return _find(services, codebase, None).root
    if (found := services.retrieval.choose(None, str(folder))) is not None:
        return found.root
    wanted = named or enclosing_repository(folder) or folder
    if holds_everything(wanted):
        raise ApiError("bad_params", f"{wanted} is no codebase: call `index` with codebase set to a folder below it")
    return wanted


async def status_of(services: Services, codebase: str) -> IndexStatus:
    """The state of an index now. A file that is new is not counted as stale: the watcher of the codebase finds it."""
    job = services.jobs.unfinished(codebase)
    info = await asyncio.to_thread(services.retrieval.choose, codebase)
    assert info is not None
    stale = None
    if info.files <= STAT_FILES:
        stale = await asyncio.to_thread(_count_stale, services.indexes.codebases.get(codebase))
    eta_s = job.progress.eta_s if job else None
    return IndexStatus(
        state="indexing" if job else info.state,
        generation=info.generation,
        stale_files=stale,
        eta_s=None if eta_s is None else round(eta_s, 1),
    )


def _find(services: Services, codebase: str, workspace: Path | None) -> CodebaseInfo:
    known = services.indexes.codebases.all()
    if not codebase:
        found = services.retrieval.choose(None, str(workspace) if workspace else "")
        if found is None:
            raise ApiError("index_unavailable", _not_indexed(workspace, known))
        return found
    if _is_path(codebase):
        folder = _path(codebase)
        found = services.retrieval.choose(None, str(folder))
        if found is None:
            raise ApiError("not_found", _not_indexed(folder, known))
        return found
    matching = [info for info in known if info.id == codebase] or [
        info for info in known if info.root.name.lower() == codebase.lower()
    ]
    if len(matching) == 1:
        return matching[0]
    problem = f"{len(matching)} codebases are called" if matching else "no codebase is called"
    raise ApiError("not_found", f"{problem} {codebase[:200]!r}. {_listed(matching or known)}")


def _is_path(codebase: str) -> bool:
    return codebase.startswith(("/", "~"))


def _path(codebase: str) -> Path:
    """Raises `ApiError` for what cannot be a path."""
    try:
        if "\0" not in codebase:
            return Path(codebase).expanduser()
    except RuntimeError:  # a user who does not exist
        pass
    raise ApiError("bad_params", f"{codebase[:200]!r} is not a path of this machine: name a folder")


def _nothing_yet(info: CodebaseInfo, job: Job | None) -> str:
    if job is None:
        return f"{info.root} holds nothing that is indexed: call `index` with refresh=true"
    eta = "" if job.progress.eta_s is None else f", about {job.progress.eta_s:.0f} s left"
    done = f"{job.progress.done}/{plural(job.progress.total, 'file')}{eta}"
    return f"{info.root} is being indexed ({done}): call `index` to wait"


def _not_indexed(folder: Path | None, known: list[CodebaseInfo]) -> str:
    if folder is None:
        return "nothing is indexed: call `index` with codebase set to the absolute path of a folder"
    return f"{folder} is not indexed: call `index` with codebase={str(folder)!r} first. {_listed(known)}"


def _listed(known: list[CodebaseInfo]) -> str:
    if not known:
        return "No codebase is indexed yet."
    names = ", ".join(f"{info.id} ({info.root})" for info in known[:NAMED])
    return f"Indexed: {names}{', ...' if len(known) > NAMED else ''}"


def _count_stale(store: Store) -> int:
    with store.read() as snapshot:
        files = snapshot.files()
    return sum(not is_fresh(store.root, file) for file in files.values())
