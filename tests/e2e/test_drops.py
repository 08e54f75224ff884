"""No event is lost if a client drops its connection again and again, or the server is stopped or killed."""

import asyncio
import json
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.e2e.harness import TIMEOUT_S, Served, serving
from tests.tiny_gguf import tiny_dir

pytestmark = pytest.mark.process

TURNS, DROPS = 20, 200
SETTINGS = {"MODEL_NAME": "phi3-mini", "MODELS_DIR": tiny_dir(), "MAX_TOKENS": 60}


class Client:
    """Keeps the events that it received; reconnects with the number of the last one."""

    def __init__(self, session: str = "", conversation: str | None = None) -> None:
        self.session, self.conversation = session, conversation
        self.seen: list[dict[str, Any]] = []
        self.drops = 0

    async def connected(self, served: Served) -> ClientConnection:
        socket = await served.websocket()
        resume = {"session": self.session, "after": len(self.seen)} if self.session else {}
        await self.send(socket, "session/open", **resume)
        reply = json.loads(await socket.recv())
        assert "result" in reply, reply
        self.session = reply["result"]["session"]
        return socket

    async def send(self, socket: ClientConnection, method: str, **params: Any) -> None:
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))

    async def prompt(self, socket: ClientConnection, turn: str, text: str) -> None:
        ids = {"session": self.session, "conversation": self.conversation, "turn": turn}
        await self.send(socket, "session/prompt", text=text, retrieval="off", **ids)

    async def read(self, socket: ClientConnection) -> None:
        message = json.loads(await socket.recv())
        if "result" in message and "conversation" in message["result"]:
            self.conversation = message["result"]["conversation"]
        if "seq" in message.get("params", {}):
            self.seen.append(message["params"])

    async def read_forever(self, socket: ClientConnection) -> None:
        while True:
            await self.read(socket)

    @property
    def last_turn_ended(self) -> bool:
        return bool(self.seen) and self.seen[-1]["type"] == "end"

    def has_end_of(self, turn: str) -> bool:
        """Whether the last event was the end of this turn."""
        return self.last_turn_ended and self.seen[-1]["turn"] == turn

    def check(self, served: Served) -> None:
        """Numbers without gap or repeat, one end per turn, text equal to the stored history."""
        assert [event["seq"] for event in self.seen] == list(range(1, len(self.seen) + 1))
        turns = list(dict.fromkeys(event["turn"] for event in self.seen))
        history = served.get(f"/chat/history?conversation_id={self.conversation}&limit=1000")["messages"]
        assert history[0]["content"] == self.seen[0]["text"]
        for n, turn in enumerate(turns):
            own = [event for event in self.seen if event["turn"] == turn]
            assert [event["type"] for event in own].count("end") == 1
            assert own[-1]["type"] == "end"
            text = "".join(event["text"] for event in own if event["type"] == "delta")
            assert text == history[2 * n + 1]["content"]


async def test_two_hundred_drops_over_twenty_turns_lose_nothing(tmp_path: Path) -> None:
    chance, client = random.Random(11), Client()
    with serving(tmp_path, **SETTINGS) as served:
        for turn in range(TURNS):
            socket = await client.connected(served)
            await client.prompt(socket, f"turn-{turn}", f"Question {turn}?")
            await client.read(socket)
            for _ in range(DROPS // TURNS):
                for _ in range(chance.randint(0, 3)):
                    if not client.has_end_of(f"turn-{turn}"):
                        await client.read(socket)
                socket.transport.abort()
                client.drops += 1
                socket = await client.connected(served)
            while not client.has_end_of(f"turn-{turn}"):
                await client.read(socket)
            await socket.close()
        client.check(served)
    assert (client.drops, len({event["turn"] for event in client.seen})) == (DROPS, TURNS)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_in_the_middle_of_an_answer_loses_nothing(tmp_path: Path, signum: signal.Signals) -> None:
    client = Client()
    settings = SETTINGS | {"MAX_TOKENS": 4000}
    with serving(tmp_path, **settings) as served:
        socket = await client.connected(served)
        await client.prompt(socket, "t", "?")
        while [event["type"] for event in client.seen].count("delta") < 3:
            await client.read(socket)
        served.process.send_signal(signum)
        with pytest.raises(ConnectionClosed):
            await client.read_forever(socket)
        assert await asyncio.to_thread(served.process.wait, TIMEOUT_S) == (
            0 if signum == signal.SIGTERM else -signal.SIGKILL
        )
    with serving(tmp_path, **settings) as served:
        socket = await client.connected(served)
        while not client.last_turn_ended:
            await client.read(socket)
        await socket.close()
        client.check(served)
        more = {"query": "And now?", "conversation_id": client.conversation, "max_tokens": 5, "retrieval": "off"}
        answer = await asyncio.to_thread(served.post, "/chat/query", more)
    assert client.seen[-1]["reason"] == "error"
    assert client.seen[-1]["error"]["code"] == "interrupted"
    assert answer["usage"]["completion"] == 5


async def test_kill_9_at_random_moments_never_breaks_a_session(tmp_path: Path) -> None:
    chance, client = random.Random(5), Client()
    for life in range(4):
        with serving(tmp_path, **SETTINGS) as served:
            socket = await client.connected(served)
            try:
                for turn in range(50):
                    await client.prompt(socket, f"{life}-{turn}", "?")
                    for _ in range(chance.randint(3, 30)):
                        if not client.has_end_of(f"{life}-{turn}"):  # on a slow machine a few deltas have all of it
                            await client.read(socket)
                    if turn >= chance.randint(1, 3):
                        served.process.kill()
            except ConnectionClosed:
                await asyncio.to_thread(served.process.wait, TIMEOUT_S)
    with serving(tmp_path, **SETTINGS) as served:
        socket = await client.connected(served)
        head = served.get(f"/chat/session/{client.session}")["head"]
        while len(client.seen) < head:
            await client.read(socket)
        await socket.close()
        client.check(served)
    assert len(client.seen) == head
    assert len({event["turn"].partition("-")[0] for event in client.seen}) == 4  # each life left events
