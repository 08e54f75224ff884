"""Theme tests of backend.chat.turns and rag: unusual ends of an answer; each has a notice for the user."""

from pathlib import Path

import pytest

from backend.chat.rag import NO_ANSWER
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process

LOOPED = "The answer was ended because it repeated itself."


@pytest.mark.parametrize("texts", [(), (" ", "\n")], ids=["nothing", "white space"])
async def test_a_model_that_answers_nothing_is_no_silent_success(tmp_path: Path, texts: tuple[str, ...]) -> None:
    async with running(tmp_path, ScriptedEngine(texts)) as world, world.socket() as socket:
        answer = (await world.post("/chat/query", {"query": "Does it?"})).json()
        again = (await world.post("/chat/query", {"query": "?", "conversation_id": answer["conversation_id"]})).json()
        await socket.call("session/open", session=answer["session_id"], after=0)
        end = await socket.until("end", answer["turn_id"])
    assert (answer["response"].strip(), answer["reason"], answer["notice"]) == ("", "stop", NO_ANSWER)
    assert (end["reason"], end["notice"]) == ("stop", NO_ANSWER)
    assert (again["reason"], again["notice"]) == ("stop", NO_ANSWER)


async def test_the_notice_of_an_engine_reaches_the_user(tmp_path: Path) -> None:
    engine = ScriptedEngine(("It ", "works."))
    engine.notice = LOOPED
    async with running(tmp_path, engine) as world:
        answer = (await world.post("/chat/query", {"query": "Does it?"})).json()
    assert (answer["response"], answer["reason"], answer["notice"]) == ("It works.", "stop", LOOPED)


async def test_a_model_that_never_stops_ends_at_max_tokens(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine([f"w{n} " for n in range(100)])) as world:
        answer = (await world.post("/chat/query", {"query": "Does it?", "max_tokens": 7})).json()
    assert (answer["response"], answer["reason"]) == ("w0 w1 w2 w3 w4 w5 w6 ", "length")
    assert "notice" not in answer
