"""Runs in a worker process: takes calls from its pool, one at a time, and answers each with a result or an error.

Does not know what it calls. A call that breaks a limit ends the process.
"""

import os
import sys
import traceback
from multiprocessing.connection import Connection
from pickle import dumps, loads

from indexer.workers.limits import limit_cpu, limit_process

# The exit status of a process that may not have the memory, or the stack of Python, that a call needs.
OUT_OF_MEMORY, TOO_DEEP = 71, 72


def main(calls: int, lifeline: int) -> None:
    """Serves the socket `calls` until its other end is closed."""
    sys.dont_write_bytecode = True
    limit_process(lifeline)
    connection = Connection(calls)
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            return
        try:
            answer = _answer(request)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except RecursionError:
            os._exit(TOO_DEEP)
        connection.send_bytes(answer)


def _answer(request: bytes) -> bytes:
    """The pickled result and error of a call."""
    try:
        function, arguments, seconds = loads(request)  # noqa: S301 - from the process that started this one
        limit_cpu(seconds)
        return dumps((function(*arguments), None))
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again in the process that called
        error.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
        return dumps((None, _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error, or one with its text, if it cannot be sent as it is."""
    try:
        loads(dumps(error))  # noqa: S301 - just made
    except Exception:  # noqa: BLE001 - its class may do anything
        portable = RuntimeError(f"{type(error).__name__}: {error}")
        portable.add_note("\n".join(error.__notes__))
        return portable
    return error
