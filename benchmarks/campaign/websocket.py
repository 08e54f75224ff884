"""A WebSocket client that can do what a correct one cannot: damaged frames, a reset, one byte a second."""

import base64
import json
import os
import socket
import struct
from itertools import count
from typing import Any

from benchmarks.campaign.server import Server

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
TIMEOUT_S = 20.0


def connection(server: Server, timeout: float = TIMEOUT_S, receive_buffer: int = 0) -> socket.socket:
    """A TCP connection to the server."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(timeout)
    sock.connect((host, int(port)))
    return sock


def reset(sock: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def handshake(server: Server) -> bytes:
    """The request that opens a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        "GET /v1/ws HTTP/1.1",
        f"Host: {server.url.removeprefix('http://')}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Protocol: lantern.v1, token.{server.token}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True) -> bytes:
    """One frame as it is on the wire, with a mask of zeros."""
    first, mask_bit = opcode | (0x80 if fin else 0), 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, mask_bit | len(payload)])
    elif len(payload) < 1 << 16:
        head = bytes([first, mask_bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, mask_bit | 127]) + len(payload).to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + payload


class Closed(ConnectionError):
    """The server has closed the WebSocket; `code` is None if it gave none."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the WebSocket was closed with code {code}")
        self.code = code


class Socket:
    """An open WebSocket of the protocol `lantern.v1`."""

    def __init__(self, server: Server, timeout: float = TIMEOUT_S, receive_buffer: int = 0) -> None:
        self._ids = count(1_000_000)
        self.sock = connection(server, timeout, receive_buffer)
        self.sock.sendall(handshake(server))
        self._buffer = b""
        try:
            while b"\r\n\r\n" not in self._buffer:
                self._fill()
        except OSError:
            self.sock.close()
            raise
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == b"101", head[:200]
        self.events: list[dict[str, Any]] = []  # notifications that came so far

    def send(self, message: Any) -> None:
        self.sock.sendall(frame(json.dumps(message).encode()))

    def request(self, method: str, **params: Any) -> int:
        """Sends a request and returns its id."""
        id_ = next(self._ids)
        self.send({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        return id_

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request: an object with `result` or `error`."""
        id_ = self.request(method, **params)
        while (message := self.receive()).get("id") != id_:
            pass
        return message

    def receive(self) -> dict[str, Any]:
        """The next message. Raises Closed."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == PING:
                self.sock.sendall(frame(payload, PONG))
            elif opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None)
            elif opcode == TEXT:
                message: dict[str, Any] = json.loads(payload)
                if message.get("method") == "event":
                    self.events.append(message["params"])
                return message

    def read_frame(self) -> tuple[int, bytes]:
        """The server's next frame; it never fragments."""
        head = self._take(2)
        length = head[1] & 0x7F
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return head[0] & 0x0F, self._take(length)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _fill(self) -> None:
        data = self.sock.recv(1 << 16)
        if not data:
            raise Closed(None)
        self._buffer += data

    def close(self) -> None:
        self.sock.close()
