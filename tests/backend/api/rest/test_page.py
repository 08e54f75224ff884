"""The files of the page are served without a token, with their policy; nothing else of the disk is."""

import gzip
from pathlib import Path

import httpx
import pytest

from backend.api.rest import page
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

pytestmark = pytest.mark.process

SCRIPT = "export const one = 1;\n" * 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    web = tmp_path / "web"
    (web / "js").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Lantern</title>")
    (web / "js" / "main.js").write_text(SCRIPT)
    (tmp_path / "secret.txt").write_text("secret")
    (web / "link.txt").symlink_to(tmp_path / "secret.txt")
    (web / "linked").symlink_to(tmp_path)
    monkeypatch.setattr(page, "FOLDER", web)
    return web


async def fetch(world: World, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return await world.http.request(method, path, headers={"Authorization": "", **headers})


async def test_the_page_and_its_files_need_no_token(tmp_path: Path, folder: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        shown = await fetch(world, "/")
        script = await fetch(world, "/web/js/main.js", **{"Accept-Encoding": "identity"})
        head = await fetch(world, "/", "HEAD")
    assert (shown.status_code, shown.text) == (200, "<!doctype html><title>Lantern</title>")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in shown.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src", "font-src")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "lantern dompurify"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    names = ("cache-control", "x-content-type-options", "referrer-policy")
    assert [shown.headers[name] for name in names] == ["no-cache", "nosniff", "no-referrer"]
    assert (script.text, script.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert "content-encoding" not in script.headers
    assert (head.status_code, head.text) == (200, "")


async def test_a_client_that_accepts_gzip_gets_it(tmp_path: Path, folder: Path) -> None:
    async with (
        running(tmp_path / "data", ScriptedEngine()) as world,
        world.http.stream(
            "GET", "/web/js/main.js", headers={"Authorization": "", "Accept-Encoding": "br, gzip;q=0.5"}
        ) as answer,
    ):
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(raw).decode() == SCRIPT
    assert len(raw) < len(SCRIPT) / 10


async def test_a_file_that_did_not_change_is_not_sent_again(tmp_path: Path, folder: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        etag = (await fetch(world, "/web/js/main.js")).headers["etag"]
        again = await fetch(world, "/web/js/main.js", **{"If-None-Match": f'"other", W/{etag}'})
        (folder / "js" / "main.js").write_text("changed")
        changed = await fetch(world, "/web/js/main.js", **{"If-None-Match": etag})
    assert (again.status_code, again.text, again.headers["etag"]) == (304, "", etag)
    assert (changed.status_code, changed.text) == (200, "changed")


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/js",
        "/web/missing.js",
        "/web/link.txt",
        "/web/linked/secret.txt",
        "/web/%2e%2e/secret.txt",
        "/web/js/%2e%2e/%2e%2e/secret.txt",
        "/web/..%2fsecret.txt",
        "/web//etc/passwd",
        "/web/%00",
    ],
)
async def test_nothing_else_is_served(tmp_path: Path, folder: Path, path: str) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        answer = await fetch(world, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_host_and_origin_are_checked_and_only_reading_is_open(tmp_path: Path, folder: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        assert (await fetch(world, "/", Host="evil.example")).status_code == 421
        assert (await fetch(world, "/web/js/main.js", Origin="http://evil.example")).status_code == 403
        assert (await fetch(world, "/", "POST")).status_code == 401
        assert (await fetch(world, "/web/js/main.js", "DELETE")).status_code == 401
