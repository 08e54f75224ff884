"""What a command says when its server refuses, is not ours, or is gone."""

import httpx
import pytest

from backend.cli.client import Client, ServerLost
from backend.cli.errors import CommandFailed

URL = "http://127.0.0.1:1"


def client(handler: httpx.MockTransport) -> Client:
    made = Client(URL, "t")
    made._http = httpx.Client(base_url=URL, transport=handler)
    return made


@pytest.mark.parametrize(
    ("reply", "message", "code"),
    [
        (
            httpx.Response(401, json={"error": {"code": "unauthorized", "message": "m"}}),
            "stop it and start it again",
            1,
        ),
        (httpx.Response(503, json={"error": {"code": "model_unavailable", "message": "no model"}}), "no model", 4),
        (httpx.Response(503, json={"error": {"code": "index_unavailable", "message": "no index"}}), "no index", 3),
        (httpx.Response(404, text="<html>"), "is no Lantern server: check PORT", 1),
        (httpx.Response(404, json=["x"]), "is no Lantern server: check PORT", 1),
    ],
)
def test_a_refusal_says_what_to_do(reply: httpx.Response, message: str, code: int) -> None:
    with pytest.raises(CommandFailed, match=message) as failure:
        client(httpx.MockTransport(lambda _: reply)).call("GET", "/models")
    assert failure.value.code == code
    with pytest.raises(CommandFailed, match=message):
        list(client(httpx.MockTransport(lambda _: reply)).events({}))


def test_a_server_that_is_gone() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("", request=request)

    with pytest.raises(ServerLost, match=f"lost the connection to the server at {URL}: no answer"):
        client(httpx.MockTransport(refuse)).call("GET", "/models")


def test_a_stream_without_its_end() -> None:
    reply = httpx.Response(200, content=b'data: {"type":"delta","text":"a"}\n\n')
    with pytest.raises(ServerLost, match="before the answer was complete"):
        list(client(httpx.MockTransport(lambda _: reply)).events({}))
