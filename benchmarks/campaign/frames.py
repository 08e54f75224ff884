"""Damaged WebSocket frames and REST calls made from the OpenAPI description: no server error, and it goes on."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from random import Random
from typing import Any

from benchmarks.campaign.server import Server, serving, write
from benchmarks.campaign.trial import Trial
from benchmarks.campaign.watch import harm
from benchmarks.campaign.websocket import BINARY, CLOSE, PING, TEXT, Closed, Socket, frame

BATCH = 25  # frames between two valid calls; a connection may have 32 open requests
WATCHED = 500  # frames that count as one failure, where the server was hurt by one of them
_ALLOWED_CLOSES = (None, 1000, 1002, 1003, 1005, 1007, 1009, 4408)  # 1011 would be an error of the server
_REST_S = 0.5  # for the answer to a frame that may be a part of one
_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1 << 63, 1 << 200, -(1 << 200), 1e308, 0.1, "", "a", "\0", "\ud800", "\x1b[2J", "../../passwd",
    "a" * 70, "a" * 5000, [], {}, [[]], {"": None}, [None] * 60, {"start": 2, "end": 1}, [1, 1 << 70],
)  # fmt: skip


def _recorded(session: str) -> list[dict[str, Any]]:
    """Valid requests, one of each method."""
    calls: dict[str, dict[str, Any]] = {
        "initialize": {"client": {"name": "campaign"}},
        "session/open": {"session": session, "after": 0},
        "session/prompt": {
            "session": session,
            "turn": "turn-1",
            "text": "where is beacon?",
            "context": [{"path": "a.py", "range": [1, 2], "text": "def beacon():\n    pass\n"}],
            "retrieval": "auto",
            "max_tokens": 5,
            "temperature": 0.5,
            "lead": True,
        },
        "session/prefetch": {"session": session, "text": "where is"},
        "session/cancel": {"session": session, "turn": "turn-1"},
        "complete": {"prefix": "def beacon", "suffix": "\n", "max_tokens": 4},
        "search": {"query": "beacon", "limit": 3, "paths": ["a.py"]},
        "ping": {},
    }
    return [{"jsonrpc": "2.0", "id": n, "method": name, "params": calls[name]} for n, name in enumerate(calls)]


# --- mutations of the text: the connection stays open ---


def _wrong_value(random: Random, message: dict[str, Any]) -> str:
    place = random.choice([message, message["params"], message["params"]]) or message
    place[random.choice(sorted(place))] = random.choice(_VALUES)
    return json.dumps(message)


def _huge_number(random: Random, message: dict[str, Any]) -> str:
    message["params"]["after"] = message["id"] = 0
    digits = random.choice((20, 400, 4301, 20_000))
    return json.dumps(message).replace(": 0", ": " + "9" * digits, random.choice((1, 2)))


def _deep(random: Random, message: dict[str, Any]) -> str:
    depth = random.choice((100, 2000, 50_000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    nested = opening * depth + "1" + closing * random.choice((0, depth))
    return json.dumps(message).replace('"params": {', f'"params": {{"client": {nested}, ', 1)


def _cut(random: Random, message: dict[str, Any]) -> str:
    text = json.dumps(message)
    return text[: random.randrange(len(text))]


def _doubled(random: Random, message: dict[str, Any]) -> str:
    text = json.dumps(message)
    at = random.randrange(len(text))
    return random.choice((text + text, text[:at] + text[at // 2 :], f"[{text},{text}]", text.replace(",", ",,", 1)))


def _flipped(random: Random, message: dict[str, Any]) -> str:
    text = bytearray(json.dumps(message).encode())
    for _ in range(random.randint(1, 6)):
        text[random.randrange(len(text))] = random.randrange(32, 127)
    return text.decode()


def _surrogate(random: Random, message: dict[str, Any]) -> str:
    escape = random.choice(("\\ud800", "\\udfff\\ud800", "\\u0000", "\\u001b]0;a\\u0007", "\\u202e"))
    return json.dumps(message).replace('"', f'"{escape}', random.randint(1, 12)).replace(f'"{escape}', '"', 1)


def _constant(random: Random, message: dict[str, Any]) -> str:
    value = random.choice(("NaN", "Infinity", "-Infinity", "1e999", "-0", "\ufeff1", "0x1"))
    return json.dumps(message).replace('"params": {', f'"params": {{"temperature": {value}, "after": {value}, ', 1)


_IN_TEXT: tuple[Callable[[Random, dict[str, Any]], str], ...] = (
    _wrong_value, _wrong_value, _wrong_value, _huge_number, _deep, _cut, _doubled, _flipped, _flipped, _surrogate,
    _constant,
)  # fmt: skip


# --- mutations of what is on the wire: the connection may be closed ---


def _on_wire(random: Random, message: dict[str, Any]) -> bytes:
    payload = json.dumps(message).encode()
    damaged = bytearray(frame(payload))
    damaged[random.randrange(min(8, len(damaged)))] ^= 1 << random.randrange(8)
    middle = random.randrange(1, len(payload))
    return random.choice(
        (
            bytes(damaged),
            frame(os.urandom(40), TEXT),
            frame(payload, BINARY),
            frame(payload, TEXT, masked=False),
            frame(payload, random.choice((3, 7, 11, 15))),
            frame(payload[:middle], fin=False) + frame(payload[middle:], 0),
            frame(payload[:middle], fin=False) + frame(payload, TEXT),
            frame(payload, 0),
            frame(b"x", fin=False) + frame(b"y", 0, fin=False) * 2000,
            frame(b"a" * 125, PING) * 500,
            frame(b"a" * 126, PING),
            frame(b"\x03", CLOSE),
            frame((1005).to_bytes(2, "big"), CLOSE),
            frame(b"[" * (1 << 20)),
            frame(b" " * ((1 << 20) + 1)),
            bytes([0x81, 0xFF]) + b"\xff" * 8,
        )
    )


def mutated(trial: Trial) -> None:
    """Batches of damaged frames; after each, a valid call has its answer."""
    root = write(trial.folder / "code", {"a.py": "def beacon():\n    return 7\n"})
    with serving(trial.folder / "data") as server:
        server.index(root)
        for begin in range(0, trial.count, WATCHED):
            sizes = [min(BATCH, trial.count - at) for at in range(begin, min(begin + WATCHED, trial.count), BATCH)]
            sent: list[bytes] = []
            trial.cases += sum(sizes)
            if problem := harm(trial, server, partial(_batches, trial, server, sizes, sent)):
                trial.fail("damaged frames", problem, b"\n".join(repr(data).encode() for data in sent))


def _batches(trial: Trial, server: Server, sizes: list[int], sent: list[bytes]) -> None:
    for size in sizes:
        sent += _batch(trial, server, size)


def _batch(trial: Trial, server: Server, size: int) -> list[bytes]:
    """Frames of one connection. One batch in eight is damaged on the wire, a connection for each frame."""
    opened = Socket(server)
    session = opened.call("session/open")["result"]["session"]
    requests = json.dumps(_recorded(session))
    chosen = [trial.random.choice(json.loads(requests)) for _ in range(size)]
    if trial.random.random() < 1 / 8:
        sent = [_on_wire(trial.random, message) for message in chosen]
        for data in sent:
            _one_connection(server, data)
    else:
        texts = [trial.random.choice(_IN_TEXT)(trial.random, message) for message in chosen]
        sent = [frame(text.encode("utf-8", "surrogatepass")) for text in texts]
        opened.sock.sendall(b"".join(sent))
    answer = _answer_of_ping(opened)
    assert answer.get("result") == {}, f"a valid call after damaged frames: {str(answer)[:200]}"
    opened.close()
    return sent


def _answer_of_ping(opened: Socket) -> dict[str, Any]:
    """The answer of a valid call, tried again while the connection has too many open requests."""
    while True:
        id_ = opened.request("ping")
        while (message := opened.receive()).get("id") != id_:
            _check(message)
        if message.get("error", {}).get("data", {}).get("code") != "rate_limited":
            return message
        time.sleep(0.02)


def _check(message: dict[str, Any]) -> None:
    code = message.get("error", {}).get("data", {}).get("code")
    assert code != "internal", f"an internal error: {str(message)[:200]}"


def _one_connection(server: Server, data: bytes) -> None:
    """Sends a damaged frame and a valid call. They are answered, or the connection is closed with a fair code."""
    opened = Socket(server)
    try:
        opened.sock.sendall(data)
        opened.sock.sendall(frame(b'{"jsonrpc":"2.0","id":"last","method":"ping"}'))
        opened.sock.settimeout(_REST_S)  # it may wait for the rest of a frame
        while (message := opened.receive()).get("id") != "last":
            _check(message)
    except Closed as closed:
        if closed.code not in _ALLOWED_CLOSES:
            raise AssertionError(f"closed with {closed.code}") from None
    except (TimeoutError, ConnectionError):
        pass
    finally:
        opened.close()


# --- REST ---


def openapi(trial: Trial) -> None:
    """Calls that schemathesis makes from `/openapi.json` (`benchmarks/fuzz_api.py`)."""
    from benchmarks.fuzz_api import Report, fuzz  # takes a second to import

    root = write(trial.folder / "code", {"a.py": "def beacon():\n    return 7\n"})
    with serving(trial.folder / "data") as server:
        server.index(root)
        reports: list[Report] = []
        seed = trial.random.randrange(1 << 30)

        def send() -> None:
            # In a process of its own: the watch, a thread of this one, would wait for the interpreter.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                reports.append(process.submit(fuzz, server.url, server.token, root, trial.count, seed).result())

        if problem := harm(trial, server, send):
            trial.fail("openapi", problem, server.output)
        for report in reports:
            trial.cases += report.cases
            for failure in report.failures:
                trial.fail("openapi", failure, failure)
