"""Uvicorn's WebSocket connection: every handshake is answered, and a client without the token does not stay."""

from asyncio import AbstractEventLoop
from http import HTTPStatus
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode

from backend.api.security import TRUST
from backend.connections import http
from backend.connections.refusal import refusal


class BoundedSocket(WebSocketsSansIOProtocol):
    """One WebSocket. `is_trusted`: it has shown the token."""

    is_answering = False  # before a client has shown the token, it is owed nothing

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state | {TRUST: self._trust}, _loop)
        self.is_trusted = False
        self.since = self.loop.time()

    def close_if_silent(self, now: float) -> None:
        """Ends a connection that has not shown the token for `SILENT_S`. The keepalive pings look after the others."""
        if not self.is_trusted and now - self.since >= http.SILENT_S:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse()  # uvicorn waits for a request that never comes where `websockets` cannot read the head

    def handle_parser_exception(self) -> None:
        if self.handshake_complete:
            super().handle_parser_exception()
        else:
            self._refuse()  # a broken frame right behind the head: uvicorn expects a close frame that was never sent

    def shutdown(self) -> None:
        if not self.transport.is_closing():  # after the client's close frame, uvicorn's own one would fail
            super().shutdown()
        self.disconnected = True  # a handshake has its answer: uvicorn's second one fails, with tracebacks in the log

    def send_receive_event_to_app(self) -> None:
        is_text = self.curr_msg_data_type == "text"
        if is_text and not self.close_sent and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            if self.handshake_complete:
                self.conn.send_close(CloseCode.INVALID_DATA)  # uvicorn does the same, with a traceback in the log
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def _refuse(self) -> None:
        """Answers a handshake and closes."""
        self.handshake_complete = self.close_sent = self.disconnected = True
        self.transport.write(refusal(HTTPStatus.BAD_REQUEST))
        self.transport.close()

    def _trust(self) -> None:
        self.is_trusted = True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
