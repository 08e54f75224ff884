"""The lead: through the server, before the model, and in later prompts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.extractive.engine import ExtractiveEngine
from models.errors import EngineFailed
from models.scripted import ScriptedEngine
from prompts.task import EXPLAIN
from tests.backend.engines.harness import LoadedModel, Machine, machine  # noqa: F401
from tests.backend.harness import Socket, World, running
from tests.indexer.harness import lay_out

pytestmark = pytest.mark.process

FILES = {
    "shop/cart.py": "class Cart:\n"
    '    """What a customer wants to buy."""\n\n'
    "    def total(self, prices):\n"
    '        """Sums up what the cart costs."""\n'
    "        return add_taxes(sum_of(prices, self.items))\n",
    "shop/upload.py": "MAX_FILES = 1_000\n\n\ndef upload(files):\n"
    '    """Refuses more than MAX_FILES files."""\n'
    "    if len(files) > MAX_FILES:\n        raise ValueError\n",
}
HOW = "How does the cart sum up its total?"
LEAD = "`Cart.total` is a method in `shop/cart.py:4-6` [1]. Sums up what the cart costs [1]."
LAST = "Close to it: `Cart` in `shop/cart.py:1-2` [2]."  # of the lead; the words that hand over come after it


async def indexed(world: World, folder: Path) -> None:
    root = lay_out(folder / "code", FILES)
    assert (await world.post("/index", {"path": str(root), "wait": True})).status_code == 200


async def ask(world: World, question: str = HOW, **more: Any) -> dict[str, Any]:
    answer = await world.post("/chat/query", {"query": question, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_model_goes_on_from_the_lead(tmp_path: Path) -> None:
    engine = ScriptedEngine([" First `total` ", "asks `sum_of`. Then it ends."])
    async with running(tmp_path / "data", engine, lead=True) as world:
        await indexed(world, tmp_path)
        answer = await ask(world)
        again = await ask(world, "and then?", conversation_id=answer["conversation_id"], retrieval="off")
    assert answer["response"].startswith(LEAD)
    assert answer["response"].endswith("\n\nHow it works: First `total` asks `sum_of` [1]. Then it ends.")
    assert {citation["status"] for citation in answer["citations"]} == {"ok"}
    assert answer["grounding"] == 1.0
    assert answer["timings"]["prefill"] == 0.0
    assert answer["timings"]["read"] > 0.0
    first, second = engine.prompts
    lead = first.text.rpartition("<|assistant|>\n")[2]
    assert first.is_continuation
    assert f"{EXPLAIN}<|end|>\n<|assistant|>\n{lead}" in first.text
    assert lead.endswith("\n\nHow it works:")
    # The model reads its own words again, not those that were put between them.
    assert second.text.startswith(first.text + " First `total` asks `sum_of`. Then it ends.<|end|>\n<|user|>\n")
    assert second.messages[-2].content == f"{lead} First `total` asks `sum_of`. Then it ends."
    assert again["response"] == " First `total` asks `sum_of` [1]. Then it ends."


@pytest.mark.parametrize("engine", [ScriptedEngine([" It is so."]), ExtractiveEngine()])
async def test_a_value_is_told_before_any_engine_answers(tmp_path: Path, engine: Any) -> None:
    async with running(tmp_path / "data", engine, lead=True) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, "How many files may be uploaded?")
        search = (await world.post("/search", {"query": "How many files may be uploaded?"})).json()
    assert answer["response"].startswith("`MAX_FILES = 1_000`, in `shop/upload.py:1` [1].\n\nIn detail:")
    assert {citation["status"] for citation in answer["citations"]} == {"ok"}
    assert (answer["sources"][0]["path"], answer["sources"][0]["start"]) == ("shop/upload.py", 1)
    assert search["hits"][0]["path"] == "shop/upload.py"


@pytest.mark.parametrize(
    ("question", "body"),
    [
        (HOW, {"lead": False}),
        (HOW, {"retrieval": "off"}),
        (HOW, {"context": [{"path": "x.py", "text": "x = 1\n"}]}),
        ("Does the cart refuse files?", {}),
        ("Write a test for the cart", {}),
        ("How do volcanoes erupt on the moons of Jupiter?", {}),
    ],
)
async def test_there_is_none_where_it_is_not_the_answer(tmp_path: Path, question: str, body: dict[str, Any]) -> None:
    engine = ScriptedEngine(["Hm."])
    async with running(tmp_path / "data", engine, lead=True) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, question, **body)
    assert answer["response"] == "Hm."
    assert not engine.prompts[0].is_continuation


async def test_the_setting_turns_it_off_and_a_question_on(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine([" Hm."]), lead=False) as world:
        await indexed(world, tmp_path)
        assert (await ask(world))["response"] == " Hm."
        assert (await ask(world, lead=True))["response"].startswith(LEAD)


@asynccontextmanager
async def asked_of_ant(tmp_path: Path, machine: Machine) -> AsyncIterator[Socket]:  # noqa: F811
    """A socket over which a model of the machine gets a question how something works."""
    given = {"lead": True, "models_dir": str(machine.folder), "model_name": "ant", "context_length": 4000}
    async with running(tmp_path / "data", None, making=machine.pool, **given) as world, world.socket() as socket:
        await indexed(world, tmp_path)
        session = (await socket.call("session/open", workspace=str(tmp_path / "code")))["session"]
        await socket.call("session/prompt", session=session, turn="t1", text=HOW)
        yield socket


async def test_it_is_there_while_the_model_is_still_loaded(tmp_path: Path, machine: Machine) -> None:  # noqa: F811
    machine.gates["ant"] = asyncio.Event()
    async with asked_of_ant(tmp_path, machine) as socket:
        begun = await socket.until("delta")
        assert begun["text"].startswith(LEAD)
        assert begun["text"].endswith(LAST)
        assert machine.engines == {}
        machine.gates["ant"].set()
        end = await socket.until("end")
    sources = [event["items"] for event in socket.logged if event["type"] == "sources"]
    assert sources[0] == sources[-1][: len(sources[0])]
    assert (sources[0][0]["n"], sources[0][0]["path"]) == (1, "shop/cart.py")
    assert (end["reason"], end["model"]) == ("stop", "ant")
    text = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
    assert text.count(LEAD) == 1
    assert text.endswith("ant says.")


async def test_a_value_that_nothing_shows_is_marked_and_the_place_is_told(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(["`upload` allows 3 files [1]."])) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, "How many files may be uploaded?")
        right = ScriptedEngine(["At most 1,000 files [2]."])
    source = answer["sources"][0]
    place = f"`{source['path']}:{source['start']}-{source['end']}` [1]"
    assert (
        answer["response"] == f"`upload` allows 3 files [1].\n\nThe code that was read does not say `3`: see {place}."
    )
    marked = [(answer["response"][c["start"] : c["end"]], c["status"]) for c in answer["citations"]]
    assert marked[:2] == [("3", "invented"), ("[1]", "invented")]
    assert {status for _, status in marked[2:]} == {"ok"}
    assert answer["grounding"] == 0.0
    async with running(tmp_path / "other", right) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, "How many files may be uploaded?")
    assert {citation["status"] for citation in answer["citations"]} == {"ok"}


async def test_no_answer_without_a_model_is_held_to_the_words_of_the_server(tmp_path: Path) -> None:
    async with running(tmp_path / "data", models_dir=str(tmp_path / "none"), lead=True) as world:
        await indexed(world, tmp_path)
        answer = await ask(world)
    assert answer["response"].endswith("adds one.*\n")  # names a model and its size
    assert (answer["grounding"], {citation["status"] for citation in answer["citations"]}) == (1.0, {"ok"})


@pytest.mark.parametrize(("question", "body"), [("Write a limit", {}), ("And 2 * 30?", {"retrieval": "off"})])
async def test_what_is_proposed_or_not_about_code_is_no_wrong_value(
    tmp_path: Path, question: str, body: dict[str, Any]
) -> None:
    async with running(tmp_path / "data", ScriptedEngine(["`new_limit` gives 60."])) as world:
        await indexed(world, tmp_path)
        first = await ask(world, "Write it.")
        answer = await ask(world, question, conversation_id=first["conversation_id"], **body)
    assert (answer["response"], answer["citations"]) == ("`new_limit` gives 60.", [])


async def test_the_place_stands_outside_of_code_that_was_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(["It is 3.\n```py\nx"])) as world:
        await indexed(world, tmp_path)
        answer = await ask(world, "How many files may be uploaded?")
    assert "\n```py\nx\n```\n\nThe code that was read does not say `3`: see " in answer["response"]


ANSWER = " As [1] shows, `total` asks"


@pytest.mark.parametrize("ends", [{"fail_after": 1}, {"stall_after": 1}])
async def test_all_that_the_model_said_is_shown_however_it_ends(tmp_path: Path, ends: dict[str, int]) -> None:
    engine = ScriptedEngine([ANSWER], **ends)  # type: ignore[arg-type]
    async with running(tmp_path / "data", engine, lead=True) as world, world.socket() as socket:
        await indexed(world, tmp_path)
        session = (await socket.call("session/open", workspace=str(tmp_path / "code")))["session"]
        await socket.call("session/prompt", session=session, turn="t1", text=HOW)
        while not any(event["type"] == "delta" and event["text"].endswith(" As") for event in socket.logged):
            await socket.receive()
        if "stall_after" in ends:
            await socket.call("session/cancel", session=session)
        await socket.until("end")
    text = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
    assert text.partition("How it works:")[2] == ANSWER
    assert [event["status"] for event in socket.logged if event["type"] == "cite"][-1] == "ok"


async def test_a_lead_that_no_model_goes_on_from_hands_over_to_nobody(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(fail_after=0), lead=True) as world, world.socket() as socket:
        await indexed(world, tmp_path)
        session = (await socket.call("session/open", workspace=str(tmp_path / "code")))["session"]
        await socket.call("session/prompt", session=session, turn="t1", text=HOW)
        await socket.until("end")
    text = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
    assert text.startswith(LEAD)
    assert text.endswith(f"{LAST}\n")


async def test_without_a_model_after_all_the_lead_is_said_once(
    tmp_path: Path,
    machine: Machine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def breaks(self: LoadedModel, place: int) -> None:
        if self.prompts and self.prompts[-1].snippets:  # not for the test of the load
            raise EngineFailed(f"broken at {place}")

    monkeypatch.setattr(LoadedModel, "_disturb", breaks)
    given = {"lead": True, "models_dir": str(machine.folder), "model_name": "auto", "context_length": 4000}
    async with running(tmp_path / "data", None, making=machine.pool, **given) as world:
        await indexed(world, tmp_path)
        answer = await ask(world)
    lead, _, rest = answer["response"].partition("\n\nHow it works:\n\n")
    assert (lead.count(LEAD), rest.count("is a method in")) == (1, 0)
    assert rest.startswith("`shop/cart.py:4-6`\n\n```python\n")
    assert {citation["status"] for citation in answer["citations"]} == {"ok"}


async def test_a_load_that_fails_leaves_the_lead_and_its_reason(tmp_path: Path, machine: Machine) -> None:  # noqa: F811
    machine.failing["ant"] = "it is broken"
    async with asked_of_ant(tmp_path, machine) as socket:
        end = await socket.until("end")
    text = "".join(event["text"] for event in socket.logged if event["type"] == "delta")
    assert text.startswith(LEAD)
    assert end["error"]["code"] == "model_unavailable"
    assert "it is broken" in end["error"]["message"]
