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

from backend import conversations, schemas
from backend.config import VERSION
from backend.errors import Refusal, translate
from backend.events import REPLAY, check_replay
from backend.guard import FRAME_BYTES, Rules, bearer
from backend.rag import Question
from backend.retrieval import describe
from backend.wiring import Parts

log = logging.getLogger(__name__)

PROTOCOL = "lantern.v1"
NOT_OUR_PROTOCOL, BAD_TOKEN, TOO_SLOW, TOO_MANY = 4400, 4401, 4408, 4429
CONNECTIONS = 64
REQUESTS = 32  # of one connection at once
SEND_S = 20.0  # a client that takes no frame for so long is cut; it may resume

Reply = Callable[[dict[str, Any]], Awaitable[None]]
Handler = Callable[[Any, Reply], Awaitable[None]]


class Sockets:
    """All open connections of a server."""

    def __init__(self, parts: Parts, rules: Rules) -> None:
        self._parts, self._rules = parts, rules
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
    """One client."""

    def __init__(self, websocket: WebSocket, parts: Parts) -> None:
        self._socket, self._parts = websocket, parts
        self._sending = asyncio.Lock()
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._methods: dict[str, tuple[type[BaseModel], Handler]] = {
            "initialize": (schemas.Initialize, self._initialize),
            "session/open": (schemas.SessionOpen, self._open),
            "session/prompt": (schemas.SessionPrompt, self._prompt),
            "session/cancel": (schemas.SessionCancel, self._cancel),
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
                if frame.get("text") is None:
                    await self._answer(None, error=Refusal("invalid", "send text frames"))
                elif len(self._requests) >= REQUESTS:
                    await self._answer(None, error=Refusal("rate_limited", f"{REQUESTS} requests are open", 100))
                else:
                    self._start(self._take(frame["text"]), self._requests)
        except (WebSocketDisconnect, TimeoutError):
            return
        finally:
            tasks = [*self._pumps.values(), *self._requests]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def closing(self, after_ms: int) -> None:
        with suppress(WebSocketDisconnect, TimeoutError):
            for session in self._pumps:
                await self._send("event", {"session": session, "type": "closing", "after_ms": after_ms})

    # --- requests ---

    async def _take(self, text: str) -> None:
        """Answers one frame."""
        id_, wants_answer = None, True

        async def reply(result: dict[str, Any]) -> None:
            if wants_answer:
                await self._answer(id_, result=result)

        try:
            request = _parsed(text)
            id_, wants_answer = request.get("id"), "id" in request
            params_type, handler = self._methods.get(request["method"], (None, None))
            if params_type is None or handler is None:
                raise Refusal("unknown_method", f"no method {request['method']}")
            await handler(_params(params_type, request.get("params")), reply)
        except (WebSocketDisconnect, TimeoutError):
            return
        except Exception as failure:  # the edge of the socket
            refusal = translate(failure)
            if refusal is None:
                log.exception("a request failed")
                refusal = Refusal("internal", "an unexpected error; the server's log has the details")
            if wants_answer:
                await self._answer(id_, error=refusal)

    async def _initialize(self, _: schemas.Initialize, reply: Reply) -> None:
        parts = self._parts
        known = await asyncio.to_thread(parts.retrieval.codebases.all)
        facts = {
            "server": {"name": "lantern", "version": VERSION},
            "epoch": parts.epoch,
            "models": await asyncio.to_thread(parts.engines.states),
            "limits": {
                "frame": FRAME_BYTES,
                "prompt": schemas.PROMPT_CHARS,
                "queue": parts.settings.queue_limit,
                "grace_ms": parts.settings.grace_ms,
                "replay": REPLAY,
            },
            "codebases": [describe(info) for info in known],
        }
        await reply(facts)

    async def _open(self, params: schemas.SessionOpen, reply: Reply) -> None:
        row = await self._parts.database.write(
            lambda db: conversations.open_session(db, params.session, params.workspace, params.model)
        )
        after = row.head if params.after is None else params.after
        check_replay(row, after)
        await reply({"session": row.id, "head": row.head, "epoch": self._parts.epoch})
        self._pump(row.id, after)

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
        )
        accepted = await self._parts.turns.accept(question)
        await reply({"turn": accepted.turn, "conversation": accepted.conversation, "position": accepted.position})

    async def _cancel(self, params: schemas.SessionCancel, reply: Reply) -> None:
        await self._parts.database.read(lambda db: conversations.require_session(db, params.session))
        await reply({})  # at once: the end follows as an event
        await self._parts.turns.cancel(params.session, params.turn)

    async def _search(self, params: schemas.Search, reply: Reply) -> None:
        find = self._parts.retrieval.find
        found = await asyncio.to_thread(find, params.query, params.codebase, params.limit, params.paths)
        await reply({"hits": found["hits"], "generation": found["generation"]})

    async def _ping(self, _: schemas.Nothing, reply: Reply) -> None:
        await reply({})

    # --- frames out ---

    def _pump(self, session: str, after: int) -> None:
        """Starts sending the session's log from `after` on, in place of what was sent before."""
        if session in self._pumps:
            self._pumps.pop(session).cancel()

        async def pump() -> None:
            async with aclosing(self._parts.turns.watch(session, after)) as events:
                async for event in events:
                    await self._send("event", event.wire)

        self._pumps[session] = asyncio.create_task(pump(), name=f"pump {session}")
        self._pumps[session].add_done_callback(_swallow_disconnect)

    async def _answer(self, id_: Any, *, result: Any = None, error: Refusal | None = None) -> None:
        body = {"error": error.rpc} if error is not None else {"result": result}
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
            with suppress(RuntimeError):
                await self._socket.close(TOO_SLOW)
            raise
        except RuntimeError as error:  # closed while this frame waited
            raise WebSocketDisconnect from error

    def _start(self, work: Awaitable[None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(_swallow_disconnect)


def _parsed(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("parse", f"not JSON: {error}") from None
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        raise Refusal("invalid", 'not a JSON-RPC 2.0 request: {"jsonrpc":"2.0","id":1,"method":...}')
    return request


def _params(kind: type[BaseModel], given: Any) -> BaseModel:
    try:
        return kind.model_validate({} if given is None else given)
    except ValidationError as error:
        raise Refusal("bad_params", readable(error)) from None


def readable(error: ValidationError) -> str:
    """The problems of a validation in one line."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in error.errors())


def _swallow_disconnect(task: "asyncio.Future[None]") -> None:
    """A client that left is no failure; anything else is logged."""
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not isinstance(failure, WebSocketDisconnect | TimeoutError):
        log.error("a connection's task failed", exc_info=failure)
