"""The log of a command, on stderr. A record is one line, and below it the indented lines of its traceback.

So nothing that a record quotes can look like another record or change the terminal.
"""

import logging
import sys
import textwrap
import threading
from types import TracebackType

from backend.cli import output
from prompts.visible import one_line, visible

PACKAGES = ("backend", "indexer", "models", "prompts")
_log = logging.getLogger("lantern")


class _Formatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the name in `logging`)
        return one_line(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802
        return _indented(super().formatException(ei))  # type: ignore[arg-type]  # as `logging` has it

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _indented(super().formatStack(stack_info))


class _Handler(logging.Handler):
    """Prints records between the lines of an answer and of progress, not inside them."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            output.log_record(self.format(record))
        except Exception:  # noqa: BLE001 - as each handler of `logging` does it
            self.handleError(record)


def configure() -> None:
    """Formats what any library logs, and logs warnings and errors that Python itself would print."""
    handler = _Handler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_error
    sys.unraisablehook = _log_unraisable


def set_level(level: str) -> None:
    """The level of our own packages; libraries log from WARNING on."""
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level)


def _indented(traceback: str) -> str:
    return textwrap.indent(visible(traceback), "  ", lambda _: True)


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    name = error.thread.name if error.thread else "unknown"
    _report(f"thread {name} failed", error.exc_type, error.exc_value, error.exc_traceback)


def _log_unraisable(error: "sys.UnraisableHookArgs") -> None:
    what = f"{error.err_msg or 'an exception was ignored in'} {error.object!r}"
    _report(what, error.exc_type, error.exc_value, error.exc_traceback)


def _report(
    message: str, kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    if not issubclass(kind, SystemExit):
        _log.error("%s", message, exc_info=(kind, error or kind(), traceback))
