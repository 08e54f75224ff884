"""`lantern mcp install` and `uninstall`: one entry in the configuration of each client, after showing the change."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.cli import output
from backend.cli.editors.config_files import ConfigChange, block, change_of, write
from backend.cli.editors.mcp_clients import BY_NAME, CLIENTS, McpClient
from backend.cli.errors import USAGE, CommandFailed


def run_install(names: Sequence[str], dry_run: bool, yes: bool) -> None:
    """Adds Lantern to the named clients, else to all that are found."""
    _apply(_changes(names, own_command()), dry_run, yes, "added to")


def run_uninstall(names: Sequence[str], dry_run: bool, yes: bool) -> None:
    """Takes Lantern out of the named clients, else of all that are found."""
    _apply(_changes(names, None), dry_run, yes, "taken out of")


def own_command() -> str:
    """The path of `lantern`: an editor that a desktop started does not have the PATH of a shell."""
    beside = Path(sys.executable).with_name("lantern")
    found = shutil.which("lantern")
    if found and (not beside.exists() or Path(found).samefile(beside)):
        return str(Path(found).absolute())
    return str(beside if beside.exists() else Path(sys.argv[0]).absolute())


def _changes(names: Sequence[str], command: str | None) -> Iterator[ConfigChange]:
    """Raises `CommandFailed` at the end if a file could not be edited; the others come first."""
    home, failures = Path.home(), 0
    for client in _clients(names, home):
        try:
            yield change_of(client, _file(client, home), command)
        except CommandFailed as failure:
            failures += 1
            output.error(failure)
            if command is not None:
                output.note("To paste it yourself:")
                output.note_text(block(client, command))
    if failures:
        raise CommandFailed(f"{failures} file{'s are' if failures > 1 else ' is'} left as before")


def _clients(names: Sequence[str], home: Path) -> list[McpClient]:
    for name in names:
        if name not in BY_NAME:
            raise CommandFailed(f"no client is called {name!r}; there are: {', '.join(BY_NAME)}", USAGE)
    found = [BY_NAME[name] for name in names] or [client for client in CLIENTS if client.is_installed(home)]
    if not found:
        raise CommandFailed(f"no client was found on this machine; name one of: {', '.join(BY_NAME)}")
    return found


def _file(client: McpClient, home: Path) -> Path:
    """The file of a client; OpenCode and others read it with comments under a name of its own, too."""
    file = home / client.file
    commented = file.with_suffix(".jsonc")
    return commented if file.suffix == ".json" and commented.exists() and not file.exists() else file


def _apply(changes: Iterator[ConfigChange], dry_run: bool, yes: bool, done: str) -> None:
    for change in changes:
        if change.before == change.after:
            output.note(f"{change.client.title}: nothing to change in {change.file}")
            continue
        output.text(change.diff, end="")
        if dry_run:
            continue
        if not yes and not (sys.stdin is not None and sys.stdin.isatty()):
            raise CommandFailed("nobody can be asked here: --yes changes the files, --dry-run only shows it", USAGE)
        if yes or output.confirm(f"Change {change.file}?"):
            write(change)
            output.note(f"Lantern is {done} {change.client.title}: restart it")
