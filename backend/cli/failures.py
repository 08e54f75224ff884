"""What can stop a command before there is a server to ask, in words. Loaded only when something has failed."""

from backend.config import BadSetting
from backend.instance_lock import DataFolderInUse
from indexer.errors import IndexerError
from models.errors import ModelError


def explain(error: Exception) -> str | None:
    """One line for the user, or None where the error is a defect of ours and needs its traceback."""
    if isinstance(error, BadSetting | DataFolderInUse | ModelError | IndexerError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    return None
