"""Errors as the Agent Client Protocol has them: one message, which says the fix."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Any

from acp.exceptions import RequestError

from backend.cli.errors import CommandFailed, describe
from prompts.visible import one_line

log = logging.getLogger(__name__)

Method = Callable[..., Awaitable[Any]]


def translated(method: Method) -> Method:
    """Gives errors the form of the protocol: one message, which says the fix."""

    @wraps(method)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        except RequestError:
            raise
        except CommandFailed as failure:
            raise internal_error(str(failure)) from None
        except Exception as error:  # the edge of the socket
            message = describe(error)
            if message is None:
                log.exception("a request of the editor failed")
            raise internal_error(message or "an unexpected error; the log of `lantern acp` has the details") from None

    return wrapper


def internal_error(message: str) -> RequestError:
    return RequestError(-32603, one_line(message), {"details": one_line(message)})


def invalid_params(message: str) -> RequestError:
    return RequestError(-32602, one_line(message), {"details": one_line(message)})


def no_session(session: str, fix: str) -> RequestError:
    return RequestError(-32002, one_line(f"no session {session!a}: {fix}"), {"uri": session})


def existing_folder(cwd: str) -> Path:
    folder = Path(cwd)
    if not folder.is_absolute() or not folder.is_dir():
        raise invalid_params(f"cwd {cwd!a} is no folder: open a folder in the editor")
    return folder.resolve()
