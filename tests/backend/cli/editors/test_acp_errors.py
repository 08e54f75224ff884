"""Errors of every kind become one message of the protocol."""

import logging
from pathlib import Path

import pytest
from acp import RequestError

from backend.cli.editors.acp_errors import existing_folder, no_session, translated
from backend.cli.errors import CommandFailed
from backend.config import BadSetting


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CommandFailed("no index for x:\nrun `lantern index x`"), -32603, "no index for x:\\nrun `lantern index x`"),
        (BadSetting("PORT: a number"), -32603, "PORT: a number"),
        (RequestError(-32602, "the question is empty"), -32602, "the question is empty"),
        (KeyError("x"), -32603, "an unexpected error; the log of `lantern acp` has the details"),
    ],
)
async def test_an_error_has_one_message(
    error: Exception, code: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    @translated
    async def method() -> None:
        raise error

    with caplog.at_level(logging.ERROR), pytest.raises(RequestError) as raised:
        await method()
    assert (raised.value.code, str(raised.value)) == (code, message)
    assert bool(caplog.records) == isinstance(error, KeyError)


@pytest.mark.parametrize("cwd", ["relative", "/nowhere/at\x1ball", "/etc/passwd"])
def test_only_a_folder_can_be_opened(cwd: str) -> None:
    with pytest.raises(RequestError, match="open a folder in the editor") as raised:
        existing_folder(cwd)
    assert "\x1b" not in str(raised.value)
    assert existing_folder("/") == Path("/")


def test_an_unknown_session_is_named() -> None:
    assert str(no_session("s\n", "begin a new one")) == "no session 's\\n': begin a new one"
