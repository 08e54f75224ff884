"""Errors that clients receive: one table of codes for JSON-RPC, HTTP and sockets.

The only module that translates errors of the other packages into them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EDQUOT, EFBIG, ENOSPC

from backend.data_folder import UnsafeDataFolder
from indexer import errors as indexing
from models import errors as modelling
from prompts import errors as prompt_errors
from prompts.visible import one_line


@dataclass(frozen=True, slots=True)
class Code:
    name: str  # stable: clients switch on it
    rpc: int
    http: int
    retryable: bool = False


CODES = {
    code.name: code
    for code in (
        Code("parse", -32700, 400),
        Code("invalid", -32600, 400),
        Code("unknown_method", -32601, 404),
        Code("bad_params", -32602, 422),
        Code("internal", -32603, 500),
        Code("cancelled", -32800, 499),
        Code("unauthorized", -32000, 401),
        Code("not_found", -32001, 404),
        Code("queue_full", -32002, 429, retryable=True),
        Code("model_unavailable", -32003, 503),
        Code("context_too_large", -32004, 413),
        Code("replay_gone", -32005, 410),
        Code("index_unavailable", -32006, 503),
        Code("engine_failed", -32007, 502, retryable=True),
        Code("rate_limited", -32008, 429, retryable=True),
        Code("storage_full", -32009, 507),
        Code("interrupted", -32603, 500, retryable=True),
    )
}


class ApiError(Exception):
    """Answers a client with one of `CODES`. Raised anywhere in the backend."""

    def __init__(self, code: str, message: str, retry_after_ms: int | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.code = CODES[code]
        self.message = one_line(message)  # it may quote a name or what the client sent
        self.retry_after_ms = retry_after_ms
        self.param = param  # the field that is wrong, if a field is

    def __reduce__(self) -> tuple[type["ApiError"], tuple[str, str, int | None, str | None]]:
        """A worker process may raise it."""
        return ApiError, (self.code.name, self.message, self.retry_after_ms, self.param)

    @classmethod
    def from_body(cls, body: Mapping[str, str]) -> "ApiError":
        """The error of an `end` event; a code that is not in `CODES` (of another version) counts as internal."""
        return cls(body["code"] if body["code"] in CODES else "internal", body["message"])

    @property
    def rpc(self) -> dict[str, object]:
        """The `error` member of a JSON-RPC answer."""
        data: dict[str, object] = {"code": self.code.name, "retryable": self.code.retryable}
        if self.retry_after_ms is not None:
            data["retry_after_ms"] = self.retry_after_ms
        return {"code": self.code.rpc, "message": self.message, "data": data}

    @property
    def body(self) -> dict[str, str]:
        """The `error` member of a REST answer and of an `end` event."""
        return {"code": self.code.name, "message": self.message}


# Codes for which OpenAI's clients expect another status or code than ours.
_OPENAI = {"bad_params": (400, "bad_params"), "context_too_large": (400, "context_length_exceeded")}


def openai_error(error: ApiError, status: int | None = None) -> tuple[int, dict[str, dict[str, str | None]]]:
    """Status and body of an error in OpenAI's shape; `status` overrides that of the code."""
    default_status, code = _OPENAI.get(error.code.name, (error.code.http, error.code.name))
    if code == "not_found" and error.param == "model":
        code = "model_not_found"
    status = status or default_status
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    return status, {"error": {"message": error.message, "type": kind, "param": error.param, "code": code}}


# Subclasses before their base classes.
_TRANSLATIONS: tuple[tuple[type[Exception], str], ...] = (
    (modelling.ContextTooLarge, "context_too_large"),
    (modelling.Unsupported, "bad_params"),
    (modelling.EngineBusy, "queue_full"),
    (modelling.EngineFailed, "engine_failed"),
    (modelling.ModelError, "model_unavailable"),
    (prompt_errors.QuestionTooLarge, "context_too_large"),
    (prompt_errors.TemplateRejected, "model_unavailable"),
    (indexing.CodebaseUnreadable, "bad_params"),
    (indexing.CodebaseEmpty, "bad_params"),
    (indexing.IndexCancelled, "cancelled"),
    (indexing.IndexFull, "storage_full"),
    (indexing.IndexerError, "index_unavailable"),
    (UnsafeDataFolder, "internal"),
)


def to_api_error(error: Exception, log: logging.Logger, activity: str) -> ApiError:
    """The error to answer the client with. An unexpected one is logged with its traceback: "`activity` failed"."""
    translated = translate(error)
    if translated is not None:
        return translated
    log.error("%s failed", activity, exc_info=error)
    return ApiError("internal", "an unexpected error; the server's log has the details")


def translate(error: Exception) -> ApiError | None:
    """The `ApiError` for an error of Lantern's packages or of the disk; None for an unexpected error."""
    if isinstance(error, ApiError):
        return error
    for kind, code in _TRANSLATIONS:
        if isinstance(error, kind):
            return ApiError(code, str(error))
    return _storage(error)


# What SQLite says -> code, message, when to try again in ms.
_DATABASE = (
    ("disk is full", "storage_full", "the disk is full: free some space; nothing that was stored is lost", None),
    ("locked", "internal", "the database is locked by another program: try again, or close that program", 1000),
    ("readonly", "internal", "the database cannot be written: check the permissions of its folder and the disk", 1000),
    ("unable to open", "internal", "the database cannot be opened: check the permissions of its folder", 1000),
    ("disk i/o error", "internal", "the disk does not read or write the database: check the disk", 1000),
    ("malformed", "internal", "the database is damaged: restore a copy of it, or remove it", None),
    ("not a database", "internal", "the database is damaged: restore a copy of it, or remove it", None),
    ("could not decode", "internal", "the database is damaged: restore a copy of it, or remove it", None),
)


def _storage(error: Exception) -> ApiError | None:
    from sqlalchemy.exc import DatabaseError  # imported late: it takes 0.3 s, and an offline search never needs it

    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT, EFBIG):
        return ApiError(*_DATABASE[0][1:])
    if isinstance(error, DatabaseError):
        text = str(error.orig).lower()  # the text of the error itself would quote the statement
        for words, code, message, retry_after_ms in _DATABASE:
            if words in text:
                return ApiError(code, message, retry_after_ms)
    return None
