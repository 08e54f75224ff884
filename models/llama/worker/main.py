"""The process that owns one model: it lives as long as its socket to the server does, whatever else it is doing.

Of its threads the main one loads and works, one reads messages, one tells that it is alive; `worker` has its own.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from models.errors import ModelError
from models.llama.wire import LoadRequest, Message, packed
from models.llama.worker.loading import load
from models.llama.worker.loop import Worker

BEAT_S = 1.0
_OOM_SCORE = 800  # of -1000..1000: rather this process than the server
_PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int) -> None:
    """Serves one model over the socket `descriptor`; `parent` is the process that must outlive this one."""
    _end_with(parent)
    os.putenv("GGML_NO_BACKTRACE", "1")  # else an abort starts a debugger, and takes seconds
    threading.excepthook = _break
    channel = socket.socket(fileno=descriptor)
    lines, sending = channel.makefile("rb"), threading.Lock()

    def send(message: Message) -> None:
        with sending, contextlib.suppress(OSError):  # a server that is gone is the reader's to notice
            channel.sendall(packed(message))

    order = json.loads(lines.readline() or "null")
    if order is None:
        return
    working: list[Worker] = []

    def read() -> None:
        for line in lines:
            if working:  # before that only the end of the socket matters
                working[0].take(json.loads(line))
        os._exit(0)

    def heartbeat() -> None:
        while True:
            time.sleep(BEAT_S)
            send(working[0].heartbeat() if working else {"heartbeat": {}})

    for work in (read, heartbeat):
        threading.Thread(target=work, daemon=True).start()
    try:
        ordered = LoadRequest(**order | {name: tuple(order[name]) for name in ("adapters", "without", "kernels")})
        loaded = load(
            ordered,
            lambda share: send({"loading": share}),
            lambda stage, kernels: send({"stage": stage, "kernels": kernels}),
        )
    except ModelError as error:
        send({"failed": str(error)})
        return
    working.append(Worker(loaded, send))
    send({"ready": loaded.facts})
    working[0].run()


def _end_with(parent: int) -> None:
    """Has the kernel end this process when the server ends, and choose it first when memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a container may forbid it
            Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), "ascii")
    for kind in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group: the server's to handle
        signal.signal(kind, signal.SIG_IGN)
    if os.getppid() != parent:
        os._exit(0)


def _break(broken: threading.ExceptHookArgs) -> None:
    """Ends the process with a thread of it: half of it would be deaf, or not seen to live."""
    sys.excepthook(broken.exc_type, broken.exc_value or broken.exc_type(), broken.exc_traceback)
    os._exit(1)
