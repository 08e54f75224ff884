"""Completion: words for each place of a command line, and scripts that a shell accepts."""

import subprocess
from pathlib import Path

import pytest
import typer.main

from backend.cli import completion
from backend.cli.completion import SCRIPTS, candidates, run_completion
from backend.cli.errors import CommandFailed
from backend.cli.main import app

COMMAND = typer.main.get_command(app)


def completed(*words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    run_completion(COMMAND, "words", words)
    return capsys.readouterr().out.split()


def test_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert completed("se", capsys=capsys) == ["search", "serve"]
    assert completed("models", "p", capsys=capsys) == ["pull"]
    assert completed("ask", "--mo", capsys=capsys) == ["--model"]
    assert completed("chat", "--", capsys=capsys) == ["--path", "--model", "--help"]
    assert completed("completion", "", capsys=capsys) == ["bash", "zsh", "fish"]
    assert "index" in completed("", capsys=capsys)


def test_where_the_shell_completes_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("index", ""), ("ask", "--path", ""), ("ask", "what is", ""), ("models", "add", "")):
        assert completed(*words, capsys=capsys) == []


def test_names_of_models(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert completed("ask", "-m", "phi", capsys=capsys) == ["phi3-mini"]
    assert completed("models", "pull", "phi", capsys=capsys) == ["phi3-mini"]
    (tmp_path / "catalog.toml").write_text("[")
    assert completed("ask", "--model", "", capsys=capsys) == []


def test_a_name_that_a_shell_could_run_is_not_offered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = ["$(id)", "`id`", "a b", "a;id", "*", "a\nid", "good-1.0"]
    monkeypatch.setattr(completion, "_models", lambda: evil)
    assert completed("ask", "-m", "", capsys=capsys) == ["good-1.0"]


def test_an_unknown_shell() -> None:
    with pytest.raises(CommandFailed, match="choose bash, zsh or fish") as failure:
        run_completion(COMMAND, "tcsh", ())
    assert failure.value.code == 2


@pytest.mark.process
def test_bash_takes_the_script(tmp_path: Path) -> None:
    """With a `lantern` that prints what it is given."""
    (tmp_path / "lantern").write_text('#!/bin/sh\nshift 3\nprintf "%s\\n" "$@"\n')
    (tmp_path / "lantern").chmod(0o700)
    script = f'''{SCRIPTS["bash"]}
COMP_WORDS=(lantern ask "a b" --mo); COMP_CWORD=3
_lantern; printf "<%s>" "${{COMPREPLY[@]}}"'''
    done = subprocess.run(
        ["bash", "-euc", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "<ask><a b><--mo>"


def test_each_command_can_be_completed() -> None:
    for name in COMMAND.commands:  # type: ignore[attr-defined]
        assert "--help" in list(candidates(COMMAND, [name], is_option=True))
