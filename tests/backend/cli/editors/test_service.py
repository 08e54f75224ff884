"""The server of a command that stays open is looked for again when it is gone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.cli.client import Client
from backend.cli.editors import service
from backend.cli.editors.service import Service
from backend.cli.errors import NO_INDEX, CommandFailed
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

pytestmark = pytest.mark.process


def on_servers(monkeypatch: pytest.MonkeyPatch, opened: list[World]) -> list[str]:
    """The service finds the last of these servers. Returns the URLs that it has connected to."""
    found: list[str] = []

    @contextmanager
    def open_client(_: object) -> Iterator[Client]:
        found.append(opened[-1].url)
        client = Client(opened[-1].url, opened[-1].token)
        yield client
        client.close()

    monkeypatch.setattr(service, "open_client", open_client)
    monkeypatch.setattr(service, "command_settings", lambda: None)
    return found


async def test_a_call_finds_the_next_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[World] = []
    found, own = on_servers(monkeypatch, worlds), Service()
    async with running(tmp_path, ScriptedEngine()) as first:
        worlds.append(first)
        assert (await own.call("GET", "/codebases"))["codebases"] == []
        assert await (await own.socket()).call("ping") == {}
    async with running(tmp_path, ScriptedEngine()) as second:
        worlds.append(second)
        assert (await own.call("GET", "/codebases"))["codebases"] == []
        assert await (await own.socket()).call("ping") == {}
        await own.close()
    assert found == [first.url, second.url]


async def test_a_socket_finds_the_next_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds: list[World] = []
    found, own = on_servers(monkeypatch, worlds), Service()
    async with running(tmp_path, ScriptedEngine()) as first:
        worlds.append(first)
        sockets = await asyncio.gather(own.socket(), own.socket())
        assert sockets[0] is sockets[1]
    async with running(tmp_path, ScriptedEngine()) as second:
        worlds.append(second)
        assert await (await own.socket()).call("ping") == {}
        await own.close()
    assert found == [first.url, second.url]


async def test_an_error_of_a_call_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        found, own = on_servers(monkeypatch, [world]), Service()
        with pytest.raises(CommandFailed, match="no session x"):
            await own.call("GET", "/chat/session/x")
        with pytest.raises(CommandFailed, match="run `lantern index") as failed:
            await own.codebase_at(tmp_path)
        await own.close()
    assert failed.value.code == NO_INDEX
    assert found == [world.url]
