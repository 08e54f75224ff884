"""Nobody gets in: exact hosts and origins, the token, JSON, bounded bodies."""

import asyncio
import http.client
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from backend.api.security import rules
from backend.config import BadSetting, load_settings
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process

EVIL_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example:{port}",
    "localhost",
    "127.0.0.1:1",
    "localhost:{port}.evil.example",
    "",
]
EVIL_ORIGINS = [
    "http://evil.example",
    "null",
    "http://localhost",
    "https://localhost:{port}",
    "http://127.0.0.1:{port}.x",
]


@pytest.mark.parametrize("host", EVIL_HOSTS)
@pytest.mark.parametrize("path", ["/health", "/models"])
async def test_a_foreign_host_is_misdirected(tmp_path: Path, host: str, path: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        port = world.url.rpartition(":")[2]
        answer = await world.http.get(path, headers={"Host": host.format(port=port)})
    assert answer.status_code == 421


@pytest.mark.parametrize("origin", EVIL_ORIGINS)
async def test_a_foreign_origin_is_forbidden_on_http_and_sockets(tmp_path: Path, origin: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        origin = origin.format(port=world.url.rpartition(":")[2])
        answer = await world.http.get("/models", headers={"Origin": origin})
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                world.url.replace("http", "ws", 1) + "/v1/ws",
                subprotocols=["lantern.v1", f"token.{world.token}"],  # type: ignore[list-item]
                additional_headers={"Origin": origin},
                proxy=None,
            )
    assert answer.status_code == 403
    assert refused.value.response.status_code == 403


async def test_a_rebound_name_is_misdirected_on_sockets_too(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        host, _, port = world.url.removeprefix("http://").partition(":")
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                f"ws://evil.example:{port}/v1/ws",
                host=host,
                port=int(port),
                subprotocols=["lantern.v1", f"token.{world.token}"],  # type: ignore[list-item]
                proxy=None,
            )
    assert refused.value.response.status_code == 421


async def test_own_and_listed_origins_are_let_in(tmp_path: Path) -> None:
    async with running(
        tmp_path, ScriptedEngine(), allowed_origins="vscode-webview://abc, https://ide.example/"
    ) as world:
        for origin in (world.url, "vscode-webview://abc", "https://ide.example"):
            assert (await world.http.get("/models", headers={"Origin": origin})).status_code == 200


async def test_everything_but_health_and_signing_in_wants_the_token(tmp_path: Path) -> None:
    without = ("/health", "/signin")
    async with running(tmp_path, ScriptedEngine()) as world:
        paths = (await world.get("/openapi.json")).json()["paths"]
        calls = [(method, path) for path, methods in paths.items() for method in methods if path not in without]
        calls += [("get", "/docs"), ("get", "/openapi.json"), ("get", "/nothing-here")]
        for sent in ("", "Bearer wrong", f"Basic {world.token}", "Bearer \u00e9"):
            for method, path in calls:
                headers = {b"Authorization": sent.encode("latin-1")}
                answer = await world.http.request(method, path, headers=headers, json={})
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized"), (method, path)
        assert (await world.http.get("/health", headers={"Authorization": ""})).status_code == 200
    assert len(calls) > 15


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_is_not_json_is_refused(tmp_path: Path, content: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        answer = await world.http.post("/chat/query", content=b'{"query": "x"}', headers={"Content-Type": content})
    assert answer.status_code == 415


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_beyond_the_limit_is_refused(tmp_path: Path, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    body: Any = b"x" * ((1 << 20) + 1) if declared else chunks()
    async with running(tmp_path, ScriptedEngine()) as world:
        answer = await world.http.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "context_too_large")


async def test_the_token_and_the_lock_are_their_owners_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running(folder, ScriptedEngine()) as world:
        modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in ("token", "server.json")}
        assert len(world.token) >= 32
    assert modes == {"token": 0o600, "server.json": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_request_without_a_host_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        host, _, port = world.url.removeprefix("http://").partition(":")

        def without_host() -> int:
            with closing(http.client.HTTPConnection(host, int(port), timeout=5)) as connection:
                connection.putrequest("GET", "/health", skip_host=True)
                connection.endheaders()
                with connection.getresponse() as answer:
                    return answer.status

        assert await asyncio.to_thread(without_host) in (400, 421)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com"])
def test_listening_beyond_loopback_needs_an_explicit_word(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadSetting, match=r"^HOST: .*ALLOW_REMOTE=1"):
        load_settings(data_dir=tmp_path, host=host)
    assert load_settings(data_dir=tmp_path, host=host, allow_remote=True).host == host


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("192.168.1.2:8000", True),
        ("[fe80::1]:8000", True),
        ("evil.example:8000", False),
        ("192.168.1.2.evil:8000", False),
    ],
)
def test_beyond_loopback_an_address_is_a_fine_host_and_a_foreign_name_is_not(host: str, allowed: bool) -> None:
    assert rules("t", "0.0.0.0", 8000, True, []).allows_host(host) is allowed
    assert rules("t", "127.0.0.1", 8000, False, []).allows_host(host) is False
