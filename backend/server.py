"""Running the application: claims the data folder, binds, wires, serves, publishes where, leaves cleanly.

`lantern serve` runs it in the foreground, every other command that finds no server in a thread of its own.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial

import uvicorn

from backend.api import security
from backend.app import App, build_app
from backend.config import BadSetting, Settings
from backend.instance_lock import DataDirLock, token
from backend.services import Services
from backend.wiring import build_services

GOODBYE_S = 0.5
SHUTDOWN_S = 5

Wire = Callable[[Settings], AbstractAsyncContextManager[Services]]
OnReady = Callable[[str], None]  # receives the URL once the server accepts


async def serve(
    settings: Settings,
    on_ready: OnReady,
    leave: asyncio.Event | None = None,
    wire: Wire = build_services,
    *,
    preload: bool = True,
) -> None:
    """Serves until a signal arrives, or `leave` is set. Raises `BadSetting`, `DataFolderInUse`.

    With `preload` the server's own model is loaded as soon as it accepts, else when it is asked.
    """
    claim = DataDirLock(settings.data_dir)
    bound: socket.socket | None = None
    try:
        bound = _bind(settings.host, settings.port)
        port = bound.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        rules = security.rules(token(settings.token_file), settings.host, port, settings.allow_remote, settings.origins)
        async with wire(settings) as wired:
            app = build_app(wired, rules)

            def ready() -> None:
                claim.publish(f"http://{host}:{port}")
                on_ready(f"http://{host}:{port}")
                if preload:
                    wired.engines.preload()

            leave = leave or _on_signal()
            await _Server(app, ready, leave).serve([bound])
    finally:
        if bound is not None:
            bound.close()
        claim.release()


class _Server(uvicorn.Server):
    """Uvicorn that tells when it is up, and ends turns and tells sockets before it goes."""

    def __init__(self, app: App, on_ready: Callable[[], None], leave: asyncio.Event) -> None:
        config = uvicorn.Config(
            app.guarded,
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
        self._app, self._on_ready, self._leave = app, on_ready, leave

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())
        try:
            await self._leave.wait()  # uvicorn would look for it with every tick, a tenth of a second
        finally:
            ticking.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to `leave`: uvicorn would raise them again before the services are taken down."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._app.sockets.announce_closing(after_ms=0)
        await self._app.services.turns.close()
        await super().shutdown(sockets)


@contextmanager
def served_in_thread(settings: Settings) -> Iterator[str]:
    """The URL of a server inside this process, for as long as the block lasts. Raises what `serve` raises."""
    up, given_up = threading.Event(), threading.Event()
    urls: list[str] = []
    leaving: list[Callable[[], object]] = []

    def ready(url: str) -> None:
        urls.append(url)
        up.set()

    async def run() -> None:
        leave = asyncio.Event()
        leaving.append(partial(asyncio.get_running_loop().call_soon_threadsafe, leave.set))
        if not given_up.is_set():
            await serve(settings, ready, leave, preload=False)  # many commands ask no model

    with ThreadPoolExecutor(1, thread_name_prefix="server") as thread:
        served = thread.submit(asyncio.run, run())
        served.add_done_callback(lambda _: up.set())
        try:
            up.wait()
            if not urls:
                served.result()
            yield urls[0]
        finally:
            given_up.set()
            for leave in leaving:
                with suppress(RuntimeError):  # its loop is closed: it has left already
                    leave()


def _on_signal() -> asyncio.Event:
    """Set by the signals that end a server."""
    leave = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, leave.set)
    return leave


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with 0, asyncio leaves out TCP_NODELAY
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise BadSetting(f"HOST/PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    return bound
