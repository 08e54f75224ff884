"""The process that owns one model. It ends when its socket to the server closes, whatever it is doing.

The main thread loads and evaluates, one thread reads messages, one sends heartbeats; `loop` has its own.
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
from models.llama.wire import LoadRequest, Message, load_request_of, packed
from models.llama.worker.loading import load
from models.llama.worker.loop import Worker

HEARTBEAT_S = 1.0
_OOM_SCORE = 800  # of -1000..1000: the kernel kills this process rather than the server
_PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int) -> None:
    """Serves one model over the socket `descriptor`. The process ends with the process `parent`."""
    _end_with(parent)
    os.putenv("GGML_NO_BACKTRACE", "1")  # else an abort starts a debugger, which takes seconds
    threading.excepthook = _end_on_error
    ServerConnection(socket.socket(fileno=descriptor)).serve()


class ServerConnection:
    """The socket to the server: one load request, then messages for the worker."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._lines = channel, channel.makefile("rb")
        self._sending = threading.Lock()
        self._worker: Worker | None = None  # once the model is loaded

    def serve(self) -> None:
        """Loads the model that the first line requests, and runs until the server closes it."""
        request = json.loads(self._lines.readline() or "null")
        if request is None:
            return
        for work in (self._read, self._send_heartbeats):
            threading.Thread(target=work, daemon=True).start()
        self._run(load_request_of(request))

    def _run(self, request: LoadRequest) -> None:
        try:
            model = load(
                request,
                lambda share: self._send({"loading": share}),
                lambda stage, kernels: self._send({"stage": stage, "kernels": kernels}),
            )
        except ModelError as error:
            self._send({"failed": str(error)})
            return
        self._worker = Worker(model, self._send)
        self._send({"ready": model.facts})
        self._worker.run()

    def _send(self, message: Message) -> None:
        with self._sending, contextlib.suppress(OSError):  # the reader notices when the server is gone
            self._channel.sendall(packed(message))

    def _read(self) -> None:
        for line in self._lines:
            if self._worker:  # during the load only the end of the socket matters
                self._worker.handle(json.loads(line))
        os._exit(0)

    def _send_heartbeats(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            self._send(self._worker.heartbeat() if self._worker else {"heartbeat": {}})


def _end_with(parent: int) -> None:
    """Makes the kernel end this process when the server ends, and kill it first when memory runs out."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a container may forbid it
            Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), "ascii")
    for kind in (signal.SIGINT, signal.SIGTERM):  # sent to the whole process group: the server handles them
        signal.signal(kind, signal.SIG_IGN)
    if os.getppid() != parent:
        os._exit(0)


def _end_on_error(args: threading.ExceptHookArgs) -> None:
    """Ends the process when one of its threads fails: without it messages or heartbeats would be lost."""
    sys.excepthook(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    os._exit(1)
