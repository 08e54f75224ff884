"""`lantern acp`: an agent of the Agent Client Protocol (version 1) on stdin and stdout, for editors that start it."""

import asyncio
import os
import stat
from typing import cast

from acp.agent.connection import AgentSideConnection
from acp.core import DEFAULT_STDIO_BUFFER_LIMIT_BYTES
from acp.interfaces import Agent

from backend.cli import output
from backend.cli.editors.acp_agent import LanternAgent
from backend.cli.editors.service import Service
from backend.cli.errors import CommandFailed
from backend.cli.settings import command_settings


def run_acp() -> None:
    """Serves the editor that started this process until it closes stdin."""
    if output.is_input_terminal():
        command_settings()  # an editor is told by the first request what is wrong with them
        output.note("`lantern acp` speaks the Agent Client Protocol: an editor starts it. Ctrl-D ends.")
    asyncio.run(_serve())


async def _serve() -> None:
    service = Service()
    reader, writer = await _protocol_streams()
    agent = cast("Agent", LanternAgent(service))  # it has none of the methods that its capabilities leave out
    connection = AgentSideConnection(agent, writer, reader, listening=False)
    try:
        await connection.listen()
    finally:
        await connection.close()
        await service.close()


async def _protocol_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """stdin and stdout. From now on, what anything else prints on stdout goes to stderr."""
    if not (_is_stream(0) and _is_stream(1)):
        raise CommandFailed("stdin and stdout have to be pipes: an editor starts `lantern acp`")
    protocol = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=DEFAULT_STDIO_BUFFER_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb"))
    transport, flow = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), protocol
    )
    return reader, asyncio.StreamWriter(transport, flow, None, loop)


def _is_stream(fd: int) -> bool:
    """Whether one can wait for this file descriptor: not for a file, nor for /dev/null."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)
