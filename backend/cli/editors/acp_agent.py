"""The methods of `lantern acp`. An ACP session is a session of Lantern with one conversation.

The agent reads code and answers. It never edits, runs commands, or asks the editor for files or permissions.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION
from acp.helpers import ContentBlock, SessionUpdate, start_tool_call, update_tool_call
from acp.interfaces import Client as Editor
from acp.schema import (
    AgentCapabilities,
    Implementation,
    InitializeResponse,
    ListSessionsResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    SessionCapabilities,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SessionInfo,
    SessionListCapabilities,
    SetSessionConfigOptionResponse,
)

from backend.cli.client import ServerLost, command_failed
from backend.cli.editors.acp_errors import existing_folder, invalid_params, no_session, translated
from backend.cli.editors.acp_updates import STOP_REASONS, TurnView, index_title, read_prompt, replay
from backend.cli.editors.service import Service
from backend.cli.errors import NO_INDEX, CommandFailed
from backend.config import VERSION
from prompts.visible import one_line

POLL_S = 0.2  # of an index job
RECONNECTS = 3  # during one answer
PAGE = 50  # sessions of one `session/list`
USABLE = ("installed", "loading", "loaded")


@dataclass(slots=True, eq=False)
class RunningPrompt:
    """A prompt that is not answered yet."""

    turn: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_cancelled: bool = False


@dataclass(slots=True)
class AgentSession:
    """One conversation of an editor."""

    id: str
    cwd: Path
    root: Path  # of its codebase
    model: str = ""
    conversation: str | None = None
    head: int = 0  # the number of the last event that was received
    prompts: set[RunningPrompt] = field(default_factory=set)


class LanternAgent:
    """The methods of the protocol, by the names of the SDK."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sessions: dict[str, AgentSession] = {}
        self._editor: Editor | None = None
        self._starting: asyncio.Task[Any] | None = None

    def on_connect(self, conn: Editor) -> None:
        self._editor = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        """Answers at once; the server is looked for or started meanwhile."""
        self._starting = asyncio.create_task(self._start_early())
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_info=Implementation(name="lantern", title="Lantern", version=VERSION),
            agent_capabilities=AgentCapabilities(
                load_session=True,
                prompt_capabilities=PromptCapabilities(embedded_context=True, image=False, audio=False),
                session_capabilities=SessionCapabilities(list=SessionListCapabilities()),
            ),
            auth_methods=[],
        )

    @translated
    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        """A session on the codebase of `cwd`, which begins to be indexed if it is not."""
        folder = existing_folder(cwd)
        opened = await (await self._service.socket()).call("session/open", workspace=str(folder))
        session = AgentSession(opened["session"], folder, folder)
        self._sessions[session.id] = session
        with suppress(CommandFailed):  # the prompt reports it
            await self._open_codebase(session)
        return NewSessionResponse(session_id=session.id, config_options=await self._options(session))

    @translated
    async def load_session(self, cwd: str, session_id: str, **_: Any) -> LoadSessionResponse:
        """Sends a stored conversation again."""
        folder = existing_folder(cwd)
        try:
            stored = await self._service.call("GET", f"/chat/session/{session_id}")
            used = await self._service.call("GET", f"/chat/session/{session_id}/conversations", limit=1)
        except ServerLost:
            raise
        except CommandFailed:
            raise no_session(session_id, "begin a new one") from None
        opened = await (await self._service.socket()).call("session/open", session=session_id, workspace=str(folder))
        session = AgentSession(session_id, folder, folder, stored["model"] or "", head=opened["head"])
        self._sessions[session_id] = session
        with suppress(CommandFailed):
            await self._open_codebase(session)
        if used["conversations"]:
            session.conversation = used["conversations"][0]["conversation_id"]
            whole = await self._service.call("GET", f"/chat/conversation/{session.conversation}")
            for update in replay(whole["messages"], session.root, session_id):
                await self._send(session, update)
        return LoadSessionResponse(config_options=await self._options(session))

    @translated
    async def list_sessions(self, cwd: str | None = None, cursor: str | None = None, **_: Any) -> ListSessionsResponse:
        """The conversations that began in a folder, the last used first."""
        offset = int(cursor) if cursor and cursor.isdecimal() else 0
        folder = None if cwd is None else str(await asyncio.to_thread(Path(cwd).resolve))  # as stored
        page = await self._service.call("GET", "/chat/conversations", limit=PAGE, offset=offset)
        rows = page["conversations"]
        newest = {
            row["session_id"]: row for row in reversed(rows) if row["workspace"] and folder in (None, row["workspace"])
        }
        sessions = [
            SessionInfo(
                session_id=row["session_id"],
                cwd=row["workspace"],
                title=one_line(row["title"]),
                updated_at=row["last_updated"],
            )
            for row in reversed(newest.values())
        ]
        last = offset + len(rows)
        return ListSessionsResponse(sessions=sessions, next_cursor=str(last) if last < page["total_count"] else None)

    @translated
    async def set_config_option(
        self, config_id: str, session_id: str, value: str | bool, **_: Any
    ) -> SetSessionConfigOptionResponse:
        """Chooses the model of the next answers."""
        session = self._require(session_id)
        (option,) = await self._options(session)
        if config_id != option.id or value not in [choice.value for choice in option.options]:
            raise invalid_params(f"no model {value!a} is installed: `lantern models list` shows the models")
        session.model = str(value)
        await (await self._service.socket()).call("session/open", session=session_id, model=session.model)
        return SetSessionConfigOptionResponse(config_options=await self._options(session))

    @translated
    async def prompt(self, session_id: str, prompt: list[ContentBlock], **_: Any) -> PromptResponse:
        """Answers a question."""
        session = self._require(session_id)
        try:
            content = read_prompt(prompt)
        except ValueError as unreadable:
            raise invalid_params(str(unreadable)) from None
        if not content.text:
            raise invalid_params("the question is empty")
        running = RunningPrompt()
        session.prompts.add(running)
        try:
            job = await self._open_codebase(session)
            if job is not None:
                await self._wait_for_index(session, running, job)
            if running.is_cancelled:
                return PromptResponse(stop_reason="cancelled")
            end = await self._answer(session, running, {"text": content.text, "context": content.context})
        finally:
            session.prompts.discard(running)
        if error := end.get("error"):
            raise command_failed(error)
        return PromptResponse(stop_reason=STOP_REASONS[end["reason"]], field_meta={"lantern": _meta(end)})

    @translated
    async def cancel(self, session_id: str, **_: Any) -> None:
        """Stops every answer of the session; their texts so far are kept."""
        session = self._require(session_id)
        stopped = list(session.prompts)
        for running in stopped:
            running.is_cancelled = True
        for running in stopped:
            await self._stop(session, running)

    async def _answer(self, session: AgentSession, running: RunningPrompt, asked: dict[str, Any]) -> dict[str, Any]:
        """Asks and shows the answer. Returns the event that ends the turn."""
        question = {"session": session.id, "turn": running.turn, **asked}
        question |= {"conversation": session.conversation, "model": session.model or None}
        view = TurnView(running.turn, session.root)
        end: dict[str, Any] = {}
        async with aclosing(self._events(session, running, question)) as events:
            async for event in events:
                for update in view.updates(event):
                    await self._send(session, update)
                end = event
        return end

    async def _events(
        self, session: AgentSession, running: RunningPrompt, question: dict[str, Any]
    ) -> AsyncGenerator[dict[str, Any]]:
        """The events of one turn. The same turn is asked for again on a new connection if one is lost."""
        after = None
        for tries_left in range(RECONNECTS, -1, -1):
            socket = await self._service.socket()
            try:
                with socket.following(running.turn) as kept:
                    opened = await socket.call("session/open", session=session.id, after=after)
                    session.head = opened["head"] if after is None else after
                    async with aclosing(socket.ask(kept, **question)) as events:
                        async for event in events:
                            session.head = event.get("seq", session.head)
                            if event["type"] == "accepted":
                                session.conversation = event["conversation"]
                                if running.is_cancelled:
                                    await self._stop(session, running)
                            yield event
                return
            except ServerLost:
                if not tries_left:
                    raise
                after = session.head

    async def _open_codebase(self, session: AgentSession) -> dict[str, Any] | None:
        """Finds the codebase of the session. If there is none, starts to index its folder and returns the job."""
        try:
            codebase = await self._service.codebase_at(session.cwd)
        except CommandFailed as failure:
            if failure.code != NO_INDEX:
                raise
        else:
            session.root = Path(codebase["root"])
            return None
        if Path.home().resolve().is_relative_to(session.cwd):
            raise CommandFailed(
                f"{session.cwd} contains your home folder, and is too much to index: open the folder of a project"
            )
        job: dict[str, Any] = await self._service.call("POST", "/index", {"path": str(session.cwd)})
        session.root = Path(job["root"])
        return job

    async def _wait_for_index(self, session: AgentSession, running: RunningPrompt, job: dict[str, Any]) -> None:
        """Shows an index job until it has ended, or the prompt is cancelled; then the job goes on."""
        shown, title = f"index.{job['job_id']}.{uuid.uuid4().hex}", index_title(job)
        await self._send(session, start_tool_call(shown, title, kind="other", status="in_progress"))
        while job["state"] in ("queued", "running") and not running.is_cancelled:
            await asyncio.sleep(POLL_S)
            job = await self._service.call("GET", f"/index/jobs/{job['job_id']}")
            if title != (title := index_title(job)):
                await self._send(session, update_tool_call(shown, kind="other", title=title))
        status = "failed" if "error" in job else "completed"
        await self._send(session, update_tool_call(shown, kind="other", status=status))  # type: ignore[arg-type]
        if "error" in job:
            raise CommandFailed(job["error"]["message"])

    async def _options(self, session: AgentSession) -> list[SessionConfigOptionSelect]:
        """The choice of the model, among those that can answer now."""
        models = (await self._service.call("GET", "/models"))["models"]
        current = session.model or (await self._service.call("GET", "/health"))["model"]["name"]
        names = dict.fromkeys([current, *(model["id"] for model in models if model["state"] in USABLE)])
        choices = [SessionConfigSelectOption(value=name, name=one_line(name)) for name in names]
        option = SessionConfigOptionSelect(
            id="model", name="Model", category="model", type="select", current_value=current, options=choices
        )
        return [option]

    async def _start_early(self) -> None:
        with suppress(Exception):  # the first request reports it
            await self._service.socket()

    async def _stop(self, session: AgentSession, running: RunningPrompt) -> None:
        with suppress(CommandFailed):  # without a connection, `_events` finds out by itself
            await (await self._service.socket()).call("session/cancel", session=session.id, turn=running.turn)

    async def _send(self, session: AgentSession, update: SessionUpdate) -> None:
        assert self._editor is not None
        await self._editor.session_update(session.id, update)

    def _require(self, session_id: str) -> AgentSession:
        session = self._sessions.get(session_id)
        if session is None:
            raise no_session(session_id, "load it, or begin a new one")
        return session


def _meta(end: dict[str, Any]) -> dict[str, Any]:
    return {name: end[name] for name in ("model", "usage", "ms", "grounding", "notice") if name in end}
