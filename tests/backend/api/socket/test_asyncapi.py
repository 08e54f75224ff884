"""The AsyncAPI document is valid by the published schema, and has every method with its models."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from backend.api.socket.asyncapi import METHODS, document
from backend.api.socket.frames import FrameWriter
from backend.api.socket.methods import Methods
from models.scripted import ScriptedEngine
from tests.backend.frames import FrameError
from tests.backend.harness import Socket, running

# `schemas/3.1.0-without-$id.json` of the npm package @asyncapi/specs 6.11.1, Apache-2.0 (asyncapi-LICENSE).
SCHEMA = json.loads(Path(__file__).with_name("asyncapi-3.1.0.json").read_text("utf-8"))


def problems(served: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(served)]


def test_the_document_is_valid() -> None:
    assert problems(document()) == []


def test_the_schema_rejects_what_is_not() -> None:
    assert problems(document() | {"asyncapi": "3.2.0"}) != []
    assert problems(document() | {"operations": {"ask": {"action": "ask"}}}) != []


def test_every_reference_leads_to_something() -> None:
    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [ref for value in part.values() for ref in references(value)]
        return [ref for value in part for ref in references(value)] if isinstance(part, list) else []

    found = references(document())
    assert len(found) > 50
    for reference in found:
        part = document()
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_the_methods_are_those_of_the_socket() -> None:
    services: Any = SimpleNamespace()
    handled = Methods(services, services)._methods
    assert {name: params for name, (params, _) in handled.items()} == {
        name: params for name, (params, _, _) in METHODS.items()
    }
    assert document()["operations"].keys() == {name.replace("/", ".") for name in METHODS} | {"event"}


@pytest.mark.parametrize("name", ["session.prompt.request", "event.end", "error"])
def test_a_message_says_what_its_frame_holds(name: str) -> None:
    payload = document()["components"]["messages"][name]["payload"]
    assert payload["properties"]["jsonrpc"] == {"const": "2.0"}
    assert payload["required"][0] == "jsonrpc"


@pytest.mark.process
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"position": 0}, "'turn' is a required property"),
        ({"turn": 1, "conversation": "c", "position": 0}, "1 is not of type 'string'"),
        ({"turn": "t", "conversation": "c", "position": 0, "extra": 1}, "'extra' was unexpected"),
    ],
)
async def test_a_wrong_result_fails_the_test_that_receives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], problem: str
) -> None:
    async def answered(writer: FrameWriter, id_: Any, _: dict[str, Any]) -> None:
        await writer._write({"jsonrpc": "2.0", "id": id_, "result": wrong})

    monkeypatch.setattr(FrameWriter, "reply", answered)
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        with pytest.raises(FrameError, match=re.escape(problem)):
            await socket.call("session/prompt", session="s", turn="t", text="?")


async def answered(socket: Socket, session: str) -> None:
    await socket.call("session/prompt", session=session, turn="t", text="?")
    await socket.until("end")


@pytest.mark.process
async def test_a_wrong_event_fails_the_test_that_receives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = FrameWriter.event

    async def renamed(writer: FrameWriter, params: dict[str, Any]) -> None:
        await event(writer, {("words" if name == "text" else name): value for name, value in params.items()})

    monkeypatch.setattr(FrameWriter, "event", renamed)
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        with pytest.raises(FrameError, match="'words' was unexpected"):
            await answered(socket, session)


@pytest.mark.process
async def test_a_field_that_no_request_has_fails_the_test_that_sends_it(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        with pytest.raises(FrameError, match="'sesion' was unexpected"):
            await socket.call("session/open", sesion="s")


@pytest.mark.process
async def test_the_document_is_served(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        served = await world.get("/asyncapi.json")
    assert served.json() == document()
