"""`lantern mcp`: carries the messages of a client on stdin and stdout to and from `/mcp`. Knows no tool.

The client's folder goes along with each message, so that the tools work on its codebase.
"""

import asyncio
import base64
import json
import re
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from backend.cli import logs, output
from backend.cli.editors.mcp_server import McpServerConnection, ServerGone
from backend.cli.errors import USAGE, CommandFailed, describe
from backend.cli.paths import resolved
from backend.cli.settings import command_settings
from backend.mcp.workspace import WORKSPACE_HEADER, encode_workspace

FINISH_S = 60.0  # for what still runs when the client has closed stdin
ROOTS_S = 2.0  # how long the first calls wait for the client to say what its folders are
ROOTS_ID = "lantern-roots"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"  # of `_meta`, since 2026-07-28
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}  # method -> what `Mcp-Name` repeats
PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603

Message = dict[str, Any]


def run_mcp(path: Path | None) -> None:
    """Relays until stdin ends. `path`: the client's folder, if it is neither one of its roots nor the current one."""
    if path is not None and not resolved(path).is_dir():
        raise CommandFailed(f"--path: there is no folder {path}", USAGE)
    settings = command_settings()
    logs.set_level(settings.log_level)
    if sys.stdin is not None and sys.stdin.isatty():
        output.note("`lantern mcp` is for programs: `lantern mcp install` adds it to yours. Ctrl-D ends.")
    asyncio.run(_run(McpServerConnection(settings), path))


async def _run(server: McpServerConnection, path: Path | None) -> None:
    main = asyncio.current_task()
    assert main is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, main.cancel)
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    relay = McpRelay(server, output.message_line, path)
    try:
        await server.connect()  # a server that cannot start ends the command, with a message on stderr
        threading.Thread(target=_read, args=(loop, lines), daemon=True).start()
        while line := await lines.get():
            relay.take(line)
        await relay.finish(FINISH_S)
    except asyncio.CancelledError:
        await relay.finish(0)
    finally:
        await server.close()


