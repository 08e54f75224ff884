"""The compared engines, each as a server process: how it starts, and how a conversation with it begins.

All get the same model file, context, threads, system prompt and messages.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.engine.clients import Completions, Conversation, Session
from tests.e2e.harness import Served, serving


class Unavailable(Exception):
    """An engine cannot be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The settings that all engines share."""

    model: Path
    name: str  # in Lantern's catalogue
    what: str  # for the document
    threads: int
    context: int  # tokens
    system: str
    extra_buffers: bool = True  # whether llama.cpp can use them on this processor


@dataclass(frozen=True, slots=True)
class Peer:
    """A running engine."""

    pid: int
    begin: Callable[[Any], Awaitable[Conversation]]  # a new conversation (of None), or one from before a restart
    url: str = ""

    async def converse(self, before: Conversation | None = None) -> Conversation:
        return await self.begin(before)


def over_http(url: str, headers: dict[str, str], model: str, system: str) -> Callable[[Any], Awaitable[Conversation]]:
    async def begin(before: Completions | None) -> Conversation:
        messages = before.messages if before else [{"role": "system", "content": system}]
        return Completions(url, headers, model, messages)

    return begin


@asynccontextmanager
async def locked(machine: Machine) -> AsyncIterator[Peer]:
    """llama-cpp-python's `Llama` behind a lock."""
    command = [sys.executable, "-m", "benchmarks.engine.locked", machine.model, machine.threads, machine.context]
    command.append(int(machine.extra_buffers))
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        yield Peer(process.pid, over_http(f"http://127.0.0.1:{port}", {}, "", machine.system))
    finally:
        ended = process.poll()
        process.terminate()
        process.communicate()
        if ended is not None and ended < 0:
            raise Unavailable(f"its process was ended by {signal.Signals(-ended).name}")
        assert ended is None, f"the process of llama-cpp-python ended by itself ({ended})"


@asynccontextmanager
async def llama_server(machine: Machine, binary: Path) -> AsyncIterator[Peer]:
    """With four slots that share one cache, and LLAMA_SERVER_FLAGS. Raises Unavailable if it was not built."""
    if not binary.is_file():
        raise Unavailable("not built; `make llama-server` does")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [binary, "-m", machine.model, "-np", 4, "-c", machine.context, "--kv-unified", "-t", machine.threads]
    options += [] if machine.extra_buffers else ["--no-repack"]
    flags = os.environ.get("LLAMA_SERVER_FLAGS", "").split()
    command = [str(word) for word in (*options, *flags, "--host", "127.0.0.1", "--port", port)]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not await asyncio.to_thread(_is_healthy, url):
            assert process.poll() is None, f"{binary.name} does not start"
            assert time.monotonic() < deadline, f"{binary.name} does not come up"
            await asyncio.sleep(0.1)
        yield Peer(process.pid, over_http(url, {}, "", machine.system), url)
    finally:
        ended = process.poll()
        process.terminate()
        process.wait()
        assert ended is None, f"{binary.name} ended by itself ({ended})"


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def lantern(machine: Machine, folder: Path, *, socket: bool = True, **settings: Any) -> AsyncIterator[Peer]:
    """Lantern over its WebSocket, or over /v1/chat/completions. Without a time-to-first-token budget: it reads all.

    Raises Unavailable if it lacks that API.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, file, system = (  # a JSON string is a TOML string too
        json.dumps(text, ensure_ascii=False) for text in (machine.name, str(machine.model), machine.system)
    )
    entry = f"[{name}]\nfilenames = [{file}]\nsystem_prompt = {system}\n"
    (folder / "catalog.toml").write_text(entry, "utf-8")
    with lantern_served(machine, folder, **settings) as served:
        if socket:
            yield Peer(served.process.pid, lambda before: Session.open(served.url, served.headers, after=before))
        elif not has_openai(served):
            raise Unavailable("the route does not answer")
        else:
            yield Peer(served.process.pid, over_http(served.url, served.headers, machine.name, machine.system))


def lantern_served(machine: Machine, folder: Path, **settings: Any) -> Any:
    settings_of_model = {
        "MODEL_NAME": machine.name,
        "MODELS_DIR": machine.model.parent,
        "CONTEXT_LENGTH": machine.context,
    }
    fixed = {"N_THREADS": machine.threads, "FIRST_TOKEN_S": 0, "WATCH": 0}
    return serving(folder, **settings_of_model | fixed | settings)


def has_openai(served: Served) -> bool:
    """Whether it serves the OpenAI API, which answers an empty request with its own error."""
    answer = httpx.post(f"{served.url}/v1/chat/completions", json={}, headers=served.headers, trust_env=False)
    return answer.status_code != 404
