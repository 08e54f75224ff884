"""Kills and signals at random moments: the server, a worker process, the process of a model, an index job.

What was acknowledged is there afterwards, each turn has one end, and no process is left.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.campaign.server import END_S, Server, serving, with_model, write
from benchmarks.campaign.sessions import CODE, check_session
from benchmarks.campaign.shapes import KNOWN, bomb
from benchmarks.campaign.trial import Trial
from benchmarks.campaign.websocket import Closed, Socket
from benchmarks.soak import kill_repeatedly
from tests.processes import ends_within

_TURN_S = 20.0  # a turn of 200 tokens ends in this time
_JOB_S = 30.0
_CHILD_S = 20.0  # until there is a child to kill; a worker starts in 0.1 s, a model in a second
_KINDS = {"worker": b"indexer.workers", "model": b"models.llama"}  # and what their command lines have
_KILLS_OF_CHILDREN = 4  # in each life of a server


class _Client:
    """A session over many lives of a server, with what it has been told."""

    def __init__(self) -> None:
        self.session = ""
        self.turns = 0
        self.accepted: dict[str, str] = {}
        self.seen: dict[int, dict[str, Any]] = {}
        self._last: Socket | None = None

    def connected(self, server: Server) -> Socket:
        """A new connection; the one before is closed, if the server has not done so."""
        self.close()
        self._last = opened = Socket(server, timeout=_TURN_S)
        resume = {"session": self.session} if self.session else {}
        self.session = opened.call("session/open", **resume)["result"]["session"]
        return opened

    def close(self) -> None:
        if self._last is not None:
            self._last.close()

    def prompt(self, opened: Socket) -> str:
        """Asks, and returns the turn once it is accepted."""
        self.turns += 1
        turn = f"turn-{self.turns}"
        params = {"session": self.session, "turn": turn, "text": "Hello?", "retrieval": "off", "max_tokens": 200}
        answer = opened.call("session/prompt", **params)
        assert "result" in answer, f"session/prompt: {str(answer)[:200]}"
        self.accepted[turn] = answer["result"]["conversation"]
        return turn

    def remember(self, opened: Socket) -> None:
        self.seen |= {event["seq"]: event for event in opened.events if "seq" in event}

    def read_to_end(self, opened: Socket, turn: str) -> None:
        while not any(event["turn"] == turn and event["type"] == "end" for event in opened.events if "turn" in event):
            opened.receive()
        self.remember(opened)

    def check(self, server: Server) -> None:
        """Everything that was seen is stored, unchanged."""
        stored = {event["seq"]: event for event in check_session(server, self.session, self.accepted)}
        lost = [seq for seq, event in self.seen.items() if stored.get(seq) != event]
        assert not lost, f"{len(lost)} events that were received are not in the log"


def kill_9(trial: Trial) -> None:
    """In each life of the server, workers and model processes are killed, and at last the server."""
    root, client, kills = trial.folder / "code", _Client(), dict.fromkeys(("server", *_KINDS), 0)
    with serving(trial.folder / "data", **with_model(trial.folder)) as server:
        while trial.cases < trial.count:
            for number in range(_KILLS_OF_CHILDREN):
                kind = list(_KINDS)[number % len(_KINDS)]
                with trial.case(f"kill of a {kind}"):
                    _kill_child(trial, server, client, write(root, _changed(trial)), kind, kills)
            with trial.case("kill of the server"):
                _kill_server(trial, server, client, kills)
            if not server.is_well():
                server.restart_if_broken()
    client.close()
    trial.remark = ", ".join(f"{count} x {kind}" for kind, count in kills.items())


def _changed(trial: Trial) -> dict[str, str]:
    return {name: text + f"# {trial.random.random()}\n" for name, text in CODE.items()}


def _kill_child(trial: Trial, server: Server, client: _Client, root: Path, kind: str, kills: dict[str, int]) -> None:
    """Kills a child in the middle of a turn and a job."""
    opened = client.connected(server)
    turn = client.prompt(opened)
    job = _start_job(server, root)
    time.sleep(trial.random.uniform(0, 0.4))
    _kill_one(trial, server, kind)
    kills[kind] += 1
    client.read_to_end(opened, turn)
    turn = client.prompt(opened)  # the next question has an answer
    client.read_to_end(opened, turn)
    end = next(event for event in opened.events if event.get("turn") == turn and event["type"] == "end")
    assert end["reason"] in ("stop", "length"), f"the question after the kill: {end.get('error')}"
    opened.close()
    ended = _end_of_job(server, job)
    assert ended["state"] == "done", f"the index job {ended['state']}: {ended.get('error')}"
    assert server.is_well(), "the server does not answer"


def _kill_one(trial: Trial, server: Server, kind: str) -> None:
    """Kills a child of that kind as soon as there is one. Raises AssertionError if none comes."""
    deadline = time.monotonic() + _CHILD_S
    while time.monotonic() < deadline:
        chosen = [pid for pid, command in server.children().items() if _KINDS[kind] in command]
        if chosen:
            pid = trial.random.choice(chosen)
            with suppress(ProcessLookupError):  # it has just ended: another one will come
                os.kill(pid, signal.SIGKILL)
                assert ends_within(pid, END_S), f"a {kind} process lives {END_S:.0f} s after SIGKILL"
                return
        time.sleep(0.01)
    raise AssertionError(f"there is no {kind} process to kill within {_CHILD_S:.0f} s")


def _start_job(server: Server, root: Path) -> str:
    return str(server.post("/index", {"path": str(root), "watch": False}).json()["job_id"])


def _end_of_job(server: Server, job: str) -> dict[str, Any]:
    deadline = time.monotonic() + _JOB_S
    while (ended := server.get(f"/index/jobs/{job}"))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"the index job is {ended['state']} after {_JOB_S:.0f} s"
        time.sleep(0.05)
    return dict(ended)


def _kill_server(trial: Trial, server: Server, client: _Client, kills: dict[str, int]) -> None:
    opened = client.connected(server)
    client.prompt(opened)
    opened.sock.settimeout(trial.random.uniform(0.01, 0.4))
    with suppress(TimeoutError, Closed):
        while True:
            opened.receive()
    os.kill(server.pid, signal.SIGKILL)
    kills["server"] += 1
    opened.sock.settimeout(END_S)
    with suppress(ConnectionError):
        while True:
            opened.receive()
    client.remember(opened)
    assert server.process is not None
    server.process.wait()
    left = server.orphans()
    assert not left, f"{len(left)} processes are left after the server was killed"
    start = time.perf_counter()
    server.start()
    trial.record(time.perf_counter() - start)
    client.check(server)


# --- SIGTERM ---

Clients = list[tuple[str, "Future[str]", tuple[str, ...]]]  # how it asked, what it gets, what it may end with


def _stream(server: Server, path: str, body: dict[str, Any]) -> str:
    """Everything that a streamed answer has, up to its end."""
    text = ""
    timeout = httpx.Timeout(_TURN_S, read=60.0)
    with (
        suppress(httpx.HTTPError),
        httpx.Client(timeout=timeout, trust_env=False) as client,
        client.stream("POST", server.url + path, json=body, headers=server.headers) as reply,
    ):
        for piece in reply.iter_text():
            text += piece
    return text


def _socket_stream(server: Server) -> str:
    """The messages of a turn as JSON lines, and the close code."""
    opened = Socket(server, timeout=60.0)
    session = opened.call("session/open")["result"]["session"]
    opened.request("session/prompt", session=session, turn="t", text="Hello?", retrieval="off")
    lines = []
    try:
        while True:
            lines.append(json.dumps(opened.receive()))
    except ConnectionError as error:
        lines.append(str(error))
    finally:
        opened.close()
    return "\n".join(lines)


def _streams(server: Server, pool: ThreadPoolExecutor) -> Clients:
    question = {"query": "Hello?", "stream": True, "retrieval": "off"}
    chat = {"model": "", "stream": True, "messages": [{"role": "user", "content": "Hello?"}]}
    return [
        ("REST", pool.submit(_stream, server, "/chat/query", question), ("event: end",)),
        ("WebSocket", pool.submit(_socket_stream, server), ('"type": "end"',)),
        # Without a conversation, 2,000 tokens may be all before the signal comes.
        ("/v1", pool.submit(_stream, server, "/v1/chat/completions", chat), ('"error"', '"finish_reason":"length"')),
    ]


def _index(files: dict[str, str], server: Server, pool: ThreadPoolExecutor) -> Clients:
    root = write(server.folder.parent / "code", files)
    server.post("/index", {"path": str(root), "watch": False})
    return []


def _bombs() -> dict[str, str]:
    return {item.name: item.text for item in (bomb(*key) for key in KNOWN)}


_STATES: dict[str, Callable[[Server, ThreadPoolExecutor], Clients]] = {
    "streams": _streams,
    "an index job": partial(_index, {f"m{n}.py": f"def f{n}():\n    return {n}\n" * 200 for n in range(600)}),
    "parser bombs": partial(_index, _bombs()),
    "nothing": lambda server, pool: [],
}


def sigterm(trial: Trial) -> None:
    """SIGTERM in the middle of something: a quick end, told to every client, and no process left."""
    states = list(_STATES.items())
    for number in range(trial.count):
        name, begin = states[number % len(states)]
        folder = trial.folder / str(number)
        folder.mkdir()
        with trial.case(name), serving(folder / "data", **with_model(folder)) as server:
            server.ask("Hello?", retrieval="off", max_tokens=2)
            _end(trial, server, begin)


def _end(trial: Trial, server: Server, begin: Callable[[Server, ThreadPoolExecutor], Clients]) -> None:
    printed = len(server.output)
    with ThreadPoolExecutor(4) as pool:
        clients = begin(server, pool)
        time.sleep(trial.random.uniform(0.3, 1.0))
        took = server.terminate()
        trial.record(took)
        assert took <= END_S, f"{took:.1f} s from SIGTERM to the end"
        assert server.process is not None
        assert server.process.returncode == 0, f"it ended with status {server.process.returncode}"
        for client, told, wanted in clients:
            assert any(end in told.result() for end in wanted), (
                f"a client of {client} is not told the end: {told.result()[-200:]!r}"
            )
    left = server.orphans()
    assert not left, f"{len(left)} processes are left"
    assert "Traceback" not in server.output[printed:], f"a traceback: {server.output[-300:]}"


# --- index jobs ---


def index_jobs(trial: Trial) -> None:
    """Index jobs that are killed; the index equals a fresh one (`benchmarks/soak.py`)."""
    with trial.case("index jobs"):
        trial.cases += trial.count - 1
        working = kill_repeatedly(trial.folder, trial.count, trial.random.randrange(1 << 30))
        trial.remark = f"{working} while at work"
