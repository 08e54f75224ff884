"""`auto` picks an engine by the question and falls back to other tiers; the notice says so."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator

import pytest

from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import EngineFailed, Unsupported
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Rates, Sampling
from tests.backend.engines.harness import PROJECT, SIMPLE, TASK, Machine, ask, chat, machine, prompt, serving
from tests.processes import eventually

pytestmark = pytest.mark.process

__all__ = ["machine"]


async def test_the_question_decides_which_tier_answers(machine: Machine) -> None:
    metrics = Metrics()
    async with serving(machine, metrics) as world:
        answered = [(await ask(world, text))["model_name"] for text in (SIMPLE, TASK, SIMPLE, PROJECT)]
        previewed = (await world.post("/chat/preview", {"query": TASK, "retrieval": "off"})).json()
        named = await ask(world, PROJECT, model="bee")
        exposed = metrics.exposition().decode()
    assert answered == ["ant", "cow", "ant", "cow"]  # a project needs a higher tier, which is not there
    assert (previewed["model_name"], named["model_name"]) == ("cow", "bee")
    assert 'lantern_route_total{model="ant",tier="small"} 2.0' in exposed
    assert 'lantern_route_total{model="cow",tier="medium"} 3.0' in exposed
    assert "lantern_route_fallbacks_total 1.0" in exposed
    assert "lantern_model_loads_total 5.0" in exposed
    assert "lantern_model_swaps_total 4.0" in exposed
    assert "lantern_resident_models 1.0" in exposed
    assert "lantern_resident_model_bytes 5e+06" in exposed


async def test_a_loaded_model_of_the_tier_is_preferred(machine: Machine) -> None:
    (machine.folder / "ant.gguf").unlink()
    async with serving(machine) as world:
        await eventually(lambda: "bee" in machine.engines)
        (machine.folder / "ant.gguf").write_bytes(b"larger than the other one by far")
        assert (await ask(world, SIMPLE))["model_name"] == "bee"


async def test_the_next_tier_answers_if_a_load_fails(machine: Machine) -> None:
    metrics = Metrics()
    machine.failing["cow"] = "cow.gguf is damaged"
    async with serving(machine, metrics) as world:
        world.services.engines._cache._backoff = Backoff(lambda: 0.0)  # no time passes between the two
        answer = await ask(world, TASK)
        again = await ask(world, TASK)
    assert (answer["model_name"], again["model_name"]) == ("ant", "ant")
    assert answer["notice"].startswith("cow could not answer: cow.gguf is damaged")
    assert "tried again in 2 s" in again["notice"]
    assert machine.starts.count("cow") == 1
    assert (metrics.route_fallbacks, metrics.fallbacks) == (2, 0)


async def test_a_local_model_answers_if_the_remote_engine_fails_and_events_stay_in_order(machine: Machine) -> None:
    metrics, remote = Metrics(), ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, metrics, remote) as world, world.socket() as socket:
        assert world.services.engines._remote is not None
        world.services.engines._remote._backoff = Backoff(lambda: 0.0)
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", PROJECT)
        end = await socket.until("end", "t1")
        again = await ask(world, PROJECT)
    assert (end["reason"], end["model"]) == ("stop", "cow")
    assert end["notice"] == "big could not answer: the script says: fail here"
    assert [event["type"] for event in socket.logged][:2] == ["accepted", "sources"]
    assert [event["type"] for event in socket.logged].count("sources") == 1
    assert "".join(event["text"] for event in socket.logged if event["type"] == "delta") == "cow says."
    assert (again["model_name"], len(remote.prompts)) == ("cow", 1)  # not tried again for a while
    assert "big could not answer" in again["notice"]
    assert metrics.routes == {("remote", "big"): 1, ("medium", "cow"): 2}


class FailsLate(ScriptedEngine):
    """Fails after 0.4 s."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        yield Delta(progress=(1, 100))
        await asyncio.sleep(0.4)
        raise EngineFailed("the kernel took it")


