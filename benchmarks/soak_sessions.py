"""A client whose connection drops and a server that is killed, again and again; no event is lost.

The model is a tiny one. `make soak` and the tests run the same, more and fewer times.
"""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.e2e.harness import TIMEOUT_S, Served, serving
from tests.tiny_gguf import tiny_dir

# Nothing is retrieved: no embedder has to be loaded.
SETTINGS = {"MODEL_NAME": "phi3-mini", "MODELS_DIR": tiny_dir(), "MAX_TOKENS": 60, "EMBEDDING_MODEL": "none"}
DROPS_IN_A_TURN = 10


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

    def events_of(self, turn: str) -> list[dict[str, Any]]:
        return [event for event in self.seen if event["turn"] == turn]

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
            own = self.events_of(turn)
            assert [event["type"] for event in own].count("end") == 1
            assert own[-1]["type"] == "end"
            text = "".join(event["text"] for event in own if event["type"] == "delta")
            assert text == history[2 * n + 1]["content"]


async def drop_repeatedly(folder: Path, turns: int) -> Client:
    """Drops the connection DROPS_IN_A_TURN times in each turn, after up to three events; returns the client."""
    chance, client = random.Random(11), Client()
    with serving(folder, **SETTINGS) as served:
        for turn in range(turns):
            socket = await client.connected(served)
            await client.prompt(socket, f"turn-{turn}", f"Question {turn}?")
            await client.read(socket)
            for _ in range(DROPS_IN_A_TURN):
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
    return client


async def kill_repeatedly(folder: Path, lives: int) -> set[int]:
    """Kills the server so many times, each after a few turns; returns which of its lives left events."""
    chance, client = random.Random(5), Client()
    for life in range(lives):
        with serving(folder, **SETTINGS) as served:
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
    with serving(folder, **SETTINGS) as served:
        socket = await client.connected(served)
        head = served.get(f"/chat/session/{client.session}")["head"]
        while len(client.seen) < head:
            await client.read(socket)
        await socket.close()
        client.check(served)
    assert len(client.seen) == head
    return {int(event["turn"].partition("-")[0]) for event in client.seen}
