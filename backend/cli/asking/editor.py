"""Opens a file in the user's editor at a line. The editor is a program with arguments; no shell takes part."""

import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from backend.cli import output
from backend.cli.errors import CommandFailed
from backend.config import editor_of_user

FALLBACKS = ("nano", "vi")  # without VISUAL and EDITOR
# How editors take a line, by the name of the program. All others get the file alone.
_FORMS = {
    ("+{line}", "{file}"): (
        "vi vim nvim view vimx gvim nano pico micro emacs emacsclient kak joe jed mg ne vis gedit gnome-text-editor"
    ),
    ("--goto", "{file}:{line}"): "code code-insiders codium vscodium code-server cursor windsurf",
    ("{file}:{line}",): "subl sublime_text zed zeditor hx helix lapce",
    ("--line", "{line}", "{file}"): "idea pycharm goland clion webstorm rubymine phpstorm rustrover kate kwrite",
    ("-l", "{line}", "{file}"): "mate",
}
_FORM_OF = {name: form for form, names in _FORMS.items() for name in names.split()}


def editor_command(editor: str, file: Path, line: int) -> list[str]:
    """The program and its arguments. `editor`: as in EDITOR. Raises `CommandFailed` if it names no program."""
    try:
        words = shlex.split(editor)
    except ValueError as error:
        raise CommandFailed(f"EDITOR={editor} cannot be read ({error}): give a program and its options") from None
    if not words:
        found = next((name for name in FALLBACKS if shutil.which(name)), None)
        if found is None:
            raise CommandFailed("no editor is known: set EDITOR to a program, as in EDITOR=vim")
        words = [found]
    form = _FORM_OF.get(Path(words[0]).name, ("{file}",))
    return [*words, *(part.format(file=file, line=line) for part in form)]


def open_in_editor(file: Path, line: int) -> None:
    """Returns when the editor has ended. Raises `CommandFailed`."""
    command = editor_command(editor_of_user(), file.absolute(), line)
    previous = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the editor, which does not inherit this
    try:
        with output.typing_mode(is_shown=True):
            done = subprocess.run(command, check=False)
    except OSError as error:
        raise CommandFailed(f"{command[0]}: {error.strerror}: set EDITOR to a program that is installed") from None
    finally:
        signal.signal(signal.SIGINT, previous)
    if done.returncode:
        raise CommandFailed(f"{command[0]} ended with code {done.returncode}")
