"""The errors of this package.

ModelError
├── UnknownModel          no such name in the catalogue
├── ModelUnavailable      its file is missing, damaged or cannot be loaded here
├── ContextTooLarge       the prompt does not fit the context
├── Unsupported           the request needs a feature that this engine lacks
├── EngineBusy            its queue of prompts is full
├── EngineFailed          the engine broke during an answer
└── DownloadFailed        a pull did not finish, or its bytes are not the published ones
    └── SourceUnreachable a source of a model cannot be reached: the next one is tried
"""


class ModelError(Exception):
    """Base of all errors of this package; the message says what to do."""


class UnknownModel(ModelError):
    def __init__(self, name: str, names: list[str]) -> None:
        super().__init__(f"no model is called {name!r}; known: {', '.join(names)}. See `lantern models list`.")
        self.name = name


class ModelUnavailable(ModelError):
    pass


class ContextTooLarge(ModelError):
    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, the context holds {limit}: ask a shorter question")
        self.tokens, self.limit = tokens, limit


class Unsupported(ModelError):
    pass


class EngineBusy(ModelError):
    def __init__(self, waiting: int | None = None) -> None:
        """`waiting` is None where a server gives no number."""
        prompts = "too many prompts" if waiting is None else f"{waiting} prompts"
        super().__init__(f"{prompts} are waiting for the model: try again in a moment")
        self.waiting = waiting


class EngineFailed(ModelError):
    pass


class DownloadFailed(ModelError):
    pass


class SourceUnreachable(DownloadFailed):
    pass
