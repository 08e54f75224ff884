"""The line of a chat: several lines, history in a private file, completion. Keys are typed into a pipe."""

import stat
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from backend.cli.asking.line_input import ENTRIES, HISTORY_BYTES, FileOfLines, LineInput, _Words
from backend.data_folder import UnsafeDataFolder

PASTE = "\x1b[200~{}\x1b[201~"


def read(keys: str, history: Path, *candidates: str) -> str:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        pipe.send_text(keys)
        return LineInput(history, lambda _: candidates).read()


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("one\r", "one"),
        ("one\\\rtwo\r", "one\ntwo"),
        ("one\x1b\rtwo\r", "one\ntwo"),
        ("one\x1b\ntwo\n", "one\ntwo"),
        (PASTE.format("one\ntwo") + "\r", "one\ntwo"),
        (PASTE.format("one\x1b[2J") + "\r", "one\x1b[2J"),
        ("\\d\r", "\\d"),
    ],
)
def test_what_is_typed(tmp_path: Path, keys: str, typed: str) -> None:
    assert read(keys, tmp_path / "history") == typed


def test_the_end_and_the_interrupt(tmp_path: Path) -> None:
    with pytest.raises(EOFError):
        read("\x04", tmp_path / "history")
    with pytest.raises(KeyboardInterrupt):
        read("half\x03", tmp_path / "history")


def test_the_history_is_kept_in_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "history"
    read("one\x1b\rtwo\r", file)
    read("three\r", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == '"one\\ntwo"\n"three"\n'
    assert read("\x1b[A\r", file) == "three"


def test_the_history_is_bounded_and_survives_damage(tmp_path: Path) -> None:
    file = tmp_path / "history"
    history = FileOfLines(file)
    for n in range(ENTRIES + 5):
        history.store_string(f"{n}\u2028\x1b")
    with file.open("a") as damaged:
        damaged.write('{"a": 1}\n"cut off')
    assert len(list(FileOfLines(file).load_history_strings())) == ENTRIES
    assert len(file.read_text().split("\n")) == ENTRIES + 1
    assert next(iter(FileOfLines(file).load_history_strings())) == f"{ENTRIES + 4}\u2028\x1b"


def test_the_history_is_bounded_in_bytes(tmp_path: Path) -> None:
    file = tmp_path / "history"
    history = FileOfLines(file)
    pasted = [f"{n}{'x' * (HISTORY_BYTES // 3)}" for n in range(5)]
    for text in pasted:
        history.store_string(text)
    history.store_string("y" * HISTORY_BYTES)  # alone too large: it would drop all others
    history.store_string("last")
    assert file.stat().st_size <= HISTORY_BYTES
    assert list(FileOfLines(file).load_history_strings()) == ["last", pasted[4], pasted[3]]


def test_a_history_that_is_too_large_is_cut_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "history"
    end = '"kept"\n'
    cut = '"' + "z" * HISTORY_BYTES + '\\"' + "x" * (HISTORY_BYTES - len(end) - 3) + '"\n'
    file.write_text(cut + end)  # its last bytes begin with an escaped quote: they look like an entry
    assert list(FileOfLines(file).load_history_strings()) == ["kept"]
    assert file.read_text() == end


def test_a_history_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    assert read("one\r", tmp_path / "no" / "folder") == "one"
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(UnsafeDataFolder):
        list(FileOfLines(tmp_path / "link").load_history_strings())


def test_a_command_is_completed(tmp_path: Path) -> None:
    completer = _Words(lambda _: ("/model", "/models", "/new"))
    document = Document("/mo")
    found = [item.text for item in completer.get_completions(document, CompleteEvent())]
    assert found == ["/model", "/models"]
