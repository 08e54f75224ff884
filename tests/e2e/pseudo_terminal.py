"""A command in a terminal: what is typed goes in, what it prints is laid out as a terminal would show it."""

import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl

from tests.backend.cli.screen import Screen
from tests.e2e.harness import LANTERN, TIMEOUT_S

KEYS = {"enter": "\r", "ctrl-c": "\x03", "ctrl-d": "\x04", "alt-enter": "\x1b\r", "up": "\x1b[A", "tab": "\t"}


class PseudoTerminal:
    """The side of the person. Its output is kept raw and as a screen."""

    def __init__(self, descriptor: int, pid: int, screen: Screen) -> None:
        self._descriptor, self.pid, self.screen = descriptor, pid, screen
        self.raw = ""
        self.code: int | None = None

    def type(self, text: str, *keys: str) -> None:
        os.write(self._descriptor, (text + "".join(KEYS[key] for key in keys)).encode())

    def resize(self, columns: int) -> None:
        """The program is told by SIGWINCH, which the kernel sends."""
        _set_size(self._descriptor, columns)
        self.screen.width = columns

    def wait_for(self, text: str, count: int = 1) -> None:
        """Returns when the screen shows it so many times."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.screen.text.count(text) < count:
            assert time.monotonic() < deadline, f"{text!r} is not shown:\n{self.screen.text}"
            assert self._read(), f"{text!r} was not shown before the end:\n{self.screen.text}"

    def wait_for_prompt(self) -> None:
        """Returns when a chat reads its next line; an interrupt before that would be one of the answer."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.screen.lines[-1:] != [">"]:
            assert time.monotonic() < deadline, f"there is no prompt:\n{self.screen.text}"
            assert self._read(), f"there was no prompt before the end:\n{self.screen.text}"

    def wait_for_end(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.screen.text}"
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def _read(self) -> bool:
        """Takes what was printed; False after the end."""
        if not select.select([self._descriptor], [], [], 0.1)[0]:
            return True
        try:
            piece = os.read(self._descriptor, 65536)
        except OSError:  # Linux says so when the other side is closed
            return False
        text = piece.decode("utf-8", "replace")
        self.raw += text
        self.screen.feed(text)
        return bool(piece)


@contextmanager
def terminal(*words: str, env: dict[str, str], columns: int = 80) -> Iterator[PseudoTerminal]:
    """`lantern WORDS` in a terminal of its own; ended at the end of the block."""
    variables = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **env}
    pid, descriptor = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.execve(LANTERN[0], [*LANTERN, *words], variables)
    _set_size(descriptor, columns)
    shown = PseudoTerminal(descriptor, pid, Screen(columns))
    try:
        yield shown
    finally:
        if shown.code is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(descriptor)


def _set_size(descriptor: int, columns: int) -> None:
    ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
