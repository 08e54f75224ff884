"""How a command ends: exit codes, and errors as one line of text. Imports nothing until a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OK, FAILURE, USAGE, NO_INDEX, MODEL_UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
FOLDER_GONE = "the current folder was deleted: change to one that exists, and run the command again"


class CommandFailed(Exception):
    """Ends a command with a message on stderr and an exit code."""

    def __init__(self, message: str, code: int = FAILURE) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def model_errors() -> Iterator[None]:
    """Turns a `ModelError` in the block into `CommandFailed` (4)."""
    from models.errors import ModelError

    try:
        yield
    except ModelError as error:
        raise CommandFailed(str(error), MODEL_UNAVAILABLE) from None


def describe(error: Exception) -> str | None:
    """One line for the user. None if the error is a defect of Lantern: then its traceback is needed."""
    from backend.config import BadSetting
    from backend.data_folder import UnsafeDataFolder
    from backend.instance_lock import DataFolderInUse
    from indexer.errors import IndexerError
    from models.errors import ModelError

    if isinstance(error, BadSetting | DataFolderInUse | UnsafeDataFolder | ModelError | IndexerError):
        return str(error)
    if isinstance(error, FileNotFoundError) and not error.filename and _is_folder_gone():
        return FOLDER_GONE
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    return None


def _is_folder_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
