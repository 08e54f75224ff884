"""The listening socket of the server."""

import asyncio
import socket

import pytest

from backend.config import BadSetting
from backend.server import _bind

pytestmark = pytest.mark.process


async def test_its_connections_send_small_answers_without_delay() -> None:
    """Otherwise the body of an answer waits until the client acknowledges the head: 40 ms."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_connection(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = _bind("127.0.0.1", 0)
    async with await asyncio.start_server(on_connection, sock=bound):
        _, writer = await asyncio.open_connection(*bound.getsockname())
        assert await accepted != 0
        writer.close()
        await writer.wait_closed()


def test_a_port_in_use_is_a_bad_setting() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadSetting, match=rf"^HOST/PORT: cannot listen on 127\.0\.0\.1:{port}"):
            _bind("127.0.0.1", port)
