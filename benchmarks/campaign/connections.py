"""Clients that behave badly on the way: they vanish, read slowly, send endless headers, or send nothing at all."""

import contextlib
import json
import os
import resource
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread

import httpx

from backend.connections.http import SILENT_S
from benchmarks.campaign.server import Server, serving, with_model, write
from benchmarks.campaign.trial import Skipped, Trial
from benchmarks.campaign.watch import FROZEN_S, harm, unharmed
from benchmarks.campaign.websocket import Socket, connection, frame, handshake, reset

_FILES = {"a.py": "def beacon():\n    return 7\n"}
_EVENTS, _EVENT_CHARS, _WARM = 40, 4000, 20
_GROWTH_BYTES = 60_000_000  # of the server's memory for clients that read slowly
_HEADER_BYTES = 600_000_000  # in the long campaign
_SPREAD = 8  # connections that share a flood
_SETTLES_S = 10.0
_CLOSES_S = 5.0
_OWN_FILES = 200
MANY = 1200  # silent connections: so many are held until the server must have closed them


def _head(server: Server, call: str, *lines: str) -> bytes:
    host = f"Host: {server.url.removeprefix('http://')}"
    return "\r\n".join([f"{call} HTTP/1.1", host, *lines, "", ""]).encode()


def _query(server: Server, body: bytes, size: int) -> bytes:
    lines = (f"Authorization: Bearer {server.token}", "Content-Type: application/json", f"Content-Length: {size}")
    return _head(server, "POST /chat/query", *lines) + body


# --- clients that vanish ---


def _in_handshake(server: Server, share: float) -> None:
    sock, data = connection(server), handshake(server)
    sock.sendall(data[: int(share * len(data)) + 1])
    reset(sock)


def _in_body(server: Server, share: float) -> None:
    sock, body = connection(server), b'{"query": "where is beacon", "stream": true}'
    sock.sendall(_query(server, body[: int(share * len(body))], len(body)))
    reset(sock)


def _in_stream(server: Server, share: float) -> None:
    sock, body = connection(server), json.dumps({"query": "Hello?", "stream": True, "retrieval": "off"}).encode()
    sock.sendall(_query(server, body, len(body)))
    for _ in range(int(share * 10) + 1):
        sock.recv(200)
    reset(sock)


def _in_session(server: Server, share: float) -> None:
    opened = Socket(server)
    session = opened.call("session/open")["result"]["session"]
    opened.call("session/prompt", session=session, turn="t", text="Hello?", retrieval="off")
    for _ in range(int(share * 10)):
        opened.receive()
    reset(opened.sock)


def _in_frame(server: Server, share: float) -> None:
    opened = Socket(server)
    data = frame(b" " * 50_000)
    opened.sock.sendall(data[: int(share * len(data)) + 1])
    reset(opened.sock)


_VANISHING: tuple[Callable[[Server, float], None], ...] = (_in_handshake, _in_body, _in_stream, _in_session, _in_frame)


def vanishing(trial: Trial) -> None:
    """Each client ends with a reset. At the end no turn runs and no file of the server is left open."""
    with serving(trial.folder / "data", **with_model(trial.folder), GRACE_MS=500, QUEUE_LIMIT=64) as server:
        server.ask("Hello?", retrieval="off", max_tokens=2)  # the model is loaded
        before = _open_files(server)
        for number in range(trial.count):
            kind = _VANISHING[number % len(_VANISHING)]
            work = partial(kind, server, trial.random.random())
            unharmed(trial, server, f"client {number} vanishes {kind.__name__.strip('_').replace('_', ' ')}", work)
        with trial.case("what they leave behind"):
            _settles(server, before)


def _open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def _settles(server: Server, files: int) -> None:
    deadline = time.monotonic() + _SETTLES_S
    while time.monotonic() < deadline:
        turns, opened = server.get("/health")["turns_running"], _open_files(server)
        if not turns and opened <= files + 8:
            return
        time.sleep(0.2)
    raise AssertionError(f"{turns} turns still run; {opened} open files instead of {files}")


# --- clients that read slowly ---


