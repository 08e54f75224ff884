"""What a data folder may suffer: flipped bytes, a full disk, a clock that jumps. Nothing is lost in silence."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx

from backend.instance_lock import find
from benchmarks.campaign.server import END_S, START_S, Server, serving, write
from benchmarks.campaign.sessions import CODE, check_session
from benchmarks.campaign.trial import Skipped, Trial

_SESSIONS = 3
_TOLD_S = 5.0  # until a question on a full disk has its error
_DISK, _FREE = 3 << 20, 100 << 10  # bytes of a full disk, and what is left of it
_NOTES = 60  # lines that a full disk may cost the log
_DAY_S = 86_400

# --- flipped bytes ---


def flipped(trial: Trial) -> None:
    """Each case damages one file of a copy of a data folder. The server starts, or says why it does not."""
    templates = [trial.folder / "stopped", trial.folder / "killed"]
    histories = [_fill(trial.folder, template) for template in templates]
    for number in range(trial.count):
        kind = number % len(templates)
        files = sorted(path for path in templates[kind].rglob("*") if path.is_file() and path.stat().st_size)
        file = files[number // len(templates) % len(files)].relative_to(templates[kind])
        folder = trial.folder / "data"
        shutil.copytree(templates[kind], folder)
        damage = _damage(folder / file, trial.random)
        server = Server(folder)
        label = f"{file} of a {templates[kind].name} server, {damage}"
        try:
            with trial.case(label, damage):
                trial.record(_opened(server, histories[kind], _silent_loss(file, damage)))
        finally:
            server.kill()
            server.log.unlink(missing_ok=True)
            shutil.rmtree(folder)


def _fill(parent: Path, template: Path) -> dict[str, list[dict[str, Any]]]:
    """A data folder with sessions and an index; returns the messages of its conversations."""
    root = write(parent / "code", CODE)
    histories = {}
    with serving(template) as server:
        server.index(root)
        for number in range(_SESSIONS):
            ids: dict[str, str] = {}
            for question in range(3):
                answer = server.ask(f"where is beacon_{number + question}?", **ids)
                ids = {name: answer[name] for name in ("session_id", "conversation_id")}
            conversation = ids["conversation_id"]
            histories[conversation] = server.get(f"/chat/history?conversation_id={conversation}")["messages"]
        if template.name == "stopped":
            server.terminate()
    server.log.unlink()
    return histories


def _damage(file: Path, random: Random) -> str:
    data = bytearray(file.read_bytes())
    at = random.randrange(len(data))
    kind = random.choice(("flips", "flips", "flips", "cut", "zeros", "more", "empty", "head"))
    match kind:
        case "cut":
            del data[at:]
        case "zeros":
            data[at : at + 4096] = bytes(len(data[at : at + 4096]))
        case "more":
            data += random.randbytes(5000)
        case "empty":
            data.clear()
        case "head":
            data[: min(100, len(data))] = random.randbytes(min(100, len(data)))
        case _:
            for _ in range(random.choice((1, 4, 16))):
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    file.write_bytes(data)
    return f"{kind} at {at}"


def _silent_loss(file: Path, damage: str) -> int:
    """How many conversations may differ without a word: a log that is cut looks like one that was never longer."""
    if file.name == "lantern.db-wal" and damage.startswith(("cut", "empty")):
        return _SESSIONS
    return 1 if file.name.startswith("lantern.db") else 0


def _opened(server: Server, histories: dict[str, list[dict[str, Any]]], silent_loss: int) -> float:
    """Seconds until the server accepts connections or has ended. Raises AssertionError for a bad end."""
    start = time.monotonic()
    server.launch()
    while server.alive and not ((instance := find(server.folder)) and instance.url):
        assert time.monotonic() < start + START_S, "the server hangs at its start"
        time.sleep(0.02)
    took = time.monotonic() - start
    if server.alive:
        assert instance is not None
        server.url, server.token = instance.url, (server.folder / "token").read_text().strip()
        _check_content(server, histories, silent_loss)
        ended = server.terminate()
        assert ended <= END_S, f"{ended:.1f} s from SIGTERM to the end"
    else:
        assert server.output.strip(), "the server ends without a word"
    assert "Traceback" not in server.output, f"a traceback: {server.output[-250:]}"
    return took


def _check_content(server: Server, histories: dict[str, list[dict[str, Any]]], silent_loss: int) -> None:
    """At most `silent_loss` conversations differ without a word."""
    changed = []
    for conversation, messages in histories.items():
        path = f"/chat/history?conversation_id={conversation}"
        reply = httpx.get(server.url + path, headers=server.headers, timeout=20.0, trust_env=False)
        if reply.status_code != 200 or reply.json()["messages"] != messages:
            changed.append(conversation)
    told = re.search(r"^(?:WARNING|ERROR|CRITICAL|lantern:)", server.output, re.MULTILINE)
    assert told or len(changed) <= silent_loss, (
        f"{len(changed)} of {len(histories)} conversations differ, without a word"
    )
    answer = server.post("/chat/query", {"query": "where is beacon_1?"})
    assert answer.status_code in (200, 500, 503, 507), f"a question: {answer.status_code}"


# --- a full disk ---


class _Disk:
    """A file system of a few megabytes in a mount namespace of its own, held by a process that sleeps."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        script = f'mount -t tmpfs -o size={_DISK} tmpfs "$1" && echo mounted && exec sleep 100000'
        root = os.geteuid() == 0
        command = ["unshare", "-m" if root else "-rm", "sh", "-c", script, "sh", str(folder)]
        try:
            self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise Skipped("unshare is not installed") from None
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"mounted\n":
            self.close()
            raise Skipped("no file system may be mounted here, not even in a namespace of its own")
        self.path = Path(f"/proc/{self._holder.pid}/root{folder}")
        user = () if root else ("-U", "--preserve-credentials")
        self.prefix = ("nsenter", "-t", str(self._holder.pid), *user, "-m", f"--wd={folder}", "--")

    def fill(self, free: int) -> Path:
        """A file that leaves this much room."""
        info = os.statvfs(self.path)
        filler = self.path / "filler"
        filler.write_bytes(bytes(max(0, info.f_bavail * info.f_frsize - free)))
        return filler

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
        assert self._holder.stdout is not None
        self._holder.stdout.close()


