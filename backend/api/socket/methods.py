"""The methods of the socket (`session/open`, `search`, ...). Knows services, not frames and not JSON-RPC."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from backend.api import schemas
from backend.api.security import FRAME_BYTES
from backend.api.socket.frames import EventPumps
from backend.api.socket.messages import Initialized, PromptAccepted, SessionOpened
from backend.chat.completion import complete
from backend.config import VERSION
from backend.db import conversations
from backend.db.events import REPLAY, check_replay
from backend.errors import ApiError
from backend.indexing.retrieval import QUESTION_CHARS
from backend.services import Services

Reply = Callable[[Mapping[str, Any]], Awaitable[None]]
Handler = Callable[[Any, Reply], Awaitable[None]]


class Methods:
    """The methods, for one connection. A handler replies once, with the result; it may go on working after that."""

    def __init__(self, services: Services, pumps: EventPumps) -> None:
        self._services, self._pumps = services, pumps
        self._completion: asyncio.Task[dict[str, str]] | None = None
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

    def resolve(self, method: object, params: object) -> tuple[Handler, BaseModel]:
        """The handler of a request and its checked parameters. Raises `ApiError` if there is none or they are bad."""
        if not isinstance(method, str):
            raise ApiError("invalid", "a request needs a method")
        if method not in self._methods:
            raise ApiError("unknown_method", f"no method {method!a}")
        schema, handler = self._methods[method]
        try:
            return handler, schema.model_validate(params or {})
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, e['loc'])) or 'params'}: {e['msg']}" for e in error.errors())
            raise ApiError("bad_params", "; ".join(problems)) from None

    async def _initialize(self, _: schemas.Initialize, reply: Reply) -> None:
        services = self._services
        models: Any = await asyncio.to_thread(services.engines.states)
        codebases: Any = await asyncio.to_thread(services.indexes.summaries)
        server: Initialized = {
            "server": {"name": "lantern", "version": VERSION},
            "epoch": services.epoch,
            "models": models,
            "limits": {
                "frame": FRAME_BYTES,
                "prompt": QUESTION_CHARS,
                "queue": services.settings.queue_limit,
                "grace_ms": services.settings.grace_ms,
                "replay": REPLAY,
            },
            "codebases": codebases,
        }
        await reply(server)

    async def _open(self, params: schemas.SessionOpen, reply: Reply) -> None:
        services = self._services
        row = await services.database.write(
            lambda db: conversations.open_session(db, params.session, params.workspace, params.model)
        )
        after = row.head if params.after is None else params.after
        check_replay(row, after)
        continues = row.id in self._pumps and params.after is None  # its events go on from where they are
        if not continues:
            await self._pumps.stop(row.id)
        opened: SessionOpened = {"session": row.id, "head": row.head, "epoch": services.epoch}
        await reply(opened)
        if not continues:
            self._pumps.start(row.id, after)
        if row.model:
            services.engines.preload(row.model)
        services.prefetcher.read(row.id, "")  # the conversation may have to be restored from a snapshot
        if row.workspace:
            await asyncio.to_thread(services.retrieval.opened, row.workspace)

    async def _prompt(self, params: schemas.SessionPrompt, reply: Reply) -> None:
        services = self._services
        if params.session not in self._pumps:  # a client that did not open the session gets its answer all the same
            row = await services.database.read(lambda db: conversations.require_session(db, params.session))
            self._pumps.start(row.id, row.head)
        services.prefetcher.drop(params.session)
        turn = await services.turns.accept(params.question)
        accepted: PromptAccepted = {
            "turn": turn.turn_id,
            "conversation": turn.conversation,
            "position": turn.position,
        }
        await reply(accepted)

    async def _prefetch(self, params: schemas.SessionPrefetch, reply: Reply) -> None:
        await self._services.database.read(lambda db: conversations.require_session(db, params.session))
        self._services.prefetcher.read(params.session, params.text)
        await reply({})

    async def _complete(self, params: schemas.Complete, reply: Reply) -> None:
        if self._completion is not None:
            self._completion.cancel()
        services = self._services
        work = complete(services.engines, services.metrics, params.prefix, params.suffix, params.max_tokens)
        self._completion = task = asyncio.create_task(work)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        if task.cancelled():
            raise ApiError("cancelled", "a newer completion request replaced this one")
        await reply(task.result())

    async def _cancel(self, params: schemas.SessionCancel, reply: Reply) -> None:
        await self._services.database.read(lambda db: conversations.require_session(db, params.session))
        self._services.turns.stop(params.session, params.turn)
        await reply({})  # at once: the end follows as an event

    async def _search(self, params: schemas.Search, reply: Reply) -> None:
        find = self._services.retrieval.find
        found = await asyncio.to_thread(find, params.query, params.codebase, params.limit, params.paths)
        await reply({name: found[name] for name in ("hits", "found", "generation")})

    async def _ping(self, _: schemas.Nothing, reply: Reply) -> None:
        await reply({})
