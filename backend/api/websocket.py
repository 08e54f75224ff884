"""The socket of IDE plugins: JSON-RPC 2.0 in, answers and events out. Each opened session has a pump that sends
what its log says; the reader never waits for an answer to be generated. Knows frames, not how answers are made.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.api import schemas
from backend.api.jsonrpc import id_of, parsed
from backend.api.security import FRAME_BYTES, AccessRules, bearer
from backend.chat.completion import complete
from backend.chat.question import Question
from backend.config import VERSION
from backend.db import conversations
from backend.db.events import REPLAY, check_replay
from backend.errors import ApiError, to_api_error
from backend.services import Services

log = logging.getLogger(__name__)

PROTOCOL = "lantern.v1"
NOT_OUR_PROTOCOL, BAD_TOKEN, TOO_SLOW, TOO_MANY, CANNOT_GO_ON = 4400, 4401, 4408, 4429, 1011
CONNECTIONS = 64
REQUESTS = 32  # of one connection at once
LAST_REQUESTS_S = 5.0
SEND_S = 20.0  # a client that takes no frame for so long is cut; it may resume

GONE = (WebSocketDisconnect, TimeoutError)  # what sending to a client that left, or does not read, raises

Reply = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Any, Reply], Awaitable[None]]


class Sockets:
    """All open connections of a server."""

    def __init__(self, services: Services, rules: AccessRules) -> None:
        self._parts, self._rules = services, rules
        self._open: set[Connection] = set()

    async def serve(self, websocket: WebSocket) -> None:
        """Lets a client in, or accepts and closes with the code that says why not."""
        offered = websocket.scope["subprotocols"]
        if PROTOCOL not in offered:
            return await _turn_away(websocket, NOT_OUR_PROTOCOL, None)
        tokens = [name.removeprefix("token.") for name in offered if name.startswith("token.")]
        given = bearer(websocket.headers) or (tokens[0] if tokens else "")
        if not self._rules.allows_token(given):
            return await _turn_away(websocket, BAD_TOKEN, PROTOCOL)
        if len(self._open) >= CONNECTIONS:
            return await _turn_away(websocket, TOO_MANY, PROTOCOL)
        await websocket.accept(PROTOCOL)
        connection = Connection(websocket, self._parts)
        self._open.add(connection)
        try:
            await connection.run()
        finally:
            self._open.discard(connection)

    async def closing(self, after_ms: int) -> None:
        """Tells every client that the server is about to leave."""
        await asyncio.gather(*(connection.closing(after_ms) for connection in list(self._open)))


async def _turn_away(websocket: WebSocket, code: int, subprotocol: str | None) -> None:
    await websocket.accept(subprotocol)
    await websocket.close(code)


class Connection:
    """One client. What concerns sessions is done in the order in which it was sent, the rest as it comes."""

    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self._socket, self._parts = websocket, services
        self._sending = asyncio.Lock()
        self._in_order = asyncio.Lock()  # fair: first come, first served
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._completing: asyncio.Task[dict[str, str]] | None = None
        self._methods: dict[str, tuple[type[BaseModel], Handler]] = {
            "initialize": (schemas.Initialize, self._initialize),
            "session/open": (schemas.SessionOpen, self._open),
            "session/prompt": (schemas.SessionPrompt, self._prompt),
            "session/prefetch": (schemas.SessionPrefetch, self._prefetch),
            "session/cancel": (schemas.SessionCancel, self._cancel),
            "complete": (schemas.Complete, self._complete),
            "search": (schemas.Search, self._search),
            "ping": (schemas.Nothing, self._ping),
        }

    async def run(self) -> None:
        """Reads frames until the client goes."""
        try:
            while True:
                frame = await self._socket.receive()
                if frame["type"] == "websocket.disconnect":
                    return
                task = asyncio.create_task(self._take(frame.get("text")))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
                task.add_done_callback(_log_failure)
        finally:
            if self._requests:  # what was asked before it left still counts: a cancel above all
                await asyncio.wait(self._requests, timeout=LAST_REQUESTS_S)
            tasks = [*self._pumps.values(), *self._requests]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def closing(self, after_ms: int) -> None:
        with suppress(*GONE):
            for session in list(self._pumps):
                await self._send("event", {"session": session, "type": "closing", "after_ms": after_ms})

    # --- requests ---

    async def _take(self, text: str | None) -> None:
        """Answers one frame."""
        id_: Any = None
        wants_answer = True

        async def reply(result: dict[str, Any]) -> None:
            if wants_answer:
                await self._answer(id_, result=result)

        try:
            request = parsed(text)
            wants_answer, id_ = "id" in request, id_of(request)
            handler, params = self._method(request)
            if request["method"].startswith("session/"):
                async with self._in_order:
                    await handler(params, reply)
            else:
                await handler(params, reply)
        except GONE:
            return
        except Exception as failure:  # noqa: BLE001 - the edge of the socket
            error = to_api_error(failure, log, "a request")
            if wants_answer:
                await self._answer(id_, error=error)

    def _method(self, request: dict[str, Any]) -> tuple[Handler, BaseModel]:
        if len(self._requests) > REQUESTS:
            raise ApiError("rate_limited", f"{REQUESTS} requests of this connection are open", 100)
        if not isinstance(request.get("method"), str):
            raise ApiError("invalid", "a request needs a method")
        if request["method"] not in self._methods:
            raise ApiError("unknown_method", f"no method {request['method']!a}")
        kind, handler = self._methods[request["method"]]
        try:
            return handler, kind.model_validate(request.get("params") or {})
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in error.errors())
            raise ApiError("bad_params", told) from None

    async def _initialize(self, _: schemas.Initialize, reply: Reply) -> None:
        services = self._parts
        known = await asyncio.to_thread(services.indexes.summaries)
        facts = {
            "server": {"name": "lantern", "version": VERSION},
            "epoch": services.epoch,
            "models": await asyncio.to_thread(services.engines.states),
            "limits": {
                "frame": FRAME_BYTES,
                "prompt": schemas.PROMPT_CHARS,
                "queue": services.settings.queue_limit,
                "grace_ms": services.settings.grace_ms,
                "replay": REPLAY,
            },
            "codebases": known,
        }
        await reply(facts)

    async def _open(self, params: schemas.SessionOpen, reply: Reply) -> None:
        row = await self._parts.database.write(
            lambda db: conversations.open_session(db, params.session, params.workspace, params.model)
        )
        after = row.head if params.after is None else params.after
        check_replay(row, after)
        again = row.id in self._pumps and params.after is None  # it goes on where it is
        if row.id in self._pumps and not again:
            old = self._pumps.pop(row.id)
            old.cancel()
            await asyncio.wait([old])
        await reply({"session": row.id, "head": row.head, "epoch": self._parts.epoch})
        if not again:
            self._pump(row.id, after)
        if row.model:
            self._parts.engines.preload(row.model)
        self._parts.prefetcher.read(row.id, "")  # what was said before may have to be brought back
        if row.workspace:
            await asyncio.to_thread(self._parts.retrieval.opened, row.workspace)

    async def _prompt(self, params: schemas.SessionPrompt, reply: Reply) -> None:
        if params.session not in self._pumps:  # asked without opening: it sees its own answer all the same
            row = await self._parts.database.read(lambda db: conversations.require_session(db, params.session))
            self._pump(row.id, row.head)
        question = Question(
            session=params.session,
            turn=params.turn,
            text=params.text,
            conversation=params.conversation,
            attachments=tuple(item.attachment for item in params.context),
            retrieval=params.retrieval,
            model=params.model,
            max_tokens=params.max_tokens,
            temperature=params.temperature,
            first_token_s=params.first_token_s,
            lead=params.lead,
        )
        self._parts.prefetcher.drop(params.session)
        accepted = await self._parts.turns.accept(question)
        await reply({"turn": accepted.turn, "conversation": accepted.conversation, "position": accepted.position})

    async def _prefetch(self, params: schemas.SessionPrefetch, reply: Reply) -> None:
        await self._parts.database.read(lambda db: conversations.require_session(db, params.session))
        self._parts.prefetcher.read(params.session, params.text)
        await reply({})

    async def _complete(self, params: schemas.Complete, reply: Reply) -> None:
        if self._completing is not None:
            self._completing.cancel()
        work = complete(self._parts.engines, self._parts.metrics, params.prefix, params.suffix, params.max_tokens)
        self._completing = mine = asyncio.create_task(work)
        try:
            await asyncio.wait([mine])
        finally:
            mine.cancel()
        if mine.cancelled():
            raise ApiError("cancelled", "a newer request to complete came")
        await reply(mine.result())

    async def _cancel(self, params: schemas.SessionCancel, reply: Reply) -> None:
        await self._parts.database.read(lambda db: conversations.require_session(db, params.session))
        self._parts.turns.stop(params.session, params.turn)
        await reply({})  # at once: the end follows as an event

    async def _search(self, params: schemas.Search, reply: Reply) -> None:
        find = self._parts.retrieval.find
        found = await asyncio.to_thread(find, params.query, params.codebase, params.limit, params.paths)
        await reply({name: found[name] for name in ("hits", "found", "generation")})

    async def _ping(self, _: schemas.Nothing, reply: Reply) -> None:
        await reply({})

    # --- frames out ---

    def _pump(self, session: str, after: int) -> None:
        """Starts sending the session's log from `after` on."""

        async def pump() -> None:
            try:
                async with aclosing(self._parts.turns.watch(session, after)) as events:
                    async for event in events:
                        await self._send("event", event.wire)
            except GONE:
                return
            except Exception:  # the edge of the socket: a client must not wait for events that never come
                log.exception("the events of session %s cannot be sent any more", session)
                with suppress(*GONE, RuntimeError):
                    await self._socket.close(CANNOT_GO_ON)

        self._pumps[session] = asyncio.create_task(pump(), name=f"pump {session}")

    async def _answer(self, id_: Any, *, result: Any = None, error: ApiError | None = None) -> None:
        body = {"error": error.rpc} if error is not None else {"result": result}
        with suppress(*GONE):
            await self._transmit({"jsonrpc": "2.0", "id": id_, **body})

    async def _send(self, method: str, params: dict[str, Any]) -> None:
        await self._transmit({"jsonrpc": "2.0", "method": method, "params": params})

    async def _transmit(self, message: dict[str, Any]) -> None:
        """Sends one frame. Backpressure ends here: a client that does not read is cut and loses nothing."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        try:
            async with self._sending, asyncio.timeout(SEND_S):
                await self._socket.send_text(text)
        except TimeoutError:
            with suppress(RuntimeError, TimeoutError):  # the close frame needs room too; the keepalive is the last word
                async with asyncio.timeout(SEND_S):
                    await self._socket.close(TOO_SLOW)
            raise
        except RuntimeError as error:  # closed while this frame waited
            raise WebSocketDisconnect from error


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("a connection's task failed", exc_info=failure)
