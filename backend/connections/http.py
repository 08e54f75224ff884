"""Uvicorn's HTTP connection with bounds on what a client may send, and on how long it may be silent.

The bounds hold before anything is checked: the client need not have the token. Knows nothing of routes.
"""

from asyncio import AbstractEventLoop
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from backend.api.security import TRUST
from backend.connections.refusal import refusal

HEAD_BYTES = 32 << 10  # a browser sends 1 KB; proxies with cookies and tokens up to 16
LINE_BYTES = 8 << 10  # request line or header: the limit of `websockets`, nginx and Apache
HEADERS = 100  # below the 128 of `websockets`
PIECE_BYTES = 4 << 10  # what is parsed before the bounds are looked at again
PIPELINED = 64  # requests that wait for the answer to an earlier one; each takes 3 KB. No usual client sends any
SILENT_S = 10.0  # how long a client may owe a head, the next bytes of a body, or (without the token) take no answer
LINGER_S = 1.0  # for reading a refusal


class BoundedHttp(HttpToolsProtocol):
    """One HTTP connection. `is_trusted`: it has shown the token."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state | {TRUST: self._trust}, _loop)
        self.is_trusted = False
        self.since = self.loop.time()  # when the client last did what it owed
        self.url = b""
        self._in_head = self._is_refused = False
        self._overhead_bytes = 0  # since the last byte of a body, or the last complete head
        self._violation = HTTPStatus.BAD_REQUEST

    @property
    def is_answering(self) -> bool:
        """Whether a complete head waits for the end of its answer."""
        return self.cycle is not None and not self.cycle.response_complete

    def close_if_silent(self, now: float) -> None:
        """Ends a connection whose client has been silent for `SILENT_S`. A running answer is left alone."""
        if now - self.since < SILENT_S:
            return
        if self._is_refused or self.transport.is_closing():
            if self._is_refused or not self.is_trusted:  # its last answer is never read
                self.transport.abort()
        elif not self.is_answering:
            if self._in_head:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.transport.close()
        elif self.cycle.more_body and not self.flow.read_paused:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif not self.is_trusted:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        for start in range(0, len(data), PIECE_BYTES):
            if self._is_refused or self.transport.is_closing() or self.transport.get_protocol() is not self:
                return  # the last: it is a WebSocket by now
            self._feed(data[start : start + PIECE_BYTES])

    def _feed(self, piece: bytes) -> None:
        if self.is_answering and self.cycle.more_body:
            self.since = self.loop.time()
        self._overhead_bytes += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            if not self._should_upgrade():
                return  # answered as if it had asked for no other protocol
            if self.is_answering:  # an earlier request of this connection
                self._refuse(HTTPStatus.BAD_REQUEST)
            else:
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._refuse(self._violation)
        else:
            if self._overhead_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers the request that is being received, unless another answer is due first, and closes."""
        cycle = self.cycle
        if self.is_answering and (self.pipeline or cycle.response_started or not cycle.more_body):
            return self.transport.close()
        if self.is_answering:
            cycle.disconnected = True
            cycle.message_event.set()
        self._is_refused = True
        self.since = self.loop.time()
        self.flow.pause_reading()
        self.transport.write(refusal(status, self.url.decode("ascii", "replace")))
        try:
            self.transport.write_eof()
        except OSError:  # the client has just left
            self.transport.abort()
            return None
        # Closed at once, with bytes that were not read, the client could lose the answer.
        self.loop.call_later(LINGER_S, self.transport.close)
        return None

    def _require(self, holds: bool) -> None:
        """Raises in a callback of the parser, which then refuses the request, if the head breaks a bound."""
        if not holds:
            self._violation = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError(self._violation)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if not self.is_answering:
            self.since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._require(len(self.url) <= LINE_BYTES - len("OPTIONS  HTTP/1.1\r\n"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: nothing here reads any
        self._require(len(name) + len(value) <= LINE_BYTES - len(": \r\n") and len(self.headers) < HEADERS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._overhead_bytes = 0
        self._require(len(self.pipeline) < PIPELINED)
        super().on_headers_complete()
        self.since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.since = self.loop.time()

    def _trust(self) -> None:
        self.is_trusted = True
