"""No event is lost if a client drops its connection again and again, or the server is stopped or killed.

`make soak` drops and kills many times more.
"""

import asyncio
import signal
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from benchmarks.soak_sessions import DROPS_IN_A_TURN, SETTINGS, Client, drop_repeatedly, kill_repeatedly
from tests.e2e.harness import TIMEOUT_S, serving

TURNS = 6
EXIT_CODES = {signal.SIGTERM: 0, signal.SIGKILL: -signal.SIGKILL}


async def test_drops_in_every_turn_lose_nothing(tmp_path: Path) -> None:
    client = await drop_repeatedly(tmp_path, TURNS)
    assert (client.drops, len({event["turn"] for event in client.seen})) == (TURNS * DROPS_IN_A_TURN, TURNS)


async def test_a_restart_in_the_middle_of_an_answer_loses_nothing(tmp_path: Path) -> None:
    client = Client()
    settings = SETTINGS | {"MAX_TOKENS": 4000}
    for signum, exit_code in EXIT_CODES.items():
        with serving(tmp_path, **settings) as served:
            socket = await client.connected(served)
            await client.prompt(socket, signum.name, "?")
            while [event["type"] for event in client.events_of(signum.name)].count("delta") < 3:
                await client.read(socket)
            served.process.send_signal(signum)
            with pytest.raises(ConnectionClosed):
                await client.read_forever(socket)
            assert await asyncio.to_thread(served.process.wait, TIMEOUT_S) == exit_code
    with serving(tmp_path, **settings) as served:
        socket = await client.connected(served)
        while not client.last_turn_ended:
            await client.read(socket)
        await socket.close()
        client.check(served)
        more = {"query": "And now?", "conversation_id": client.conversation, "max_tokens": 5, "retrieval": "off"}
        answer = await asyncio.to_thread(served.post, "/chat/query", more)
    for signum in EXIT_CODES:
        end = client.events_of(signum.name)[-1]
        assert (end["reason"], end["error"]["code"]) == ("error", "interrupted")
    assert answer["usage"]["completion"] == 5


async def test_kill_9_at_random_moments_never_breaks_a_session(tmp_path: Path) -> None:
    assert await kill_repeatedly(tmp_path, lives=2) == {0, 1}  # each life left events
