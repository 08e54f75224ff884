"""Runs the application: locks the data folder, binds the port, builds the services, serves, shuts down cleanly.

`lantern serve` runs it in the foreground. Another command that finds no server runs it in a thread.
"""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial
from typing import Any, cast

import uvicorn

from backend.api import security
from backend.app import App, build_app
from backend.config import BadSetting, Settings
from backend.connections.http import BoundedHttp
from backend.connections.listener import Connection, Listener, connection_limit, raise_file_limit
from backend.connections.websocket import BoundedSocket
from backend.data_folder import make_private
from backend.instance_lock import DataDirLock, token
from backend.services import Services
from backend.signin import SignInCodes
from backend.wiring import build_services

log = logging.getLogger(__name__)

THREADS = 32
END_S = 4.9  # from a signal; nothing that was acknowledged is lost by an end at any moment
# From a signal to the end there are 5 s. What is open has half of them, the services close in the rest.
ANNOUNCE_S = 0.5  # for telling the sockets that the server closes, and for their last events
SHUTDOWN_S = 2  # for open requests
CANCELLED_S = 0.2  # for requests that are cancelled then

TICKS = 10  # of uvicorn, a second: how often silent connections are looked for

BuildServices = Callable[[Settings], AbstractAsyncContextManager[Services]]
OnReady = Callable[[str], None]  # is called with the URL when the server accepts connections


async def serve(
    settings: Settings,
    on_ready: OnReady,
    stop: asyncio.Event | None = None,
    build: BuildServices = build_services,
    *,
    codes: SignInCodes | None = None,
    preload: bool = True,
) -> None:
    """Serves until `stop` is set; without `stop`, until a signal arrives.

    `codes`: those with which a browser may sign in. `preload` loads the server's model when the server is ready,
    instead of with the first question. Raises `BadSetting`, `DataFolderInUse`, `UnsafeDataFolder`.
    """
    # A thread that waits for the disk or for a worker process takes nothing: no request should wait for a thread.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
    for note in make_private(settings.data_dir):
        log.warning("%s", note)
    files = raise_file_limit()
    lock = DataDirLock(settings.data_dir)
    bound: socket.socket | None = None
    try:
        bound = _bind(settings.host, settings.port)
        port = bound.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        rules = security.rules(token(settings.token_file), settings.host, port, settings.allow_remote, settings.origins)
        async with build(settings) as services:
            app = build_app(services, rules, codes)

            def ready() -> None:
                lock.publish(f"http://{host}:{port}")
                on_ready(f"http://{host}:{port}")
                if preload:
                    services.engines.preload()

            await _Server(app, ready, stop or _on_signal(), connection_limit(files)).serve([bound])
    finally:
        if bound is not None:
            bound.close()
        lock.release()


class _Server(uvicorn.Server):
    """Uvicorn that reports when it is ready; before it stops, it notifies the sockets and ends the turns."""

    def __init__(self, app: App, on_ready: Callable[[], None], stop: asyncio.Event, connections: int) -> None:
        config = uvicorn.Config(
            app.guarded,
            http=BoundedHttp,
            ws=BoundedSocket,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws_max_size=security.FRAME_BYTES,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            timeout_graceful_shutdown=SHUTDOWN_S,
            server_header=False,
        )
        super().__init__(config)
        self._app, self._on_ready, self._stop, self._limit = app, on_ready, stop, connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens with our own listener instead of asyncio's."""
        await self.lifespan.startup()
        state: dict[str, Any] = {}
        make = partial(BoundedHttp, self.config, self.server_state, state)
        listeners = [Listener(bound, make, self._connections, self._limit) for bound in sockets or ()]
        self.servers = cast(Any, listeners)
        self.started = True
        self._on_ready()

    @property
    def _connections(self) -> set[Connection]:
        return cast(set[Connection], self.server_state.connections)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self._connections):
                try:
                    connection.close_if_silent(now)
                except Exception:  # one connection must not end the loop
                    log.exception("a connection could not be looked at")
                    connection.transport.abort()
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())
        try:
            await self._stop.wait()  # uvicorn itself would check ten times a second
        finally:
            ticking.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to `stop`: uvicorn would raise them again before the services are closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANNOUNCE_S):
                await self._app.sockets.announce_closing(after_ms=0)
        self._app.closing.set()
        await self._app.services.turns.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(ANNOUNCE_S):
                await self._app.sockets.drain()
        await super().shutdown(sockets)
        if cancelled := list(self.server_state.tasks):
            await asyncio.wait(cancelled, timeout=CANCELLED_S)
        await self._app.mcp.close()


@contextmanager
def served_in_thread(settings: Settings) -> Iterator[str]:
    """The URL of a server inside this process, for as long as the block lasts. Raises what `serve` raises."""
    ended_or_ready, abandoned = threading.Event(), threading.Event()
    urls: list[str] = []
    stops: list[Callable[[], object]] = []

    def ready(url: str) -> None:
        urls.append(url)
        ended_or_ready.set()

    async def run() -> None:
        stop = asyncio.Event()
        stops.append(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
        if not abandoned.is_set():
            await serve(settings, ready, stop, preload=False)  # many commands need no model

    with ThreadPoolExecutor(1, thread_name_prefix="server") as thread:
        server = thread.submit(asyncio.run, run())
        server.add_done_callback(lambda _: ended_or_ready.set())
        try:
            ended_or_ready.wait()
            if not urls:
                server.result()
            yield urls[0]
        finally:
            abandoned.set()
            for stop in stops:
                with suppress(RuntimeError):  # its loop is closed: the server has stopped already
                    stop()


def _on_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set. What hangs then, in a dead file system for one, is ended by SIGALRM."""
    stop = asyncio.Event()

    def end() -> None:
        if not stop.is_set():  # a second signal must not postpone the end
            signal.setitimer(signal.ITIMER_REAL, END_S)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    return stop


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With protocol 0, asyncio would not set TCP_NODELAY.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadSetting(f"HOST/PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    return bound
