"""Looks at a server while it is hurt: the worst answer of `/health`, and the most memory of it and its workers."""

import contextlib
import http.client
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.campaign.server import Server
from benchmarks.campaign.trial import FAILURES, Trial, reason_of

EVERY_S = 0.05
FROZEN_S = 1.0  # the longest that `/health` may take
SERVER_BYTES, WORKER_BYTES = 600_000_000, 1_000_000_000  # at most; of a server without a model
_LETHAL_BYTES = 3_000_000_000  # a process that has more is killed, so that this machine survives
_HOPELESS_S = 15.0  # a server that does not answer for so long is killed, so that the campaign goes on
_SCAN_EVERY_S = 0.25
_WAIT_S = 60.0  # for one answer
_ENDS_S = 2.0  # how soon after a connection that broke the end of the server shows, if that was the reason


class _Asked(NamedTuple):
    """When a request began, and how long its two ends had been starved of a processor before it."""

    at_s: float
    starved_s: float


class Watch:
    """What was seen of one server. `worst_s` counts an answer that has not come yet, too."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = threading.Event()
        self._asked: _Asked | None = None
        self._worst_s = 0.0
        self.server_bytes = self.worker_bytes = 0
        self.killed = ""  # what had to be killed, and why
        self.refusals: list[str] = []  # what came instead of status 200 while the server went on
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._poll, self._sample)]

    @property
    def worst_s(self) -> float:
        return max(self._worst_s, self._took_s())

    def _took_s(self) -> float:
        """What the open request has taken, without the time for which other programs had the processor."""
        asked = self._asked
        if asked is None:
            return 0.0
        return time.monotonic() - asked.at_s - max(0.0, self._starved_s() - asked.starved_s)

    def _starved_s(self) -> float:
        """Seconds for which the event loop of the server, and the thread that asks it, waited for a processor."""
        threads = (f"/proc/{self._server.pid}/schedstat", f"/proc/self/task/{self._threads[0].native_id}/schedstat")
        try:
            return sum(int(Path(thread).read_text().split()[1]) for thread in threads) / 1e9
        except FileNotFoundError:  # it has ended
            return 0.0

    def _poll(self) -> None:
        while not self._stop.wait(EVERY_S):
            if self._server.alive:
                self._ask()

    def _ask(self) -> None:
        """Anything but status 200 is a refusal, unless the server has ended or was started anew meanwhile."""
        starts, refusal = self._server.starts, ""
        self._asked = _Asked(time.monotonic(), self._starved_s())
        host = self._server.url.rpartition("/")[2]
        with contextlib.closing(http.client.HTTPConnection(host, timeout=_WAIT_S)) as connection:
            try:
                connection.request("GET", "/health")
                reply = connection.getresponse()
                reply.read()
                refusal = "" if reply.status == 200 else f"status {reply.status}"
            except (OSError, http.client.HTTPException) as error:
                refusal = reason_of(error)
        self._worst_s = self.worst_s
        self._asked = None
        if refusal and not self._has_ended(starts):
            self.refusals.append(refusal)

    def _has_ended(self, starts: int) -> bool:
        """Whether the server, which had been started so often, is another one or ends now."""
        deadline = time.monotonic() + _ENDS_S
        while self._server.alive and self._server.starts == starts:
            if time.monotonic() > deadline:
                return False
            time.sleep(EVERY_S)
        return True

    def _sample(self) -> None:
        while not self._stop.wait(_SCAN_EVERY_S):
            if self._server.alive and self._took_s() > _HOPELESS_S:
                self._kill(self._server.pid, f"did not answer for {_HOPELESS_S:.0f} s")
            for pid in self._server.processes():
                with contextlib.suppress(OSError):
                    self._look_at(pid)

    def _look_at(self, pid: int) -> None:
        folder = Path(f"/proc/{pid}")
        status, command = (folder / "status").read_text(), (folder / "cmdline").read_bytes()
        if b"models.llama" in command:
            return
        most = _bytes_of(status, "VmHWM")
        if pid == self._server.pid:
            self.server_bytes = max(self.server_bytes, most)
        else:
            self.worker_bytes = max(self.worker_bytes, most)
        if _bytes_of(status, "VmRSS") > _LETHAL_BYTES:
            self._kill(pid, f"had more than {_LETHAL_BYTES / 1e9:.0f} GB")

    def _kill(self, pid: int, why: str) -> None:
        self.killed = f"{'the server' if pid == self._server.pid else 'a worker'} {why} and was killed"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        for pid in self._server.processes():
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(EVERY_S + _SCAN_EVERY_S + _ENDS_S + 1)
        self._worst_s = self.worst_s

    def problems(self) -> Iterator[str]:
        """What is wrong with what was seen."""
        if self.killed:
            yield self.killed
        if self.refusals:
            yield f"/health: {self.refusals[0]}, and {len(self.refusals)} in all were not answered with 200"
        if self.worst_s > FROZEN_S:
            yield f"/health took {self.worst_s:.1f} s"
        if self.server_bytes > SERVER_BYTES:
            yield f"the server had {self.server_bytes / 1e6:.0f} MB"
        if self.worker_bytes > WORKER_BYTES:
            yield f"a worker had {self.worker_bytes / 1e6:.0f} MB"


@contextlib.contextmanager
def watched(server: Server) -> Iterator[Watch]:
    """Watches while the block runs."""
    watch = Watch(server)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def harm(trial: Trial, server: Server, work: Callable[[], object]) -> str:
    """Does `work` to the server and says what was wrong, or "". A server that died or hangs is started anew."""
    printed, problems = len(server.output), []
    with watched(server) as watch:
        try:
            work()
        except FAILURES as error:
            problems.append(reason_of(error))
    trial.record(watch.worst_s)
    problems += watch.problems()
    problems.append(server.restart_if_broken(anyway=bool(problems)))
    if "Traceback" in server.output[printed:]:
        problems.append(f"a traceback in its log: {_last_error(server.output[printed:])}")
    return "; ".join(filter(None, problems))


def unharmed(trial: Trial, server: Server, label: str, work: Callable[[], object], evidence: str | bytes = b"") -> None:
    """A case: the server stays alive, answers in time and takes little memory while `work` is done to it."""
    with trial.case(label, evidence):
        problems = harm(trial, server, work)
        assert not problems, problems


def _last_error(output: str) -> str:
    lines = re.findall(r"^(?:[A-Za-z_.]+Error|[A-Za-z_.]+Exception)\b.*$", output, re.MULTILINE)
    return lines[-1][:120] if lines else "without a name"


def _bytes_of(status: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0
