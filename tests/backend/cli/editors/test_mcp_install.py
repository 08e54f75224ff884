"""`lantern mcp install` over a home folder of the test: what is found, shown, asked and written."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli import output
from backend.cli.editors.mcp_install import own_command, run_install, run_uninstall
from backend.cli.errors import CommandFailed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".codex").mkdir()
    return tmp_path


def files(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): path.read_text() for path in home.rglob("*") if path.is_file()}


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], bool]) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(output, "confirm", answer)


def test_the_clients_that_are_found_get_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_install((), dry_run=False, yes=True)
    assert set(files(home)) == {".cursor/mcp.json", ".codex/config.toml"}
    run_install((), dry_run=False, yes=True)
    assert capsys.readouterr().err.count("nothing to change") == 2
    run_uninstall((), dry_run=False, yes=True)
    assert files(home) == {}


def test_a_dry_run_shows_the_change_and_makes_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_install(("zed",), dry_run=True, yes=False)
    assert f"+++ {home}/.config/zed/settings.json" in capsys.readouterr().out
    assert files(home) == {}


def test_it_asks_for_each_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []

    def answer(question: str) -> bool:
        questions.append(question)
        return "cursor" in question

    answering(monkeypatch, answer)
    run_install((), dry_run=False, yes=False)
    assert questions == [f"Change {home}/.codex/config.toml?", f"Change {home}/.cursor/mcp.json?"]
    assert set(files(home)) == {".cursor/mcp.json"}


def test_nothing_is_written_where_nobody_can_be_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CommandFailed, match="--yes changes the files"):
        run_install((), dry_run=False, yes=False)
    assert files(home) == {}


def test_a_broken_file_does_not_stop_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".codex" / "config.toml").write_text("= broken")
    with pytest.raises(CommandFailed, match="1 file is left as before"):
        run_install((), dry_run=False, yes=True)
    assert set(files(home)) == {".cursor/mcp.json", ".codex/config.toml"}
    assert "To paste it yourself:\n[mcp_servers.lantern]\n" in capsys.readouterr().err


def test_a_file_with_comments_has_its_own_name(home: Path) -> None:
    folder = home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.jsonc").write_text("{} // mine")
    run_install(("opencode",), dry_run=False, yes=True)
    assert "lantern" in files(home)[".config/opencode/opencode.jsonc"]


def test_names_that_are_wrong_or_nothing_to_find(home: Path) -> None:
    with pytest.raises(CommandFailed, match="no client is called 'nope'; there are: claude-code, codex"):
        run_install(("nope",), dry_run=False, yes=True)
    (home / ".cursor").rmdir()
    (home / ".codex").rmdir()
    with pytest.raises(CommandFailed, match="no client was found on this machine"):
        run_install((), dry_run=False, yes=True)


def test_the_command_is_an_absolute_path() -> None:
    assert Path(own_command()).is_absolute()
    assert Path(own_command()).name == "lantern"
