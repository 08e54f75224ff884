"""Many questions: at once, one after the other, and over connections that drop. No event is lost or doubled."""

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from backend.config import Settings
from benchmarks.campaign.server import Server, need_llama, serving, write
from benchmarks.campaign.trial import Trial, reason_of
from benchmarks.campaign.watch import SERVER_BYTES, harm, watched
from benchmarks.campaign.websocket import Socket

CODE = {f"part{n}.py": f"def beacon_{n}(value):\n    return value + {n}\n" for n in range(20)}
_CLIENTS = 30
_WARM = 0.5  # of the questions: caches fill
_GROWTH_BYTES = 40_000_000  # afterwards


def check_session(server: Server, session: str, acknowledged: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The stored events of a session: numbers without a gap, one end per turn, texts as in the history.

    `acknowledged`: conversations by turns that the server has accepted; all of them are there.
    """
    opened = Socket(server)
    answer = opened.call("session/open", session=session, after=0)
    assert "result" in answer, f"session/open: {str(answer)[:200]}"
    while not opened.events or opened.events[-1].get("seq", 0) < answer["result"]["head"]:
        if not answer["result"]["head"]:
            break
        opened.receive()
    opened.close()
    events = [event for event in opened.events if "seq" in event]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1)), "events are lost or doubled"
    conversations = {event["turn"]: event["conversation"] for event in events if event["type"] == "accepted"}
    assert (acknowledged or {}).items() <= conversations.items(), "an accepted question is lost"
    ends = Counter(event["turn"] for event in events if event["type"] == "end")
    assert ends == Counter(list(conversations)), f"ends of turns: {dict(ends)} of {len(conversations)} turns"
    _check_history(server, events, conversations)
    return events


def _check_history(server: Server, events: list[dict[str, Any]], conversations: dict[str, str]) -> None:
    for conversation in set(conversations.values()):
        messages = server.get(f"/chat/history?conversation_id={conversation}&limit=1000")["messages"]
        turns = [turn for turn, owner in conversations.items() if owner == conversation]
        for n, turn in enumerate(turns):
            own = [event for event in events if event["turn"] == turn]
            text = "".join(event["text"] for event in own if event["type"] == "delta")
            assert messages[2 * n]["content"] == own[0]["text"], f"the question of {turn} is another"
            assert messages[2 * n + 1]["content"] == text, f"the history of {turn} has not the text of its events"


def concurrent(trial: Trial) -> None:
    """Questions of many clients at once: each has an answer or `queue_full`."""
    with serving(trial.folder / "data", QUEUE_LIMIT=64) as server:
        server.index(write(trial.folder / "code", CODE))
        clients = min(_CLIENTS, trial.count)
        share = -(-trial.count // clients)
        results: list[tuple[str, dict[str, str], int]] = []
        problems: list[str] = []

        def client(number: int) -> None:
            try:
                results.append(_ask_at_once(server, number, share))
            except (AssertionError, OSError) as error:
                problems.append(f"client {number}: {reason_of(error)}")

        def all_at_once() -> None:
            threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not problems, "; ".join(problems)

        trial.cases += clients * share
        if problem := harm(trial, server, all_at_once):
            trial.fail("questions at once", problem)
        for session, acknowledged, _ in results:
            with trial.case(f"session {session}"):
                check_session(server, session, acknowledged)
        refused = sum(count for _, _, count in results)
        trial.remark = f"{clients * share - refused} answered, {refused} queue_full"


def _ask_at_once(server: Server, client: int, questions: int) -> tuple[str, dict[str, str], int]:
    """The session, the conversations of its accepted turns, and how many were refused with `queue_full`."""
    opened = Socket(server, timeout=60.0)
    session = opened.call("session/open")["result"]["session"]
    ids = {}
    for number in range(questions):
        text = f"where is beacon_{(client + number) % 20}"
        ids[opened.request("session/prompt", session=session, turn=f"t{number}", text=text)] = f"t{number}"
    accepted: dict[str, str] = {}
    refused: list[str] = []
    ended: list[str] = []
    while len(accepted) + len(refused) < questions or set(ended) != set(accepted):
        message = opened.receive()
        if message.get("id") in ids and "result" in message:
            accepted[ids[message["id"]]] = message["result"]["conversation"]
        elif message.get("id") in ids:
            code = message["error"]["data"]["code"]
            assert code == "queue_full", f"a question: {code}"
            refused.append(ids[message["id"]])
        elif message.get("params", {}).get("type") == "end":
            ended.append(message["params"]["turn"])
    opened.close()
    assert len(ended) == len(set(ended)), "a turn ended twice"
    return session, accepted, len(refused)


def memory(trial: Trial) -> None:
    """Questions one after the other: the memory of the server stays as it is once its caches are full."""
    settings = {"EMBEDDING_MODEL": Settings.model_fields["embedding_model"].default}
    with serving(trial.folder / "data", **settings) as server, watched(server) as watch:
        server.index(write(trial.folder / "code", CODE))
        warm, used = int(trial.count * _WARM), 0
        for number in range(trial.count):
            with trial.case(f"question {number}"):
                start = time.perf_counter()
                server.ask(f"where is beacon_{number % 20}, number {number}?")
                trial.record(time.perf_counter() - start)
            if number == warm:
                used = _resident(server)
        grown = _resident(server) - used
        trial.remark = f"{grown / 1e6:+.0f} MB after {warm} questions, at most {watch.server_bytes / 1e6:.0f} MB"
        with trial.case("memory"):
            assert grown < _GROWTH_BYTES, f"the server has grown by {grown / 1e6:.0f} MB"
            assert watch.server_bytes < SERVER_BYTES, f"the server had {watch.server_bytes / 1e6:.0f} MB"


def _resident(server: Server) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def dropped(trial: Trial) -> None:
    """Connections that drop in each turn and go on from the last event (`benchmarks/soak_sessions.py`)."""
    need_llama()
    from benchmarks.soak_sessions import drop_repeatedly  # needs the tiny models of the tests

    with trial.case("drops"):
        client = asyncio.run(drop_repeatedly(trial.folder / "data", trial.count))
        trial.cases += client.drops - 1
