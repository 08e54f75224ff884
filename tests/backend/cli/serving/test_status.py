"""The lines of `lantern status`."""

from typing import Any

from backend.cli.serving.status import _lines

HEALTH: dict[str, Any] = {
    "version": "1.2.3",
    "model": {"name": "small", "state": "loading"},
    "turns_running": 1,
    "turns_succeeded": 2,
    "turns_failed": 0,
    "memory_bytes": 123_000_000,
    "decode_tokens_per_s": None,
    "first_token_s_mean": None,
}
IDLE: dict[str, Any] = {"url": "http://x:1", "health": HEALTH, "models": [], "codebases": [], "jobs": []}


def test_a_server_that_has_nothing_yet() -> None:
    assert _lines(IDLE) == [
        "server     http://x:1, version 1.2.3, 123 MB of memory",
        "model      small: loading",
        "answers    1 running, 2 finished, 0 failed",
        "codebase   none is indexed: run `lantern index PATH`",
    ]


def test_a_busy_server() -> None:
    job = {"state": "running", "root": "/a", "done": 1, "total": 2, "chunks": 3, "files_per_s": 4, "eta_s": 5}
    busy = IDLE | {
        "health": HEALTH | {"decode_tokens_per_s": 7.5, "first_token_s_mean": 1.25},
        "models": [{"id": "small", "resident_bytes": 500_000_000, "context": 4096}],
        "codebases": [
            {"root": "/a", "state": "ready", "files": 3, "watched": True},
            {"root": "/b", "state": "ready", "files": 4, "watched": False},
        ],
        "jobs": [job],
    }
    assert _lines(busy)[2:] == [
        "loaded     small: 500 MB of memory, 4096 tokens of context",
        "answers    1 running, 2 finished, 0 failed",
        "speed      7.5 tokens/s, first token after 1.2 s",
        "codebase   /a: ready, 3 files, kept up to date",
        "codebase   /b: ready, 4 files, as of its last indexing",
        "indexing   /a: 1/2 files, 3 chunks, 4 files/s, 5 s left",
    ]


def test_a_model_that_is_not_available() -> None:
    broken = IDLE | {"health": HEALTH | {"model": {"name": "x", "state": "unavailable", "problem": "not installed"}}}
    assert _lines(broken)[1] == "model      x: not installed"
