"""The editor: which arguments which program gets, and what cannot be started."""

import shutil
import sys
from pathlib import Path

import pytest

from backend.cli.asking.editor import editor_command, open_in_editor
from backend.cli.errors import CommandFailed

FILE = Path("/src/a b;$(x).py")


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("vim", ["vim", "+7", str(FILE)]),
        ("/usr/bin/nano -l", ["/usr/bin/nano", "-l", "+7", str(FILE)]),
        ("emacsclient -nw", ["emacsclient", "-nw", "+7", str(FILE)]),
        ("code --wait", ["code", "--wait", "--goto", f"{FILE}:7"]),
        ("subl", ["subl", f"{FILE}:7"]),
        ("hx", ["hx", f"{FILE}:7"]),
        ("pycharm", ["pycharm", "--line", "7", str(FILE)]),
        ("mate", ["mate", "-l", "7", str(FILE)]),
        ("'my editor' -x", ["my editor", "-x", str(FILE)]),
    ],
)
def test_the_line_is_given_as_the_program_takes_it(setting: str, command: list[str]) -> None:
    assert editor_command(setting, FILE, 7) == command


def test_without_a_setting_a_program_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "vi" else None)
    assert editor_command("", FILE, 7) == ["vi", "+7", str(FILE)]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(CommandFailed, match="set EDITOR"):
        editor_command("", FILE, 7)


def test_half_a_quotation_is_an_error() -> None:
    with pytest.raises(CommandFailed, match="cannot be read"):
        editor_command("vim '", FILE, 7)


@pytest.mark.process
def test_the_editor_runs_without_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ed;itor"
    program.write_text(f"#!{sys.executable}\nimport sys\nopen('{tmp_path}/args', 'w').write(repr(sys.argv[1:]))\n")
    program.chmod(0o700)
    monkeypatch.setenv("VISUAL", f"'{program}' -n")
    open_in_editor(tmp_path / "x y.py", 3)
    assert (tmp_path / "args").read_text() == repr(["-n", str(tmp_path / "x y.py")])
    monkeypatch.setenv("VISUAL", str(tmp_path / "none"))
    with pytest.raises(CommandFailed, match="set EDITOR"):
        open_in_editor(tmp_path / "x", 1)
    monkeypatch.setenv("VISUAL", "false")
    with pytest.raises(CommandFailed, match="ended with code 1"):
        open_in_editor(tmp_path / "x", 1)
