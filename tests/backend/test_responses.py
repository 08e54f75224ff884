"""The check of statuses fails the test that receives an undocumented one."""

import httpx
import pytest

from tests.backend.responses import UndocumentedStatus, check_status


def answered(method: str, path: str, status: int) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request(method, f"http://127.0.0.1:8000{path}"), json={})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/chat/sessions", 200),
        ("GET", "/chat/session/x", 404),
        ("GET", "/v1/models/a/b", 404),
        ("POST", "/chat/query", 429),
        ("GET", "/nowhere", 418),
        ("PUT", "/chat/query", 405),
    ],
)
async def test_a_documented_status_passes(method: str, path: str, status: int) -> None:
    await check_status(answered(method, path, status))


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/chat/sessions", 409), ("GET", "/health", 401)])
async def test_an_undocumented_status_fails(method: str, path: str, status: int) -> None:
    with pytest.raises(UndocumentedStatus, match=f"{method} {path}: {status}"):
        await check_status(answered(method, path, status))
