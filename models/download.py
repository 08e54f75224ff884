"""Fetching a model file: costs are shown first, broken downloads go on where they stopped, bytes are checked.

Only the owner's command line calls this; nothing that comes over HTTP does. Does not know llama.cpp.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from models.errors import DownloadFailed, ModelError, ModelUnavailable
from models.gguf_file import read_header
from models.gguf_format import human_bytes
from models.types import ModelSpec

_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a download would cost, shown before it starts."""

    name: str
    url: str
    target: Path
    size_bytes: int
    have_bytes: int  # already here from a download that broke off
    free_disk: int  # bytes
    memory_bytes: int  # about, at the catalogue's context; 0: not known
    licence: str
    sha256: str  # "": no published digest at hand, the bytes can only be checked for being a whole GGUF

    @property
    def verified(self) -> bool:
        return bool(self.sha256)


def pull(
    spec: ModelSpec,
    models_dir: Path,
    *,
    confirm: Callable[[PullPlan], bool],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path | None:
    """Downloads a model of the catalogue into `models_dir`; None if `confirm` says no.

    `on_progress` gets bytes done and total. Raises DownloadFailed; after a broken connection the part stays and the
    next call goes on from there, after wrong bytes it is deleted.
    """
    if not spec.url:
        raise DownloadFailed(f"{spec.name} has no download address: put its file into {models_dir}")
    target = models_dir / _target_name(spec)
    if target.is_file():
        return target
    with (
        _translated(spec.url),
        httpx.Client(follow_redirects=True, timeout=_TIMEOUT, event_hooks={"request": [_refuse_open_http]}) as client,
    ):
        size, stamp = _look(client, spec.url)
        part = _Part(target, stamp)
        plan = _plan(spec, target, size, part.resume())
        if not confirm(plan):
            return None
        _fetch(client, plan, part.file, on_progress)
        _check(plan, part)
        part.file.replace(target)
        part.stamp_file.unlink(missing_ok=True)
    return target


class _Part:
    """An unfinished file, and beside it which version of the remote file it belongs to."""

    def __init__(self, target: Path, stamp: str) -> None:
        self.file = target.with_name(f"{target.name}.part")
        self.stamp_file = target.with_name(f"{target.name}.part.stamp")
        self._stamp = stamp
        target.parent.mkdir(parents=True, exist_ok=True)

    def resume(self) -> int:
        """Bytes that need not be fetched again; forgets what belongs to another version."""
        if self.file.is_file() and self.stamp_file.is_file() and self.stamp_file.read_text("utf-8") == self._stamp:
            return self.file.stat().st_size
        self.discard()
        self.stamp_file.write_text(self._stamp, "utf-8")
        return 0

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self.stamp_file.unlink(missing_ok=True)


def _target_name(spec: ModelSpec) -> str:
    """The published name where the catalogue will find it under that, else the first name it looks for."""
    published = PurePosixPath(httpx.URL(spec.url).path).name
    return published if published in spec.filenames else spec.filenames[0]


def _look(client: httpx.Client, url: str) -> tuple[int, str]:
    """Size and version of the remote file."""
    response = client.head(url, headers={"Accept-Encoding": "identity"})
    response.raise_for_status()
    size = int(response.headers.get("Content-Length", 0))
    if size == 0:
        raise DownloadFailed(f"{url} does not say how large it is")
    return size, f"{size} {response.headers.get('ETag', '')}"


def _plan(spec: ModelSpec, target: Path, size: int, have: int) -> PullPlan:
    free = _free_disk(target.parent)
    if size - have > free:
        raise DownloadFailed(f"{spec.name} needs {human_bytes(size - have)} on disk, {human_bytes(free)} are free")
    return PullPlan(spec.name, spec.url, target, size, have, free, spec.memory_bytes, spec.licence, spec.sha256.lower())


def _free_disk(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _fetch(client: httpx.Client, plan: PullPlan, part: Path, on_progress: Callable[[int, int], None]) -> None:
    """Appends what is missing; starts over where the server sends the whole file instead."""
    done = plan.have_bytes
    on_progress(done, plan.size_bytes)
    if done == plan.size_bytes:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with client.stream("GET", plan.url, headers=headers) as response:
        response.raise_for_status()
        if done and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            done = 0
        with part.open("ab" if done else "wb") as file:
            for block in response.iter_raw():  # as they arrive: gathered blocks would be lost with the connection
                file.write(block)
                done += len(block)
                on_progress(done, plan.size_bytes)


def _check(plan: PullPlan, part: _Part) -> None:
    """The bytes are the published ones; without a digest, at least a whole model file."""
    size = part.file.stat().st_size
    if size < plan.size_bytes:
        raise DownloadFailed(f"{plan.name} stopped after {human_bytes(size)}: run the same command to go on")
    try:
        if plan.sha256:
            with part.file.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != plan.sha256:
                raise DownloadFailed(f"{plan.name} has sha256 {found}, published is {plan.sha256}: it was deleted")
        read_header(part.file)
    except ModelUnavailable as error:
        part.discard()
        raise DownloadFailed(f"what came from {plan.url} is not a whole model: {error}") from error
    except DownloadFailed:
        part.discard()
        raise


def _refuse_open_http(request: httpx.Request) -> None:
    """Also asked for every redirect."""
    if request.url.scheme != "https" and not (request.url.scheme == "http" and request.url.host in _LOOPBACK):
        raise DownloadFailed(f"{request.url} is not https: model files are fetched over https only")


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except httpx.HTTPStatusError as error:
        raise DownloadFailed(f"{url} answered {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadFailed(f"the connection to {url} broke ({error}): run the same command to go on") from error
    except OSError as error:
        raise DownloadFailed(f"the file cannot be written: {error.strerror}") from error