def slow_readers(trial: Trial) -> None:
    """Clients that read a byte a second do not delay the question of another, and take little memory."""
    with serving(trial.folder / "data", GRACE_MS=0) as server:
        server.index(write(trial.folder / "code", _FILES))
        session = ""
        for number in range(_EVENTS):
            fields = {"session_id": session} if session else {}
            session = server.ask(f"{number} " + "word " * (_EVENT_CHARS // 5), retrieval="off", **fields)["session_id"]
        for _ in range(_WARM):
            server.ask("where is beacon")
        before = _memory(server)
        stop = Event()
        readers = [Thread(target=_read_slowly, args=(server, session, stop)) for _ in range(trial.count)]
        for reader in readers:
            reader.start()
        for number in range(10):
            unharmed(trial, server, f"question {number} beside slow readers", partial(_quick_answer, trial, server))
        grown = _memory(server) - before
        stop.set()
        for reader in readers:
            reader.join()
        with trial.case("memory"):
            assert grown < _GROWTH_BYTES, f"the server has grown by {grown / 1e6:.0f} MB"


def _read_slowly(server: Server, session: str, stop: Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        opened = Socket(server, receive_buffer=4096)
        opened.request("session/open", session=session, after=0)
        while not stop.wait(1.0):
            opened.sock.recv(1)
        reset(opened.sock)


def _quick_answer(trial: Trial, server: Server) -> None:
    start = time.perf_counter()
    server.ask("where is beacon")
    took = time.perf_counter() - start
    assert took < 2 * FROZEN_S, f"an answer took {took:.1f} s"


def _memory(server: Server) -> int:
    """Once the re-ranking model is loaded, which is a third of a server's memory."""
    while not server.get("/health")["embedder_loaded"]:
        time.sleep(0.1)
    fields = Path(f"/proc/{server.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


# --- request heads without an end ---


def header_floods(trial: Trial) -> None:
    """Endless heads, without a token. The connection is ended, and the server's memory stays small."""
    total = min(_HEADER_BYTES, _HEADER_BYTES * trial.count // 50)
    kinds: dict[str, tuple[bytes, bytes]] = {
        "one long value": (b"GET /health HTTP/1.1\r\nX: ", b"a" * 65536),
        "many headers": (b"GET /health HTTP/1.1\r\n", b"X-A: b\r\n" * 8192),
        "one long name": (b"GET /health HTTP/1.1\r\n", b"a" * 65536),
        "one long path": (b"GET /", b"a" * 65536),
        "one long method": (b"", b"A" * 65536),
        "headers of a WebSocket": (b"GET /v1/ws HTTP/1.1\r\nUpgrade: websocket\r\nX: ", b"a" * 65536),
        "trailers": (b"GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 8192),
        "chunk extensions": (b"GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
    }
    with serving(trial.folder / "data") as server:
        for name, (first, more) in list(kinds.items())[: trial.count]:
            unharmed(trial, server, name, partial(_flood, server, first, more, total // len(kinds)))
        for size in (4000, 9000, 70_000)[: trial.count]:
            line = f"a WebSocket handshake with a line of {size} bytes"
            unharmed(trial, server, line, partial(_long_handshake, server, size))


def _flood(server: Server, first: bytes, more: bytes, total: int) -> None:
    """Sends a head in pieces over several connections until each is closed, or all of it is sent."""
    before, open_ = _memory(server), 0
    socks = [connection(server) for _ in range(_SPREAD)]
    for sock in socks:
        with contextlib.suppress(ConnectionError):
            sock.sendall(first)
            for _ in range(max(1, total // _SPREAD // len(more))):
                sock.sendall(more)
    deadline = time.monotonic() + _CLOSES_S
    for sock in socks:
        open_ += not _is_closed(sock, deadline)
        sock.close()
    grown = _memory(server) - before
    assert not open_, f"{open_} of {_SPREAD} connections may send {total // _SPREAD:,} bytes of a head"
    assert grown < _GROWTH_BYTES, f"the server has grown by {grown / 1e6:.0f} MB"


def _is_closed(sock: socket.socket, deadline: float) -> bool:
    """Whether the server ends the connection, with an answer or without."""
    try:
        while True:
            sock.settimeout(max(0.05, deadline - time.monotonic()))
            if not sock.recv(65536):
                return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _long_handshake(server: Server, size: int) -> None:
    """It is accepted, or answered with an error, or closed; it does not wait."""
    with connection(server, timeout=10.0) as sock:
        sock.sendall(handshake(server).replace(b"\r\nUpgrade:", b"\r\nX-Long: " + b"a" * size + b"\r\nUpgrade:", 1))
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1) in (b"", b"H"), "the answer is not HTTP"


# --- connections that send nothing ---


def idle(trial: Trial) -> None:
    """More silent connections than the server may open files: `/health` answers, and the log does not grow.

    In the long campaign they stay for longer than the server allows, and each must have been closed then.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < trial.count + _OWN_FILES:
        raise Skipped(f"this process may open {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with serving(trial.folder / "data") as server:
        socks: list[socket.socket] = []
        printed = len(server.output)

        def hold() -> None:
            while len(socks) < trial.count:
                socks.append(connection(server, timeout=2.0))
            if trial.count < MANY:
                time.sleep(3.0)  # what a server does that cannot accept shows in a second
            else:
                time.sleep(SILENT_S)
                deadline = time.monotonic() + _CLOSES_S
                left = sum(not _is_closed(sock, deadline) for sock in socks)
                assert not left, f"{left} connections are open {SILENT_S + _CLOSES_S:.0f} s after they were silent"

        try:
            trial.cases += trial.count
            if problem := harm(trial, server, hold):
                trial.fail("idle connections", problem, server.output[-5000:])
        finally:
            for sock in socks:
                sock.close()
        with trial.case("log"):
            lines = server.output[printed:].count("\n")
            assert lines <= 20, f"{lines:,} lines in its log"
        with trial.case("afterwards"):
            assert httpx.get(f"{server.url}/health", timeout=5.0, trust_env=False).status_code == 200
