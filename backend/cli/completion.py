"""`lantern completion`: scripts that complete commands for a shell, and the words that they ask for.

Only names that no shell can take for anything else are offered. Paths are left to the shell.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from backend.cli import output
from backend.cli.errors import USAGE, CommandFailed
from backend.cli.settings import command_settings, open_registry

WORDS = "words"  # what the scripts ask with
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*|--?[a-z0-9-]+")
_OF_MODELS = ("--model", "-m")
_COMMANDS_OF_MODELS = ("pull",)
SCRIPTS = {
    "bash": """\
_lantern() {
    local IFS=$'\\n'
    COMPREPLY=($(lantern completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -o bashdefault -F _lantern lantern
""",
    "zsh": """\
#compdef lantern
_lantern() {
    local -a found
    found=(${(f)"$(lantern completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -a found; else _files; fi
}
compdef _lantern lantern
""",
    "fish": """\
function __lantern_words
    set -l before (commandline -opc)
    set -l last (commandline -ct)
    lantern completion words -- $before[2..-1] "$last" 2>/dev/null
end
complete -c lantern -a "(__lantern_words)"
""",
}


def run_completion(command: Any, shell: str, words: Sequence[str]) -> None:
    """Prints the script of a shell, or the candidates for the last word. `command`: the command line, as click has it.

    Raises `CommandFailed` (2) for a shell that is not known.
    """
    if shell == WORDS:
        last = words[-1] if words else ""
        for word in candidates(command, words[:-1], last.startswith("-")):
            if word.startswith(last) and _SAFE.fullmatch(word):
                output.line(word)
        return
    if shell not in SCRIPTS:
        raise CommandFailed(f"there is no completion for {shell}: choose bash, zsh or fish", USAGE)
    output.text(SCRIPTS[shell], end="")


def candidates(command: Any, before: Sequence[str], is_option: bool) -> Iterator[str]:
    """What may come after these words."""
    word, path = "", []
    for word in before:
        below = getattr(command, "commands", {}).get(word)
        if below is not None:
            command = below
            path.append(word)
    if word in _OF_MODELS or (path[-1:] == list(_COMMANDS_OF_MODELS) and word == path[-1] and not is_option):
        yield from _models()
    elif is_option:
        for parameter in command.params:
            if not getattr(parameter, "hidden", False):
                yield from (name for name in parameter.opts if name.startswith("-"))
        yield "--help"
    elif hasattr(command, "commands") and (not before or word == (path[-1] if path else None)):
        yield from command.commands
    elif path == ["completion"] and word == "completion":
        yield from SCRIPTS


def _models() -> list[str]:
    """The names of the catalogue. None if it cannot be read: a completion prints no errors."""
    try:
        return [*open_registry(command_settings()).names(), "auto", "extractive"]
    except CommandFailed:
        return []
