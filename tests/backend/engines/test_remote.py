"""The server behind ENGINE_URL: found, lost, changed, and what it is sent."""

from pathlib import Path
from typing import Any

import pytest

from tests.backend.engines.harness import PROJECT, SIMPLE, ask
from tests.backend.harness import running
from tests.models.remote.harness import Call, fake_server, honest

pytestmark = pytest.mark.process


async def test_auto_uses_the_server_of_engine_url_and_does_without_it_if_it_is_down(tmp_path: Path) -> None:
    async with fake_server(honest) as server:
        async with running(tmp_path, model_name="auto", engine_url=server.url) as world:
            answer = await ask(world, PROJECT, max_tokens=2)
            listed = next(m for m in (await world.get("/models")).json()["models"] if m["id"] == "remote")
        url = server.url
    async with running(tmp_path, model_name="auto", engine_url=url) as world:
        without = await ask(world, PROJECT)
        named = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off", "model": "remote"})
    assert (answer["model_name"], answer["response"]) == ("tiny", "word0 word1 ")
    assert (listed["state"], listed["context"]) == ("loaded", 4096)
    assert without["model_name"] == "extractive"
    assert "does not answer: start it, or set ENGINE_URL" in without["notice"]
    assert (named.status_code, named.json()["error"]["code"]) == (503, "model_unavailable")


async def test_a_server_that_changed_its_model_is_connected_again(tmp_path: Path) -> None:
    serves = ["old"]

    async def one_model(call: Call) -> None:
        if call.path == "/v1/models":
            await call.answer(200, {"data": [{"id": serves[-1]}]})
        elif call.body["model"] != serves[-1]:
            await call.answer(404, {"error": {"message": "no such model"}})
        else:
            await honest(call)

    options: dict[str, Any] = {"model_name": "remote", "context_length": 2048}
    async with fake_server(one_model) as server, running(tmp_path, engine_url=server.url, **options) as world:
        before = await ask(world, SIMPLE, max_tokens=2)
        serves.append("new")
        refused = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off"})
        after = await ask(world, SIMPLE, max_tokens=2)
        listed = next(m for m in (await world.get("/models")).json()["models"] if m["id"] == "remote")
    assert (before["model_name"], after["model_name"]) == ("old", "new")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable")
    assert listed["context"] == 2048  # as the owner says: this server does not


async def test_a_server_gets_the_stops_of_the_request_and_none_of_a_local_format(tmp_path: Path) -> None:
    async with fake_server(honest) as server, running(tmp_path, model_name="remote", engine_url=server.url) as world:
        await ask(world, SIMPLE, max_tokens=2)
        body = {"messages": [{"role": "user", "content": SIMPLE}], "max_tokens": 2}
        await world.post("/v1/chat/completions", body)
        await world.post("/v1/chat/completions", body | {"stop": ["\nUser:", "###"]})
        sent = [call.body for call in server.calls if call.path == "/v1/chat/completions"]
    assert [body.get("stop") for body in sent] == [None, None, ["\nUser:", "###"]]
