"""The lines around an answer: progress, sources, doubtful citations, the notice, the first block of code."""

from typing import Any

import pytest

from backend.cli.asking import notes
from tests.backend.cli.test_output import EVIL, SHOWN


def test_the_lines_below_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    source: dict[str, Any] = {"n": 1, "path": f"{EVIL}\n.py", "start": 1, "end": 2, "symbol": EVIL, "fresh": True}
    cite = {"start": 0, "end": len(EVIL), "status": "invented"}
    notes.answer_notes(
        {"sources": [source], "citations": [cite], "response": EVIL, "end": {"notice": f"no\x1b\n{EVIL}"}}
    )
    assert capsys.readouterr().err == (
        f"  [1] {SHOWN}\\n.py:1-2  {SHOWN}\n"
        f"1 of 1 citation is not supported by the sources: {SHOWN}\n"
        f"no\\x1b\\n{SHOWN}\n"
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"stage": "queued", "done": 0, "total": 2}, "waiting for other answers (2 before this one) ..."),
        ({"stage": "queued", "done": 0, "total": 0}, "waiting for other answers ..."),
        ({"stage": "loading"}, "loading the model ..."),
        ({"stage": "loading", "done": 1, "total": 3, "eta_ms": 61000}, "loading the model 33 %, 61 s left ..."),
        ({"stage": "prefill", "done": 5, "total": 9}, "reading 5/9 ..."),
        ({"stage": "new\x1b"}, "new\x1b ..."),
    ],
)
def test_what_a_turn_waits_for(fields: dict[str, Any], line: str) -> None:
    assert notes.stage_line({"type": "status", **fields}) == line


def test_the_first_block_is_copied_exactly() -> None:
    assert notes.first_fence("see\n```py\na = 1\x0c\n\x85\u2028b\n```\nmore") == "a = 1\x0c\n\x85\u2028b"
    assert notes.first_fence("```py\na = 1\n") == "a = 1"
