"""What commands print: names and messages on one line, text as it is, and nothing that a terminal obeys."""

import io
import json
import sys

import pytest

from backend.cli import output
from backend.indexing.jobs import report_wire
from indexer.types import IndexReport, Masked
from tests.backend.cli.screen import Screen, TerminalStream

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
    output.progress("")  # nothing is left to remove
    assert terminal.getvalue() == f"\r{' ' * 40}\r{SHOWN[:40]}\r{' ' * 40}\r"


def test_an_encoding_without_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    output.escape_unencodable()
    output.line("日本\udcff")
    output.as_json({"é": "日"})
    assert raw.getvalue() == b'\\u65e5\\u672c\\udcff\n{"\\u00e9": "\\u65e5"}\n'


def test_a_summary_says_how_many_secrets_were_masked_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    masked = (Masked("config/app.yml", (4, 9)), Masked("run.sh", (2,)))
    report = IndexReport(2, 3, 2, 0, seconds=0.1, generation=1, skipped=(), masked=masked)
    output.job_summary({"root": "/x", "report": report_wire(report)})
    places = "config/app.yml:4, config/app.yml:9, run.sh:2"
    assert capsys.readouterr().err.endswith(f"masked 3 secret values in 2 files ({places})\n")


class Both:
    """stdout and stderr as one terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.screen = Screen(61)
        monkeypatch.setenv("COLUMNS", "61")
        self.stdout = TerminalStream(self.screen)
        monkeypatch.setattr(sys, "stdout", self.stdout)
        monkeypatch.setattr(sys, "stderr", TerminalStream(self.screen))


def test_a_note_and_a_record_of_the_log_have_lines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both(monkeypatch)
    output.progress("loading ...")
    output.note("first")
    output.text("an ans", end="")
    output.log_record("WARNING x: y")
    output.text("wer")
    output.progress("loading ...")
    output.line("end")
    assert both.screen.lines == ["first", "an ans", "WARNING x: y", "wer", "end"]


def test_hostile_text_with_a_style_is_escaped_and_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    both = Both(monkeypatch)
    output.styled([output.Styled(f"[red]{EVIL}[/red] :smile:", "bold"), output.Styled("\n")])
    assert both.screen.text.replace("\n", "") == f"[red]{SHOWN}[/red] :smile:"
    assert both.stdout.getvalue() == f"\x1b[1m[red]{SHOWN}[/red] :smile:\x1b[0m\n"


def test_a_gap_is_only_where_an_answer_is_rendered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output.gap()
    assert capsys.readouterr().err == ""
    both = Both(monkeypatch)
    output.gap()
    output.note("x")
    assert both.screen.lines == ["", "x"]
