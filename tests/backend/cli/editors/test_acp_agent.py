"""The methods of `lantern acp` on a server in this process. `tests/e2e/test_acp.py` has the real command."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, image_block, text_block

from backend.cli.editors.acp_agent import AgentSession, LanternAgent
from models.scripted import ScriptedEngine
from tests.backend.cli.editors.harness import agent_on
from tests.backend.harness import Gate, World, running

pytestmark = pytest.mark.process

CART = 'def total(prices):\n    """Sums up what the cart costs."""\n    return sum(prices)\n'


def codebase(folder: Path) -> Path:
    root = folder / "shop"
    root.mkdir()
    (root / "cart.py").write_text(CART)
    return root


async def ask(agent: LanternAgent, session: str, text: str = "Why is the sum wrong?") -> Any:
    return await agent.prompt(session_id=session, prompt=[text_block(text)])


async def forget(world: World, root: Path) -> None:
    """Deletes the index of a folder, once it is complete."""
    job = (await world.post("/index", {"path": str(root), "wait": True})).json()
    assert (await world.http.delete(f"/codebases/{job['codebase']}")).status_code == 200


async def opened(agent: LanternAgent, root: Path) -> str:
    return str((await agent.new_session(cwd=str(root))).session_id)


async def test_a_folder_without_an_index_is_indexed_first_and_then_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = codebase(tmp_path)
    async with running(tmp_path / "data", ScriptedEngine(("It ", "adds."))) as world:
        async with agent_on(world, monkeypatch) as (agent, editor):
            session = await opened(agent, root)
            await forget(world, root)  # the job of `session/new` may have ended
            answer = await ask(agent, session)
        stored = (await world.get("/chat/sessions")).json()["sessions"]
    assert answer.stop_reason == "end_turn"
    assert answer.field_meta["lantern"]["model"] == "scripted"
    assert editor.text == "It adds."
    assert editor.titles[0].startswith("Index")
    assert "Indexed 1 file, 1 chunk in " in " ".join(editor.titles)
    assert editor.titles[-2:] == ["Searching the code", "Found 1 place in 1 file"]
    assert [row["workspace"] for row in stored] == [str(root)]


async def test_the_prompts_of_a_session_are_one_conversation_and_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = codebase(tmp_path)
    async with running(tmp_path / "data", ScriptedEngine(("It adds.",))) as world:
        async with agent_on(world, monkeypatch) as (agent, _):
            session = await opened(agent, root)
            await ask(agent, session, "first?")
            await ask(agent, session, "second?")
        async with agent_on(world, monkeypatch) as (agent, editor):
            with pytest.raises(RequestError, match="load it, or begin a new one"):
                await ask(agent, session)
            await agent.load_session(cwd=str(root), session_id=session)
            replayed = [
                update["content"]["text"] for update in editor.updates if update["sessionUpdate"] != "tool_call"
            ]
            await ask(agent, session, "third?")
        conversations = (await world.get(f"/chat/session/{session}/conversations")).json()["conversations"]
    assert replayed == ["first?", "It adds.", "second?", "It adds."]
    assert [row["user_message_count"] for row in conversations] == [3]


async def test_a_cancel_keeps_the_text_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, engine = codebase(tmp_path), ScriptedEngine(("It ", "adds."), stall_after=1)
    async with running(tmp_path / "data", engine) as world, agent_on(world, monkeypatch) as (agent, editor):
        session = await opened(agent, root)
        asking = asyncio.create_task(ask(agent, session))
        await editor.until(lambda: editor.text)
        await agent.cancel(session_id=session)
        answer = await asyncio.wait_for(asking, 20)
        history = (await world.get(f"/chat/session/{session}/conversations")).json()["conversations"][0]
    assert answer.stop_reason == "cancelled"
    assert editor.text == history["last_response"] == "It "


async def test_a_cancel_during_the_indexing_ends_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, queued = codebase(tmp_path), {"job_id": "j", "state": "queued"}

    async def job(*_: object) -> dict[str, str]:
        return queued

    async with running(tmp_path / "data", ScriptedEngine()) as world, agent_on(world, monkeypatch) as (agent, editor):
        session = await opened(agent, root)
        monkeypatch.setattr(LanternAgent, "_open_codebase", job)
        monkeypatch.setattr(agent._service, "call", job)
        asking = asyncio.create_task(ask(agent, session))
        await editor.until(lambda: editor.titles)
        await agent.cancel(session_id=session)
        answer = await asyncio.wait_for(asking, 20)
    assert answer.stop_reason == "cancelled"
    assert editor.titles == ["Indexing: waiting for another index job"]


async def test_a_cancel_ends_every_prompt_of_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, engine = codebase(tmp_path), ScriptedEngine(("It ", "adds."), stall_after=1)
    async with running(tmp_path / "data", engine) as world, agent_on(world, monkeypatch) as (agent, editor):
        session = await opened(agent, root)
        first = asyncio.create_task(ask(agent, session, "first?"))
        await editor.until(lambda: editor.text)
        second = asyncio.create_task(ask(agent, session, "second?"))
        await editor.until(lambda: editor.titles.count("Searching the code") == 2)
        await agent.cancel(session_id=session)
        answers = await asyncio.wait_for(asyncio.gather(first, second), 20)
        after = asyncio.create_task(ask(agent, session, "third?"))
        engine.go_on.set()
        answer = await asyncio.wait_for(after, 20)
    assert [answer.stop_reason for answer in answers] == ["cancelled", "cancelled"]
    assert answer.stop_reason == "end_turn"


async def test_a_new_prompt_does_not_revive_a_cancelled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, may_go_on = codebase(tmp_path), Gate()
    async with running(tmp_path / "data", ScriptedEngine()) as world, agent_on(world, monkeypatch) as (agent, _):
        session = await opened(agent, root)
        find = agent._open_codebase

        async def held(known: AgentSession) -> dict[str, Any] | None:
            await may_go_on.wait()
            return await find(known)

        monkeypatch.setattr(LanternAgent, "_open_codebase", lambda _, known: held(known))
        waiting = asyncio.create_task(ask(agent, session, "first?"))
        await may_go_on.is_reached.wait()
        await agent.cancel(session_id=session)
        monkeypatch.setattr(LanternAgent, "_open_codebase", lambda _, known: find(known))
        answered = await asyncio.wait_for(ask(agent, session, "second?"), 20)
        may_go_on.set()
        answer = await asyncio.wait_for(waiting, 20)
    assert (answered.stop_reason, answer.stop_reason) == ("end_turn", "cancelled")


async def test_a_lost_connection_loses_no_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, engine = codebase(tmp_path), ScriptedEngine(("It ", "adds."), stall_after=1)
    async with running(tmp_path / "data", engine) as world, agent_on(world, monkeypatch) as (agent, editor):
        session = await opened(agent, root)
        asking = asyncio.create_task(ask(agent, session))
        await editor.until(lambda: editor.text)
        await (await agent._service.socket())._connection.close()
        engine.go_on.set()
        answer = await asyncio.wait_for(asking, 20)
    assert (answer.stop_reason, editor.text) == ("end_turn", "It adds.")
    assert editor.titles.count("Searching the code") == 1


async def test_the_model_is_an_option_of_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = codebase(tmp_path)
    async with running(tmp_path / "data") as world, agent_on(world, monkeypatch) as (agent, _):
        new = await agent.new_session(cwd=str(root))
        (option,) = new.config_options
        chosen = await agent.set_config_option(config_id="model", session_id=new.session_id, value="extractive")
        with pytest.raises(RequestError, match="lantern models list"):
            await agent.set_config_option(config_id="model", session_id=new.session_id, value="phi3-mini")
        stored = (await world.get(f"/chat/session/{new.session_id}")).json()
    assert (option.id, option.category, option.current_value) == ("model", "model", "extractive")
    assert [choice.value for choice in option.options] == ["extractive"]
    assert chosen.config_options[0].current_value == stored["model"] == "extractive"


async def test_sessions_are_listed_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = codebase(tmp_path)
    (tmp_path / "other").mkdir()
    async with running(tmp_path / "data", ScriptedEngine()) as world, agent_on(world, monkeypatch) as (agent, _):
        first, second = await opened(agent, root), await opened(agent, root)
        await opened(agent, tmp_path / "other")
        await ask(agent, first, "What is a\x1b cart?")
        await ask(agent, second, "second?")
        listed = await agent.list_sessions(cwd=str(root))
        (tmp_path / "link").symlink_to(root)
        linked = await agent.list_sessions(cwd=f"{tmp_path}/link/")
        elsewhere = await agent.list_sessions(cwd=str(tmp_path / "other"))
    assert [(row.session_id, row.title) for row in listed.sessions] == [
        (second, "second?"),
        (first, "What is a\\x1b cart?"),
    ]
    assert linked.sessions == listed.sessions
    assert (elsewhere.sessions, listed.next_cursor) == ([], None)


async def failure(agent: LanternAgent, root: Path, block: Any) -> RequestError:
    session = await opened(agent, root)
    with pytest.raises(RequestError) as raised:
        await agent.prompt(session_id=session, prompt=[block])
    return raised.value


async def test_errors_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, empty = codebase(tmp_path), tmp_path / "empty"
    empty.mkdir()
    engine = ScriptedEngine(("a", "b"), fail_after=1)
    async with running(tmp_path / "data", engine) as world, agent_on(world, monkeypatch) as (agent, editor):
        broken = await failure(agent, root, text_block("why?"))
        nothing = await failure(agent, root, text_block(" "))
        image = await failure(agent, root, image_block("aGk=", "image/png"))
        nowhere = await failure(agent, empty, text_block("why?"))
        monkeypatch.setattr(Path, "home", lambda: empty)
        home = await failure(agent, empty, text_block("why?"))
        with pytest.raises(RequestError, match="open a folder in the editor"):
            await agent.new_session(cwd=str(tmp_path / "missing"))
        with pytest.raises(RequestError, match="begin a new one"):
            await agent.load_session(cwd=str(root), session_id="missing")
    assert str(broken) == "the script says: fail here"
    assert editor.text == "a"
    assert str(nothing) == "the question is empty"
    assert "text only" in str(image)
    assert "no file" in str(nowhere)
    assert "open the folder of a project" in str(home)
