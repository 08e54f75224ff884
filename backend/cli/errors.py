"""How a command ends. Imports nothing, so that `lantern --help` costs nothing."""

OK, FAILURE, USAGE, NO_INDEX, MODEL_UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class CommandFailed(Exception):
    """Ends a command with a message on stderr and an exit code."""

    def __init__(self, message: str, code: int = FAILURE) -> None:
        super().__init__(message)
        self.code = code