def _read(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[bytes]") -> None:
    with suppress(RuntimeError):  # the loop has ended
        for line in sys.stdin.buffer if sys.stdin is not None else ():
            if line.strip():
                loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")


class McpRelay:
    """The messages of one client that are on their way."""

    def __init__(self, server: McpServerConnection, write: Callable[[str], None], path: Path | None) -> None:
        self._server, self._write = server, write
        self._current = resolved(path or Path())
        self._folder = self._current
        self._may_have_roots = path is None
        self._asks_roots = False
        self._roots = asyncio.Event()  # set: the client's folders are known, or are not asked for
        self._roots.set()
        self._version = ""  # as `initialize` agreed; none since 2026-07-28
        self._running: dict[Any, asyncio.Task[None]] = {}  # by the id of the request
        self._notifying: set[asyncio.Task[None]] = set()

    def take(self, line: bytes) -> None:
        """Sends one line of the client on its way."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return self._error(None, PARSE_ERROR, "this line is not JSON")
        if not isinstance(message, dict):
            return self._error(None, INVALID_REQUEST, "a line is one message: an object")
        if "method" not in message:
            return self._take_roots(message)
        if message["method"] == "notifications/cancelled":
            return self._cancel(message)
        id_ = message.get("id")
        if id_ is None or not isinstance(id_, str | int):
            return self._notify(message, line)
        if id_ in self._running:
            return self._error(id_, INVALID_REQUEST, "a request with this id is running")
        task = self._running[id_] = asyncio.create_task(self._forward(message, line))
        task.add_done_callback(lambda _: self._running.pop(id_, None))
        return None

    async def finish(self, seconds: float) -> None:
        """Returns when all messages are answered; those that are not after so many seconds are cancelled."""
        tasks = [*self._running.values(), *self._notifying]
        if tasks and seconds:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _notify(self, message: Message, line: bytes) -> None:
        task = asyncio.create_task(self._forward(message, line))
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)
        if message["method"] in ("notifications/initialized", "notifications/roots/list_changed") and self._asks_roots:
            self._roots.clear()
            self._write(json.dumps({"jsonrpc": "2.0", "id": ROOTS_ID, "method": "roots/list"}))

    def _cancel(self, message: Message) -> None:
        params = message.get("params")
        id_ = params.get("requestId") if isinstance(params, dict) else None
        if isinstance(id_, str | int) and id_ in self._running:
            self._running[id_].cancel()  # closes its stream: that cancels it in the server

    async def _forward(self, message: Message, line: bytes) -> None:
        id_ = message.get("id")
        try:
            if message["method"] == "tools/call" and not self._roots.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._roots.wait(), ROOTS_S)
            headers = request_headers(message, self._version) | {WORKSPACE_HEADER: encode_workspace(self._folder)}
            async with aclosing(self._server.post(line, headers)) as answers:
                async for answer in answers:
                    self._learn(message, answer)
                    self._write(answer)
        except BrokenPipeError:  # the client is gone: stdin ends, too
            return
        except (ServerGone, CommandFailed) as failure:
            self._fail(id_, str(failure))
        except Exception as failure:  # noqa: BLE001 - the edge of one message
            self._fail(id_, describe(failure) or f"unexpected: {failure!r}")

    def _learn(self, message: Message, answer: str) -> None:
        """What the handshake of the former protocol settles."""
        if message["method"] != "initialize":
            return
        result = json.loads(answer).get("result", {})
        self._version = str(result.get("protocolVersion", ""))
        params = message.get("params")
        capabilities = params.get("capabilities") if isinstance(params, dict) else None
        self._asks_roots = self._may_have_roots and isinstance(capabilities, dict) and "roots" in capabilities

    def _take_roots(self, message: Message) -> None:
        """An answer of the client. The folder is the current one where that lies below a root, else the first root."""
        if message.get("id") != ROOTS_ID:
            return
        result = message.get("result")
        roots = root_paths(result.get("roots") if isinstance(result, dict) else None)
        if roots and not any(self._current.is_relative_to(root) for root in roots):
            self._folder = roots[0]
        self._roots.set()

    def _fail(self, id_: Any, reason: str) -> None:
        if id_ is None:
            output.note(f"lantern: {reason}")
        else:
            self._error(id_, INTERNAL_ERROR, reason)

    def _error(self, id_: Any, code: int, reason: str) -> None:
        self._write(json.dumps({"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": reason}}))


def request_headers(message: Message, version: str) -> dict[str, str]:
    """The headers that repeat what is in a message, as its version of the protocol asks for.

    `version`: what `initialize` agreed on; a message that names its own is one of the stateless protocol.
    """
    accepted = {"Accept": "application/json, text/event-stream"}
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    own = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
    if not isinstance(own, str):
        is_start = message["method"] == "initialize"
        return accepted | ({"MCP-Protocol-Version": version} if version and not is_start else {})
    headers = {"MCP-Protocol-Version": own, "Mcp-Method": str(message["method"])}
    name = params.get(NAMES.get(str(message["method"]), ""))
    if isinstance(name, str):
        headers["Mcp-Name"] = name
    return accepted | {key: _header_value(value) for key, value in headers.items()}


def _header_value(text: str) -> str:
    """A value that a header can hold: as it is, or in the base64 form of the specification."""
    if re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", text) and not re.fullmatch(r"=\?base64\?.*\?=", text):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def root_paths(roots: object) -> list[Path]:
    """The folders of a `roots/list`, those of this machine."""
    uris = [root.get("uri") for root in roots if isinstance(root, dict)] if isinstance(roots, list) else []
    return [path for uri in uris if isinstance(uri, str) and (path := _local_path(uri)) is not None]


def _local_path(uri: str) -> Path | None:
    try:
        parts = urlsplit(uri)
    except ValueError:  # "file://[x": no address at all
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None
