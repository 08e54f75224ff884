"""One-use codes by which a browser gets the token: shown in a terminal, exchanged once. Knows no HTTP.

A code is in the fragment of the page's address, which a browser sends to nobody.
"""

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable

EXPIRES_S = 600
_ALIVE = 8  # a new code replaces the oldest
_WRONG_TRIES, _WRONG_TRIES_S = 5, 1.0  # a code cannot be guessed; this only stops who tries all the same


class SignInCodes:
    """The codes that are alive. Used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry: dict[str, float] = {}  # by code, oldest first
        self._wrong: deque[float] = deque(maxlen=_WRONG_TRIES)  # when the last wrong ones came

    def new(self) -> str:
        """A code that can be redeemed once, within `EXPIRES_S`."""
        self._drop_expired()
        while len(self._expiry) >= _ALIVE:
            del self._expiry[next(iter(self._expiry))]
        code = secrets.token_hex(16)
        self._expiry[code] = self._clock() + EXPIRES_S
        return code

    @property
    def is_limited(self) -> bool:
        """Whether too many wrong codes came just now: none is looked at for a moment."""
        return len(self._wrong) == _WRONG_TRIES and self._clock() - self._wrong[0] < _WRONG_TRIES_S

    def redeem(self, code: str) -> bool:
        """Whether the code was alive; it no longer is."""
        self._drop_expired()
        matching = [alive for alive in self._expiry if hmac.compare_digest(alive.encode(), code.encode())]
        for alive in matching:
            del self._expiry[alive]
        if not matching:
            self._wrong.append(self._clock())
        return bool(matching)

    def _drop_expired(self) -> None:
        now = self._clock()
        self._expiry = {code: expiry for code, expiry in self._expiry.items() if expiry > now}