@contextlib.contextmanager
def _on_disk(trial: Trial, number: int) -> Iterator[tuple[Server, _Disk]]:
    folder = trial.folder / f"disk-{number}"
    disk = _Disk(folder)
    server = Server(folder, view=disk.path)
    try:
        server.start(disk.prefix)
        yield server, disk
    finally:
        server.kill()
        disk.close()


def full_disk(trial: Trial) -> None:
    """Questions on a disk that fills up: each ends or is refused in time, and nothing acknowledged is lost."""
    for number in range(trial.count):
        with _on_disk(trial, number) as (server, disk), trial.case(f"{_FREE >> (number % 4)} bytes free"):
            sessions = {server.ask("Hello?", retrieval="off")["session_id"]: 1}
            filler = disk.fill(_FREE >> (number % 4))
            refused = _ask_until_refused(trial, server, sessions)
            ended = server.terminate()
            trial.record(ended)
            assert ended <= END_S, f"{ended:.1f} s from SIGTERM to the end"
            lines = server.output.count("\n")
            assert lines <= _NOTES, f"{lines} lines in its log"
            assert refused, "no question was refused, although the disk is full"
            filler.unlink()
            server.start(disk.prefix)
            for session in sessions:
                check_session(server, session)


def _ask_until_refused(trial: Trial, server: Server, sessions: dict[str, int]) -> bool:
    """Whether a question was refused with `storage_full`; adds the sessions whose questions were answered."""
    for number in range(60):
        start = time.perf_counter()
        reply = server.post("/chat/query", {"query": f"{number} " + "word " * 1500, "retrieval": "off"})
        took = time.perf_counter() - start
        trial.record(took)
        assert took <= _TOLD_S, f"a question took {took:.1f} s"
        if reply.status_code == 507:
            return True
        assert reply.status_code == 200, f"a question: {reply.status_code} {reply.text[:200]}"
        sessions[reply.json()["session_id"]] = 1
    return False


# --- a clock that jumps ---


def clock(trial: Trial) -> None:
    """The time of day jumps by a day or more, in both directions, while questions are asked."""
    library, file = trial.folder / "clock.so", trial.folder / "seconds"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Skipped("the clock is moved by a library in C, and there is no compiler")
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, capture_output=True)
    file.write_text("0")
    with serving(trial.folder / "data", LD_PRELOAD=library, CAMPAIGN_CLOCK=file) as server:
        ids: dict[str, str] = {}
        for number in range(trial.count):
            seconds = trial.random.choice((-365, -1, 0, 1, 365)) * _DAY_S
            file.write_text(str(seconds))
            with trial.case(f"{seconds:+} seconds"):
                start = time.perf_counter()
                job = server.index(write(trial.folder / "code", CODE | {"new.py": f"x = {number}\n"}))
                answer = server.ask(f"where is beacon_{number % 20}?", **ids, codebase=job["codebase"])
                trial.record(time.perf_counter() - start)
                ids = {name: answer[name] for name in ("session_id", "conversation_id")}
                wrong = {name: ms for name, ms in answer["timings"].items() if not 0 <= ms < 60_000}
                assert not wrong, f"timings {wrong}"
                assert answer["reason"] == "stop", f"it ended as {answer['reason']}"
        with trial.case("the log"):
            check_session(server, ids["session_id"])
