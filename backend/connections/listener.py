"""Accepts connections while there is room for them. A silent client without the token gives way to a new one.

asyncio's own server logs every failed `accept`, and tries again at once, for as long as no file can be opened.
"""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from errno import ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM
from http import HTTPStatus

from backend.connections.http import BoundedHttp
from backend.connections.refusal import refusal
from backend.connections.websocket import BoundedSocket

log = logging.getLogger(__name__)

Connection = BoundedHttp | BoundedSocket

CONNECTIONS = 1024  # at most: a user with 200 sockets and 300 questions has room twice
OWN_FILES = 256  # for databases, indexes, models and watchers; of a small limit, half
PEER_SHARE = 0.75  # of all connections, for one address
OPEN_MAX = 10_240  # of macOS: it refuses a higher limit, whatever it says is allowed
BACKLOG = 2048  # connections that the kernel keeps until they are accepted; uvicorn's own number
RETRY_S = 0.2  # after an `accept` that failed
LOG_S = 60.0  # between two reports of that
_OUT_OF_FILES = (EMFILE, ENFILE, ENOBUFS, ENOMEM)


def raise_file_limit() -> int:
    """Raises the number of files that this process may open to its hard limit; returns the number now in force."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (hard, resource.RLIM_INFINITY) and soft < OPEN_MAX:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_MAX, hard))
            soft = OPEN_MAX
    return OPEN_MAX if soft == resource.RLIM_INFINITY else soft


def connection_limit(files: int) -> int:
    """How many connections fit into this number of open files, with room for our own."""
    return min(CONNECTIONS, max(files // 2, files - OWN_FILES))


def make_room(connections: Collection[Connection], peer: str, limit: int) -> bool:
    """Whether one more connection of this address fits. If need be, another one is closed for it."""
    same = [connection for connection in connections if connection.client and connection.client[0] == peer]
    if len(same) >= max(1, int(limit * PEER_SHARE)):
        return _close_one(same)
    return len(connections) < limit or _close_one(connections)


class Listener:
    """The accepting side of a bound socket, in the shape of an `asyncio.Server`."""

    def __init__(
        self, bound: socket.socket, make: Callable[[], Connection], connections: Collection[Connection], limit: int
    ) -> None:
        """`make` makes the protocol of a connection, which adds itself to `connections` and removes itself."""
        self._bound, self._make, self._connections, self._limit = bound, make, connections, limit
        self._reported_at = -LOG_S
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self._task = asyncio.create_task(self._accept_all())

    def close(self) -> None:
        self._task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.wait([self._task])

    async def _accept_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._bound)
            except OSError as error:
                await self._report(error)
                continue
            if not make_room(self._connections, str(address[0]), self._limit):
                with accepted, suppress(OSError):
                    accepted.send(refusal(HTTPStatus.SERVICE_UNAVAILABLE))
                continue
            with suppress(OSError):  # it has left again
                await loop.connect_accepted_socket(self._make, accepted)

    async def _report(self, error: OSError) -> None:
        """Waits before the next `accept`; without files, a connection is closed so that one is free."""
        if error.errno == ECONNABORTED:  # the client left before it was accepted
            return
        now = asyncio.get_running_loop().time()
        if now - self._reported_at >= LOG_S:
            self._reported_at = now
            log.error("a connection cannot be accepted (%s); %d are open", error.strerror, len(self._connections))
        if error.errno in _OUT_OF_FILES:
            _close_one(self._connections)
        await asyncio.sleep(RETRY_S)


def _close_one(connections: Collection[Connection]) -> bool:
    """Closes the connection that gives way: one without the token, silent ones before others, the oldest first."""
    strangers = [connection for connection in connections if not connection.is_trusted]
    if not strangers:
        return False
    min(strangers, key=lambda connection: (connection.is_answering, connection.since)).transport.abort()
    return True
