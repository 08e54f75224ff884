"""The model NAME+repo: an answer about the codebase, for a client that sends its whole history."""

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest

from models.scripted import ScriptedEngine
from tests.backend.api.openai.harness import TEXTS, index, talking
from tests.backend.harness import World

pytestmark = pytest.mark.process


async def ask(client: openai.AsyncOpenAI, *texts: str) -> None:
    """Sends a whole history: questions and answers by turns, the last one a question."""
    messages: Any = [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n, text in enumerate(texts)]
    await client.chat.completions.create(model="scripted+repo", messages=messages)


async def all_messages(world: World) -> list[list[dict[str, Any]]]:
    """The messages of every session; each has one conversation."""
    messages = []
    for session in (await world.get("/chat/sessions")).json()["sessions"]:
        [row] = (await world.get(f"/chat/session/{session['session_id']}/conversations")).json()["conversations"]
        messages.append((await world.get("/chat/history", conversation_id=row["conversation_id"])).json()["messages"])
    return messages


async def test_the_answer_and_its_sources_are_those_of_a_query(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path / "data", engine) as (client, world):
        await index(world, tmp_path / "code")
        messages: Any = [
            {"role": "system", "content": "You have tools."},
            {"role": "user", "content": "When do they end?"},
        ]
        answer = await client.chat.completions.create(model="scripted+repo", messages=messages, max_tokens=50)
        query = (await world.post("/chat/query", {"query": "When do they end?"})).json()
        stream = await client.chat.completions.create(model="scripted+repo", messages=messages, stream=True)
        chunks = [chunk async for chunk in stream]
    assert answer.choices[0].message.content == query["response"] == "It works."
    assert answer.model == "scripted+repo"
    assert answer.to_dict()["lantern_sources"] == query["sources"]
    assert [source["path"] for source in query["sources"]] == ["sessions.py"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "It works."
    assert chunks[-1].to_dict()["lantern_sources"] == query["sources"]
    assert "expired an hour after" in engine.prompts[0].text
    assert "You have tools." not in engine.prompts[0].text
    assert (engine.samplings[0].max_tokens, engine.prompts[0].text) == (50, engine.prompts[1].text)


async def test_a_structural_question_is_answered_without_a_model(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path / "data", engine) as (client, world):
        await index(world, tmp_path / "code")
        messages: Any = [{"role": "user", "content": "Where is expire_sessions defined?"}]
        answer = await client.chat.completions.create(model="scripted+repo", messages=messages)
        query = (await world.post("/chat/query", {"query": messages[0]["content"]})).json()
    assert answer.choices[0].message.content == query["response"]
    assert "sessions.py:1" in query["response"]
    assert engine.prompts == []


async def test_the_same_history_continues_its_conversation(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, world):
        await ask(client, "one?")
        await ask(client, "one?", "It works. ", "two?")  # continues
        await ask(client, "one?", "It works.", "two?", "It works.", "three?")  # continues
        await ask(client, "one?", "It works.", "two, again?")  # branches: a conversation of its own
        await ask(client, "old?", "An answer of another server.", "new?")
        histories = [[message["content"] for message in messages] for messages in await all_messages(world)]
    assert sorted(histories) == sorted(
        [
            ["one?", "It works.", "two?", "It works.", "three?", "It works."],
            ["one?", "It works.", "two, again?", "It works."],
            ["old?", "An answer of another server.", "new?", "It works."],
        ]
    )
    assert "An answer of another server." in engine.prompts[-1].text
    assert engine.prompts[2].text.startswith(engine.prompts[1].text[: -len("two?<|end|>\n<|assistant|>\n")])


async def test_the_notes_of_an_agent_are_no_part_of_the_question(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, world):
        note = {"role": "user", "content": "<environment_context>today</environment_context>"}
        asked: list[Any] = [note, {"role": "user", "content": "one?"}]
        first = await client.responses.create(model="scripted+repo", input=asked)
        told: list[Any] = [
            {"role": "assistant", "content": first.output_text},
            note,
            {"role": "user", "content": "two?"},
        ]
        await client.responses.create(model="scripted+repo", input=asked + told)
        histories = [[message["content"] for message in messages] for messages in await all_messages(world)]
    assert histories == [["one?", "It works.", "two?", "It works."]]


async def test_of_several_with_the_same_history_at_once_one_continues_and_the_others_branch(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, world):
        await ask(client, "one?")
        await asyncio.gather(*(ask(client, "one?", "It works.", f"{n}?") for n in ("two", "three", "four")))
        questions = [
            [message["content"] for message in messages if message["role"] == "user"]
            for messages in await all_messages(world)
        ]
    assert sorted(questions) == [["one?", "four?"], ["one?", "three?"], ["one?", "two?"]]
