"""A real server on a free port of this machine, with doubles where the seams are, and clients for its faces."""

import asyncio
import atexit
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import httpx
import pytest
import uvicorn.server
from websockets.asyncio.client import ClientConnection, connect

from backend.config import Settings, load_settings
from backend.engines.pool import EngineLease, EnginePool
from backend.indexing.embedders import Embedders
from backend.indexing.indexes import Indexes
from backend.indexing.workers import Workers, start_workers
from backend.server import serve
from backend.services import Services
from backend.wiring import build_services
from indexer.embedding.base import HashEmbedder
from indexer.workers.pool import Call, never
from models.errors import UnknownModel
from models.registry import Registry
from models.scripted import ScriptedEngine
from models.types import Sampling
from prompts.formats import FORMATS

_sleep = asyncio.sleep
# A server that stops looks only ten times a second whether its connections are closed, and at least once.
uvicorn.server.asyncio = SimpleNamespace(  # type: ignore[assignment,attr-defined]
    **vars(asyncio) | {"sleep": lambda seconds: _sleep(seconds / 20)}
)


class ScriptedEngines(EnginePool):
    """Every model name but "nope" is the scripted engine."""

    def __init__(self, settings: Settings, engine: ScriptedEngine) -> None:
        super().__init__(Registry(settings.models_dir), settings)
        self.engine = engine

    def resolve(self, name: str) -> None:
        if name == "nope":
            raise UnknownModel(name, ["scripted"])

    @asynccontextmanager
    async def use(self, *_: object, **__: object) -> AsyncIterator[EngineLease]:
        yield EngineLease(self.engine, FORMATS["phi3"], Sampling())


class ManualSleep:
    """`asyncio.sleep` of one module that a test controls: each sleep lasts until `elapse`, or until it is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
        self.running: list[float] = []  # the seconds of each sleep that has not ended
        self._is_over = asyncio.Event()
        monkeypatch.setattr(module, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": self._sleep}))

    async def _sleep(self, seconds: float) -> None:
        self.running.append(seconds)
        try:
            await self._is_over.wait()
        finally:
            self.running.remove(seconds)

    def elapse(self) -> None:
        """Ends all sleeps, those that begin later, too."""
        self._is_over.set()


class Gate(asyncio.Event):
    """An event that also reports when somebody waits for it: for `ScriptedEngine.go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.is_reached.set()
        return await super().wait()


@dataclass(slots=True)
class World:
    """One running server."""

    url: str
    token: str
    services: Services
    http: httpx.AsyncClient
    leave: asyncio.Event

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.http.post(path, json={} if body is None else body)

    async def get(self, path: str, /, **params: Any) -> httpx.Response:
        return await self.http.get(path, params=params)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator["Socket"]:
        async with connect(
            self.url.replace("http", "ws", 1) + "/v1/ws",
            subprotocols=["lantern.v1"],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {self.token}"},
            proxy=None,
        ) as connection:
            yield Socket(connection)


@dataclass(slots=True)
class Socket:
    """A client that keeps every event it is sent."""

    raw: ClientConnection
    patience_s: float = 20  # for one message
    events: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)  # to requests that nobody waited for
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request. Raises `AssertionError` with the error it was answered with."""
        answer = await self.answer(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    async def answer(self, method: str, **params: Any) -> dict[str, Any]:
        id_ = next(self.ids)
        await self.raw.send(json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}))
        while True:
            message = await self.receive()
            if message.get("id") == id_:
                return message
            if "id" in message:
                self.answers[message["id"]] = message

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(self.patience_s):
            message: dict[str, Any] = json.loads(await self.raw.recv())
        if message.get("method") == "event":
            self.events.append(message["params"])
        return message

    async def until(self, kind: str, turn: str | None = None) -> dict[str, Any]:
        """The next event of that type, of that turn; those before it are kept too."""
        while True:
            for event in self.events:
                if event["type"] == kind and turn in (None, event.get("turn")):
                    return event
            await self.receive()

    @property
    def logged(self) -> list[dict[str, Any]]:
        return [event for event in self.events if "seq" in event]


def settings_in(folder: Path, **given: Any) -> Settings:
    """Settings without leads, and with a number of snippets instead of a token limit, unless a test sets them."""
    return load_settings(data_dir=folder, port=0, host="127.0.0.1", **{"lead": False, "evidence_tokens": 0} | given)


@cache
def _processes() -> Workers:
    workers = start_workers()
    atexit.register(workers.close)
    return workers


def shared_workers() -> Workers:
    """The same processes for every server of this process: to start them takes longer than most tests."""
    closed = threading.Event()

    def until_closed(call: Call) -> Call:
        def run(
            function: Callable[..., Any], *arguments: Any, cancelled: Callable[[], bool] = never, **options: Any
        ) -> Any:
            return call(function, *arguments, cancelled=lambda: closed.is_set() or cancelled(), **options)

        return run

    return Workers(until_closed(_processes().questions), until_closed(_processes().jobs), closed.set)


@asynccontextmanager
async def running(
    folder: Path,
    engine: ScriptedEngine | None = None,
    *,
    making: Callable[[Settings], EnginePool] | None = None,
    **given: Any,
) -> AsyncIterator[World]:
    """A server over `folder`; with an engine it answers everything, else what is made decides, else the settings."""
    settings = settings_in(folder, **given)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    built: list[Services] = []

    @asynccontextmanager
    async def wire(settings: Settings) -> AsyncIterator[Services]:
        engines = ScriptedEngines(settings, engine) if engine is not None else making(settings) if making else None
        embedders = Embedders(HashEmbedder(), HashEmbedder)
        embedders.preload()
        indexes = Indexes(settings.data_dir / "indexes", embedders, shared_workers())
        try:
            async with build_services(settings, indexes, engines) as services:
                built.append(services)
                yield services
        finally:
            indexes.workers.close()

    leave = asyncio.Event()
    task = asyncio.create_task(serve(settings, ready.set_result, leave, wire))
    task.add_done_callback(lambda _: ready.cancel())  # a server that could not start will never be ready
    with suppress(asyncio.CancelledError):
        await ready
    if task.done():
        task.result()
    token = settings.token_file.read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(  # `verify`: loading certificates takes as long as a migration
        base_url=ready.result(), headers=headers, timeout=30, trust_env=False, verify=False
    )
    async with client as http:
        try:
            yield World(ready.result(), token, built[0], http, leave)
        finally:
            leave.set()
            with suppress(asyncio.CancelledError):
                await task
