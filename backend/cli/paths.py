"""The paths that a command is given."""

from pathlib import Path

from backend.cli.errors import FOLDER_GONE, CommandFailed


def resolved(path: Path) -> Path:
    """The absolute path without links. Raises `CommandFailed` if there can be none."""
    try:
        return path.expanduser().resolve()
    except FileNotFoundError:  # it is relative
        raise CommandFailed(FOLDER_GONE) from None
    except RuntimeError as error:  # a user who does not exist, or links in a circle
        raise CommandFailed(f"{path} is no path of this machine ({error}): check it") from None
