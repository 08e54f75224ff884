"""An answer and its progress on one terminal, in a pipe, and where only one of the two is a terminal."""

import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from backend.cli.asking.answering import Interrupted, stream_answer
from backend.cli.errors import CommandFailed
from tests.backend.cli.screen import Screen, TerminalStream

ACCEPTED = {"type": "accepted", "session": "s", "turn": "t", "conversation": "c"}
END = {"type": "end", "reason": "stop", "model": "m", "usage": {}, "ms": {}}
LEAD = "`pay` is in `a.py`, **not** in \x1b]0;x\x07."
REST = ["\n\nIt ", "adds up", " the\n", "```py\nx = 1", "\n```"]
ANSWER = LEAD + "".join(REST)
SHOWN = "pay is in a.py, not in \\x1b]0;x\\x07.\n\nIt adds up the\n```py\nx = 1\n```"


def status(stage: str, **fields: Any) -> dict[str, Any]:
    return {"type": "status", "stage": stage, **fields}


def delta(text: str) -> dict[str, Any]:
    return {"type": "delta", "text": text}


def events() -> Iterator[dict[str, Any]]:
    """A turn that says what it waits for at every moment."""
    yield ACCEPTED
    yield status("retrieving")
    yield delta(LEAD)
    yield status("loading", done=1, total=4, eta_ms=9000)
    yield status("loading", done=3, total=4, eta_ms=3000)
    yield status("prefill", done=100, total=900, eta_ms=4000)
    for text in REST:
        yield status("generating")
        yield delta(text)
        yield status("prefill", done=1, total=2)
    yield status("generating")
    yield END


class ClientDouble:
    """Gives the events of a turn, looks at the screen after each, and knows what was cancelled."""

    def __init__(self, turn: Iterator[dict[str, Any]], screen: Screen | None = None) -> None:
        self.turn, self.screen = turn, screen
        self.seen: list[str] = []
        self.cancelled: list[Any] = []

    def events(self, _: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for event in self.turn:
            yield event
            if self.screen is not None:
                self.seen.append(self.screen.lines[-1] if self.screen.lines else "")

    def call(self, *call: Any) -> None:
        self.cancelled.append(call)


def answer(client: ClientDouble, prints_text: bool = True) -> dict[str, Any]:
    return stream_answer(client, {}, prints_text, lambda _: None)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "61")


def test_progress_is_never_inside_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(61)
    monkeypatch.setattr(sys, "stdout", TerminalStream(screen))
    monkeypatch.setattr(sys, "stderr", TerminalStream(screen))
    client = ClientDouble(events(), screen)
    assert answer(client)["response"] == ANSWER
    assert screen.text == SHOWN
    assert client.seen[1] == "searching the code ..."
    assert client.seen[3] == "loading the model 25 %, 9 s left ..."
    assert client.seen[5] == "reading 100/900, 4 s left ..."
    assert not [line for line in client.seen if "..." in line and not line.startswith(("sear", "load", "read", "gen"))]


def test_a_terminal_without_styles_gets_the_text_and_no_progress_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen(61)
    monkeypatch.setattr(sys, "stdout", stream := TerminalStream(screen))
    monkeypatch.setattr(sys, "stderr", TerminalStream(screen))
    answer(ClientDouble(events()))
    plain = ANSWER.replace("\x1b", "\\x1b").replace("\x07", "\\x07")
    assert stream.getvalue() == plain + "\n"
    assert screen.text == plain


def test_a_pipe_gets_the_answer_and_one_line_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its reader prints on the terminal that shows the progress, as `lantern ask ... | cat` does."""
    screen = Screen(61)

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            screen.feed(text.replace("\n", "\r\n"))
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", pipe := Pipe())
    monkeypatch.setattr(sys, "stderr", notes := TerminalStream(screen))
    answer(ClientDouble(events()))
    plain = ANSWER.replace("\x1b", "\\x1b").replace("\x07", "\\x07")
    assert pipe.getvalue() == plain + "\n"
    assert screen.text == plain
    assert "searching the code" in notes.getvalue()


def test_an_answer_that_is_not_printed_leaves_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(61)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", TerminalStream(screen))
    client = ClientDouble(events(), screen)
    answer(client, prints_text=False)
    assert client.seen[-2] == "generating ..."
    assert screen.text == ""


def test_a_terminal_for_the_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(61)
    monkeypatch.setattr(sys, "stdout", TerminalStream(screen))
    monkeypatch.setattr(sys, "stderr", notes := io.StringIO())
    answer(ClientDouble(events()))
    assert screen.text == SHOWN
    assert notes.getvalue() == ""


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves bold: https://no-color.org speaks of colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", stream := TerminalStream(Screen(61)))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    answer(ClientDouble(events()))
    assert "\x1b[1mnot\x1b[0m" in stream.getvalue()
    assert "\x1b[36m" not in stream.getvalue()


def test_an_interrupt_stops_the_turn_and_ends_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    def turn() -> Iterator[dict[str, Any]]:
        yield ACCEPTED
        yield delta("half an ans")
        raise KeyboardInterrupt

    client = ClientDouble(turn())
    with pytest.raises(Interrupted) as stopped:
        answer(client)
    assert stopped.value.answer["response"] == "half an ans"
    assert client.cancelled == [("POST", "/chat/cancel", {"session_id": "s", "turn_id": "t"})]
    assert capsys.readouterr().out == "half an ans\n"


def test_an_error_at_the_end_is_raised_after_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    failed = END | {"error": {"code": "model_unavailable", "message": "too large"}}
    with pytest.raises(CommandFailed, match="too large") as failure:
        answer(ClientDouble(iter([ACCEPTED, delta("a"), failed])))
    assert failure.value.code == 4
    assert capsys.readouterr().out == "a\n"


def test_a_refused_question_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def turn() -> Iterator[dict[str, Any]]:
        raise CommandFailed("no")
        yield {}

    with pytest.raises(CommandFailed):
        answer(ClientDouble(turn()))
    assert capsys.readouterr().out == ""
