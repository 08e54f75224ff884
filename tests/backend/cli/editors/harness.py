"""The agent of `lantern acp` on a server in the test process, and an editor that keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from backend.cli.client import Client
from backend.cli.editors import service
from backend.cli.editors.acp_agent import LanternAgent
from backend.cli.editors.service import Service
from tests.backend.harness import World


class Editor:
    """The editor's side of a connection."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self._has_changed = asyncio.Event()

    async def session_update(self, session_id: str, update: Any) -> None:
        self.updates.append(update.model_dump(mode="json", by_alias=True, exclude_none=True))
        self._has_changed.set()

    async def until(self, is_there: Callable[[], object]) -> None:
        """Waits for an update after which this holds."""
        async with asyncio.timeout(20):
            while not is_there():
                self._has_changed.clear()
                await self._has_changed.wait()

    @property
    def text(self) -> str:
        return "".join(
            update["content"]["text"] for update in self.updates if update["sessionUpdate"] == "agent_message_chunk"
        )

    @property
    def titles(self) -> list[str]:
        return [update["title"] for update in self.updates if "title" in update]


@contextmanager
def reached(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose server is this world."""

    @contextmanager
    def open_client(_: object) -> Iterator[Client]:
        client = Client(world.url, world.token)
        yield client
        client.close()

    monkeypatch.setattr(service, "open_client", open_client)
    monkeypatch.setattr(service, "command_settings", lambda: None)
    yield Service()


@asynccontextmanager
async def agent_on(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LanternAgent, Editor]]:
    with reached(world, monkeypatch) as found:
        agent, editor = LanternAgent(found), Editor()
        agent.on_connect(editor)  # type: ignore[arg-type]
        try:
            yield agent, editor
        finally:
            await found.close()
