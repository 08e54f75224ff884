"""What commands print: names and messages on one line, text as it is, and nothing that a terminal obeys."""

import io
import json
import sys
from typing import Any

import pytest

from backend.cli import output

EVIL = "a\x1b]0;t\x07\x9b2J\x1b]52;c;aGk=\x07\u202eb\rc"
SHOWN = "a\\x1b]0;t\\x07\\x9b2J\\x1b]52;c;aGk=\\x07\\u202eb\\rc"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_text_keeps_its_lines_and_a_line_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    output.text(f"if x:\n\t{EVIL}")
    output.line(f"{EVIL}\n\tb")
    output.note(f"{EVIL}\n\tb")
    output.note_text(f"if x:\n\t{EVIL}")
    output.error(f"no index for {EVIL}\n")
    printed = capsys.readouterr()
    assert printed.out == f"if x:\n\t{SHOWN}\n{SHOWN}\\n\\tb\n"
    assert printed.err == f"{SHOWN}\\n\\tb\nif x:\n\t{SHOWN}\nlantern: no index for {SHOWN}\\n\n"


def test_an_escape_sequence_in_two_pieces_of_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    for piece in ("see \x1b", "]0;title", "\x07 and ", "\x9b", "2J"):
        output.text(piece, end="")
    assert capsys.readouterr().out == "see \\x1b]0;title\\x07 and \\x9b2J"


def test_json_means_the_content_itself(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"é": EVIL, "tag": "\U000e0041", "lone": "\udcff", "line": "\u2028"}
    output.as_json(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert '"é": "a\\u001b]0;t\\u0007\\u009b2J' in printed
    assert '\\u202eb\\rc", "tag": "\\udb40\\udc41", "lone": "\\udcff", "line": "\\u2028"}\n' in printed


def test_progress_is_one_line_without_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "41")
    output.progress(f"{EVIL}\n")
    output.progress("")
    assert terminal.getvalue() == f"\r{' ' * 40}\r{SHOWN[:40]}\r{' ' * 40}\r"


def test_the_lines_below_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    source: dict[str, Any] = {"n": 1, "path": f"{EVIL}\n.py", "start": 1, "end": 2, "symbol": EVIL, "fresh": True}
    cite = {"start": 0, "end": len(EVIL), "status": "invented"}
    output.answer_notes(
        {"sources": [source], "citations": [cite], "response": EVIL, "end": {"notice": f"no\x1b\n{EVIL}"}}
    )
    assert capsys.readouterr().err == (
        f"  [1] {SHOWN}\\n.py:1-2  {SHOWN}\n"
        f"1 of 1 citation is not supported by the sources: {SHOWN}\n"
        f"no\\x1b\\n{SHOWN}\n"
    )


def test_the_first_block_is_copied_exactly() -> None:
    assert output.first_fence("see\n```py\na = 1\x0c\n\x85\u2028b\n```\nmore") == "a = 1\x0c\n\x85\u2028b"
    assert output.first_fence("```py\na = 1\n") == "a = 1"


def test_an_encoding_without_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    output.escape_unencodable()
    output.line("日本\udcff")
    output.as_json({"é": "日"})
    assert raw.getvalue() == b'\\u65e5\\u672c\\udcff\n{"\\u00e9": "\\u65e5"}\n'
