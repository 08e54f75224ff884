"""Runs in a worker process: takes calls from its pool, one at a time, and answers each with a result or an error.

Does not know what it calls. A call that breaks a limit ends the process.
"""

import os
import sys
import traceback
from multiprocessing.connection import Connection
from pickle import loads

from indexer.workers.limits import limit_cpu, limit_process

OUT_OF_MEMORY = 71  # exit status of a process that may not have the memory that a call needs


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
            connection.send(_answer(request))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)


def _answer(request: bytes) -> tuple[object, Exception | None]:

    try:
        function, arguments, seconds = loads(request)  # noqa: S301 - from the process that started this one
        limit_cpu(seconds)
        return function(*arguments), None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again in the process that called
        error.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
        return None, error
