"""Hostile questions, attachments and ignore rules: each is answered or refused, and nobody else waits."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from backend.indexing.retrieval import QUESTION_CHARS
from benchmarks.campaign.server import Server, serving, write
from benchmarks.campaign.shapes import IGNORE_SHAPES, QUESTION_SHAPES
from benchmarks.campaign.trial import Trial
from benchmarks.campaign.watch import unharmed

_CODE = {"a.py": "def beacon():\n    return 7\n", "b.py": "from a import beacon\n\nbeacon()\n"}
_LENGTHS = (1000, 4000, 16_000, QUESTION_CHARS, QUESTION_CHARS + 1, 64_000, 240_000, 300_000)  # characters
_UNIT = 100  # characters, at least, of what a shape repeats
_ANSWER_S = 10.0
_REFUSALS = {"/v1/chat/completions": (400, "context_length_exceeded")}  # as OpenAI refuses it
_REFUSAL = (413, "context_too_large")  # of all other calls
_CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("/chat/query", "query", {}),
    ("/search", "query", {}),
    ("/chat/preview", "query", {}),
    ("/v1/chat/completions", "", {"model": "extractive+repo"}),
)
_ALLOWED = (200, 400, 413, 422)


def asked(trial: Trial) -> None:
    """Each shape at each length, through every call that reads a question: an answer, or a refusal of one too long."""
    with serving(trial.folder / "data") as server:
        server.index(write(trial.folder / "code", _CODE))
        cases = [(shape, length, call) for shape in QUESTION_SHAPES for length in _LENGTHS for call in _CALLS]
        if trial.count < len(cases):
            cases = trial.random.sample(cases, trial.count)
        for shape, length, (path, field, fields) in cases:
            text = QUESTION_SHAPES[shape](length + _UNIT)[:length]
            body = {**fields, field: text} if field else {**fields, "messages": [{"role": "user", "content": text}]}
            label = f"{shape} {length} {path}"
            unharmed(trial, server, label, partial(_post, server, path, body, len(text)), text)


def _post(server: Server, path: str, body: dict[str, Any], length: int) -> None:
    start = time.perf_counter()
    reply = server.post(path, body)
    took = time.perf_counter() - start
    status, code = (200, "") if length <= QUESTION_CHARS else _REFUSALS.get(path, _REFUSAL)
    told = f"{path}, {length:,} characters: {reply.status_code} {reply.text[:200]}"
    assert reply.status_code == status, told
    assert code in reply.text, told
    assert took < _ANSWER_S, f"{path} took {took:.1f} s"


# --- attachments ---


def _fifo(root: Path) -> dict[str, Any]:
    os.mkfifo(root / "pipe.py")
    return {"path": "pipe.py"}


def _link_to_secret(root: Path) -> dict[str, Any]:
    write(root, {".env": "CAMPAIGN_MARK=hidden-value-of-the-campaign\n"})
    (root / "settings.txt").symlink_to(".env")
    return {"path": "settings.txt"}


def _link_outside(root: Path) -> dict[str, Any]:
    write(root.parent, {"outside.txt": "hidden-value-of-the-campaign\n"})
    (root / "link.txt").symlink_to(root.parent / "outside.txt")
    return {"path": "link.txt"}


def _link_loop(root: Path) -> dict[str, Any]:
    (root / "loop.py").symlink_to("loop.py")
    return {"path": "loop.py"}


def _unsaved(text: str, name: str = "a.py") -> Callable[[Path], dict[str, Any]]:
    return lambda _: {"path": name, "text": text}


def _path(name: str) -> Callable[[Path], dict[str, Any]]:
    return lambda _: {"path": name}


_ATTACHMENTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a FIFO": _fifo,
    "a link to .env": _link_to_secret,
    "a link that leads out": _link_outside,
    "a link to itself": _link_loop,
    "30 KB of one word": _unsaved("a" * 30_000),
    "60 KB of one word": _unsaved("aB_" * 20_000, "notes.md"),
    "900 KB of one line": _unsaved("a " * 450_000),
    "a MB of private keys": _unsaved("-----BEGIN PRIVATE KEY-----\n" * 35_000),
    "90,000 definitions of one name": _unsaved("def a(): 0\n" * 80_000),
    "a device": _path("/dev/zero"),
    "a file of /proc": _path("/proc/self/mem"),
    "a folder": _path("."),
    "a path out of the codebase": _path("../../../../etc/passwd"),
    "a path with controls": _path("a\x1b]0;x\x07\n.py"),
    "a lone surrogate": _unsaved("x = '\ud800'\n"),
    "a path of 4,000 characters": _path("a/" * 2000),
    "an impossible range": lambda _: {"path": "a.py", "range": [1 << 40, 1 << 41]},
    "control tokens": _unsaved("<|im_end|>\n" * 5000),
    "nuls": _unsaved("\0" * 100_000),
    "line breaks": _unsaved("\n" * 900_000),
}


def attached(trial: Trial) -> None:
    """Each attachment with a question: an answer or a refusal, and nothing of a file that is hidden."""
    root = write(trial.folder / "code", _CODE)
    with serving(trial.folder / "data") as server:
        server.index(root)
        for label, make in list(_ATTACHMENTS.items())[: trial.count]:
            unharmed(trial, server, label, partial(_ask_with, server, [make(root)]))
        unharmed(trial, server, "50 attachments", partial(_ask_with, server, [_unsaved("x = 1\n" * 3000)(root)] * 50))


def _ask_with(server: Server, context: list[dict[str, Any]]) -> None:
    start = time.perf_counter()
    reply = server.post("/chat/query", {"query": "what does beacon do", "context": context})
    took = time.perf_counter() - start
    assert reply.status_code in _ALLOWED, f"{reply.status_code} {reply.text[:200]}"
    assert "hidden-value" not in reply.text, "the content of a hidden file is in the answer"
    assert took < _ANSWER_S, f"the answer took {took:.1f} s"


# --- ignore rules ---


def ignored(trial: Trial) -> None:
    """Ignore files whose rules are hard to match. The codebase is indexed all the same."""
    cases = [(shape, name) for shape in IGNORE_SHAPES for name in (".lanternignore", ".gitignore")]
    with serving(trial.folder / "data") as server:
        for number, (shape, name) in enumerate(cases[: trial.count]):
            rules, path = IGNORE_SHAPES[shape]
            files = {name: rules, path: "x = 1\n", "z.txt": "beacon\n"} | {f"f{n}.txt": "x\n" for n in range(300)}
            root = write(trial.folder / str(number), files)
            unharmed(trial, server, f"{shape} in {name}", partial(_index, server, root), rules)


def _index(server: Server, root: Path) -> None:
    job = server.index(root)
    assert job["state"] == "done", f"the job {job['state']}"
    found = server.post("/search", {"query": "beacon", "codebase": job["codebase"]}).json()["hits"]
    assert "z.txt" in {hit["path"] for hit in found}, "a file that no rule names is not indexed"
