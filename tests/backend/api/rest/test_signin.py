"""A browser signs in with a one-use code, from the server's own origin only."""

from pathlib import Path

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

pytestmark = pytest.mark.process

NO_TOKEN = {"Authorization": ""}


async def exchange(world: World, code: str, **headers: str) -> tuple[int, dict[str, object]]:
    answer = await world.http.post("/signin", json={"code": code}, headers=NO_TOKEN | headers)
    return answer.status_code, answer.json()


async def test_a_code_is_exchanged_for_the_token_once(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        made = (await world.post("/signin/codes")).json()
        assert made["expires_s"] == 600
        assert await exchange(world, made["code"], Origin=world.url) == (200, {"token": world.token})
        status, body = await exchange(world, made["code"])
        assert (status, body["error"]["code"]) == (401, "unauthorized")  # type: ignore[index]


async def test_a_code_is_made_with_the_token_only(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        answer = await world.http.post("/signin/codes", json={}, headers=NO_TOKEN)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


async def test_origin_host_and_content_type_are_checked(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        code = (await world.post("/signin/codes")).json()["code"]
        assert (await exchange(world, code, Origin="http://evil.example"))[0] == 403
        assert (await exchange(world, code, Host="evil.example"))[0] == 421
        form = {"Content-Type": "text/plain"}
        answer = await world.http.post("/signin", content=f'{{"code":"{code}"}}', headers=NO_TOKEN | form)
        assert answer.status_code == 415
        assert (await exchange(world, code))[0] == 200  # none of them used it up


async def test_wrong_codes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.signin._WRONG_TRIES_S", 1000.0)
    async with running(tmp_path, ScriptedEngine()) as world:
        answers = [await exchange(world, "0" * 32) for _ in range(6)]
    assert [status for status, _ in answers] == [*[401] * 5, 429]
    assert answers[5][1]["error"]["code"] == "rate_limited"  # type: ignore[index]
