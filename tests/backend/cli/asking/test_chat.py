"""A chat over a pipe: each line is a question, and which errors end it."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.cli.asking import chat
from backend.cli.errors import FAILURE, MODEL_UNAVAILABLE, NO_INDEX, CommandFailed

QUESTIONS = "one\n\n  two  \n/models\n"


class ClientDouble:
    """Answers each question with itself, or fails with one of the errors it is given."""

    def __init__(self, *errors: CommandFailed | None) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []

    def codebase(self, path: Path) -> str:
        if path == Path("/nowhere"):
            raise CommandFailed("no index", NO_INDEX)
        return "b"

    def call(self, *_: Any) -> Any:
        return {"codebases": [{"id": "b", "root": "/code"}]}

    def events(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked.append(body["query"])
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        yield {"type": "accepted", "session": "s", "turn": "t", "conversation": "c"}
        yield {"type": "delta", "text": f"`{body['query']}`"}
        yield {"type": "end", "reason": "stop", "model": "m", "usage": {}, "ms": {}}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "stdin", io.StringIO(QUESTIONS))
    monkeypatch.setattr(chat, "command_settings", lambda: None)

    def with_client(client: ClientDouble, path: str = "/code") -> None:
        @contextmanager
        def open_client(_: object) -> Iterator[ClientDouble]:
            yield client

        monkeypatch.setattr(chat, "open_client", open_client)
        chat.run_chat(Path(path), "")

    return with_client


def test_each_line_is_a_question_also_one_with_a_slash(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = ClientDouble()
    run(client)
    assert client.asked == ["one", "two", "/models"]
    assert capsys.readouterr().out == "`one`\n`two`\n`/models`\n"


def test_an_error_of_one_question_does_not_end_the_chat(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = ClientDouble(CommandFailed("too long", FAILURE))
    run(client)
    printed = capsys.readouterr()
    assert client.asked == ["one", "two", "/models"]
    assert "lantern: too long\n" in printed.err
    assert printed.out == "`two`\n`/models`\n"


def test_without_a_model_or_an_index_it_ends(run: Any) -> None:
    client = ClientDouble(CommandFailed("no model", MODEL_UNAVAILABLE))
    with pytest.raises(CommandFailed) as failure:
        run(client)
    assert (failure.value.code, client.asked) == (MODEL_UNAVAILABLE, ["one"])
    with pytest.raises(CommandFailed) as failure:
        run(ClientDouble(), "/nowhere")
    assert failure.value.code == NO_INDEX