async def test_the_time_of_a_failed_engine_counts_as_waiting(machine: Machine) -> None:
    remote = FailsLate(name="big", rates=Rates(10_000, 100))
    async with serving(machine, None, remote) as world:
        await ask(world, TASK)  # loads the medium model
        machine.engines["cow"]._rates = Rates(10_000, 0)
        answer = await ask(world, PROJECT, first_token_s=0.3)
    ms, metrics = answer["timings"], world.services.metrics
    assert answer["model_name"] == "cow"
    assert 400 <= ms["queue"] <= sum(ms.values())
    assert (metrics.promises, metrics.promises_kept) == (1, 0)  # 0.4 s is more than 0.3 s


async def test_an_answer_that_has_begun_is_not_repeated_by_another_engine(machine: Machine) -> None:
    remote = ScriptedEngine(("half ", "an answer"), name="big", fail_after=1)
    async with serving(machine, None, remote) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", PROJECT)
        end = await socket.until("end", "t1")
    assert (end["reason"], end["model"], end["error"]["code"]) == ("error", "big", "engine_failed")


async def test_the_last_question_of_a_chat_decides_its_tier(machine: Machine) -> None:
    async with serving(machine) as world:
        answered = [(await chat(world, text)).json()["model"] for text in (SIMPLE, TASK, SIMPLE)]
    assert answered == ["ant", "cow", "ant"]


async def test_a_chat_is_answered_by_another_engine_if_one_fails_before_its_first_word(machine: Machine) -> None:
    remote = ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, None, remote) as world:
        complete = (await chat(world, PROJECT)).json()
        world.services.engines._remote._backoff = Backoff(lambda: 0.0)  # type: ignore[union-attr]
        streamed = (await chat(world, PROJECT, stream=True)).text
        named = await chat(world, PROJECT, model="big")
    assert (complete["model"], complete["choices"][0]["message"]["content"]) == ("cow", "cow says.")
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "cow says."
    assert (named.status_code, named.json()["error"]["code"]) == (502, "engine_failed")
    assert len(remote.prompts) == 3


async def test_a_chat_that_has_begun_is_not_repeated_by_another_engine(machine: Machine) -> None:
    remote = ScriptedEngine(("half ", "an answer"), name="big", fail_after=1)
    async with serving(machine, None, remote) as world:
        broken = await chat(world, PROJECT)
    assert (broken.status_code, broken.json()["error"]["code"]) == (502, "engine_failed")


async def test_a_chat_that_no_engine_can_answer_gets_the_last_error(machine: Machine) -> None:
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    async with serving(machine, None, ScriptedEngine(name="big", fail_after=0)) as world:
        refused = await chat(world, SIMPLE)
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "engine_failed")
    assert refused.json()["error"]["message"] == "the script says: fail here"


async def test_a_model_that_was_named_is_not_replaced(machine: Machine) -> None:
    remote = ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, None, remote) as world:
        for name in ("remote", "big"):  # `big` is its name once it is connected
            answer = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off", "model": name})
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_failed")


@pytest.mark.parametrize("has_remote", [False, True])
async def test_without_models_the_remote_or_the_extractive_engine_answers(machine: Machine, has_remote: bool) -> None:
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    remote = ScriptedEngine(name="big") if has_remote else None
    async with serving(machine, None, remote) as world:
        answer = await ask(world, SIMPLE)
    if has_remote:
        assert (answer["model_name"], answer["response"], "notice" in answer) == ("big", "It works.", False)
    else:
        assert answer["model_name"] == "extractive"
        assert answer["notice"].startswith("No model is installed: `lantern models pull ")
        assert answer["notice"] in answer["response"]


async def test_what_a_local_model_does_not_support_is_not_tried_with_others(machine: Machine) -> None:
    class Refuses(ScriptedEngine):
        async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
            raise Unsupported("this grammar is too large")
            yield Delta()

    async with serving(machine, None, Refuses(name="big")) as world:
        await eventually(lambda: "ant" in machine.engines)
        machine.engines["ant"].stream = Refuses().stream  # type: ignore[method-assign]
        refused = await chat(world, SIMPLE)
        started = list(machine.started)
        elsewhere = (await chat(world, PROJECT)).json()  # a server's own rules are not ours
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "this grammar is too large")
    assert [name for name, _ in started] == ["ant"]
    assert elsewhere["model"] == "cow"
