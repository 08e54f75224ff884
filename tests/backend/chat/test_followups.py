"""Follow-ups through the faces: lists of what was spoken of, the same sources again, and prompts that name it."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from backend.chat.followups import topic_of
from backend.db.tables import TurnRow
from indexer.navigation.followup import Subject
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Sampling
from tests.backend.harness import World, running

pytestmark = pytest.mark.process

FILES = {
    "shop/price.py": (
        "def gross_price(item):\n"
        '    """Works out what an item costs at the till, with taxes."""\n'
        "    return item.cost + item.tax\n"
    ),
    "shop/till.py": (
        "from shop.price import gross_price\n\n\n"
        "def total(items):\n"
        '    """Adds up the items at the till."""\n'
        "    return sum(gross_price(item) for item in items)\n"
    ),
    "stock/labels.py": (
        "def gross_price(label):\n"
        '    """Reads a number off a label."""\n'
        "    return int(label)\n\n\n"
        "def sort(labels):\n"
        "    return sorted(labels, key=gross_price)\n"
    ),
    "stock/box.py": 'class Box:\n    """Holds labels in the stock."""\n\n    def open(self):\n        return self\n',
    "tests/test_price.py": (
        "from shop.price import gross_price\n\n\ndef test_taxes(item):\n    assert gross_price(item) == 3\n"
    ),
}
CALLED = "`gross_price` is called in 2 places:\n\n- `shop/till.py:6` [{n}] in `total`: "
TESTED = "One test touches `gross_price`:\n\n- `tests/test_price.py:5` [{n}] in `test_taxes`: "
FIRST = "How does gross_price work out what an item costs at the till?"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough on a busy machine: a structural answer that is not found in time is none."""
    monkeypatch.setattr("indexer.navigation.navigator._CPU_S", 10.0)
    monkeypatch.setattr("indexer.navigation.navigator._WALL_S", 20.0)


class Recording(ScriptedEngine):
    """Keeps what it only reads, too."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        super().__init__(texts)
        self.read: list[Prompt] = []

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        self.read.append(prompt)
        return super().stream(prompt, sampling)


class Talk:
    """One conversation over REST, about the files above."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, str] = {}

    @classmethod
    async def begun(cls, world: World, folder: Path) -> "Talk":
        for path, text in FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        job = (await world.post("/index", {"path": str(folder), "wait": True})).json()
        assert job["state"] == "done", job
        return cls(world)

    async def ask(self, query: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.world.post("/chat/query", {"query": query, **self.ids, **more})).json()
        self.ids = {name: answer[name] for name in ("session_id", "conversation_id")}
        return answer


def places(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(item["n"], item["path"]) for item in answer["sources"]]


async def test_a_conversation_without_a_model(tmp_path: Path) -> None:
    async with running(tmp_path / "data", model_name="extractive") as world:
        talk = await Talk.begun(world, tmp_path / "code")
        alone = await talk.ask("who calls gross_price?")
        talk.ids = {}
        first = await talk.ask(FIRST)
        more = await talk.ask("explain more")
        callers = await talk.ask("and who calls it?")
        tests = await talk.ask("show me its tests")
        why = await talk.ask("why?")
        own = await talk.ask("where is `Box` defined?")
        file = await talk.ask("what else is in this file?")
    assert alone["response"].startswith(
        "`gross_price` has 2 definitions.\n\n`gross_price` in `shop/price.py:1` [1] is called in 2 places:\n\n"
    )
    assert first["response"].startswith("`gross_price` is a function in `shop/price.py:1-3` [1].")
    assert places(more) == places(first)
    last = len(places(first))
    assert callers["response"].startswith(CALLED.format(n=last + 1))
    assert "labels" not in callers["response"]
    assert tests["response"].startswith(TESTED.format(n=last + 3))
    assert [answer["model_name"] for answer in (callers, tests, own, file)] == ["structure"] * 4
    assert (1, "shop/price.py") in places(why)
    assert own["response"].startswith("`Box` is defined in `stock/box.py:1`")
    assert file["response"].startswith("`stock/box.py` contains 2 definitions:")


async def test_the_sources_of_a_follow_up_begin_with_the_definition_that_it_refers_to(tmp_path: Path) -> None:
    """Two functions have that name; the answer before was about one of them."""
    async with running(tmp_path / "data", model_name="extractive") as world:
        talk = await Talk.begun(world, tmp_path / "code")
        await talk.ask(FIRST)
        defined = await talk.ask("where is it defined?", retrieval="only")
    exact, *others = defined["sources"]
    assert (exact["path"], exact["symbol"]) == ("shop/price.py", "gross_price")
    assert all(item["score"] < exact["score"] for item in others)


async def test_a_client_that_sends_its_history_is_understood_too(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(("Taxes ", "[1]."))) as world:
        await Talk.begun(world, tmp_path / "code")
        messages = [{"role": "user", "content": FIRST}]
        for question in ("and who calls it?", "its tests?"):
            answer = (await world.post("/v1/chat/completions", {"model": "scripted+repo", "messages": messages})).json()
            messages += [answer["choices"][0]["message"], {"role": "user", "content": question}]
        answer = (await world.post("/v1/chat/completions", {"model": "scripted+repo", "messages": messages})).json()
    assert messages[3]["content"].startswith(CALLED.partition("{n}")[0])
    assert answer["choices"][0]["message"]["content"].startswith(TESTED.partition("{n}")[0])


async def test_a_model_reads_what_is_meant(tmp_path: Path) -> None:
    engine = ScriptedEngine(("`gross_price` ", "adds taxes [1]."))
    async with running(tmp_path / "data", engine, snippets=2, evidence_tokens=0) as world:
        talk = await Talk.begun(world, tmp_path / "code")
        first = await talk.ask(FIRST)
        about = await talk.ask("what does it return?")
        attached = await talk.ask("why does it fail?", context=[{"path": "x.py", "text": "x = 1\n"}])
        off = await talk.ask("who calls it?", retrieval="off")
    questions = [prompt.question for prompt in engine.prompts]
    assert questions == [FIRST, "what does `gross_price` return?", "why does it fail?", "who calls it?"]
    assert (1, "shop/price.py") in places(first)
    assert (1, "shop/price.py") in places(about)
    assert off["sources"] == []
    assert attached["model_name"] == "scripted"


async def test_more_brings_two_new_places_at_most(tmp_path: Path) -> None:
    engine = ScriptedEngine(("`gross_price` ", "adds taxes [1]."))
    async with running(tmp_path / "data", engine, snippets=2, evidence_tokens=0) as world:
        talk = await Talk.begun(world, tmp_path / "code")
        first = await talk.ask(FIRST)
    async with running(tmp_path / "data", engine, snippets=24, evidence_tokens=0) as world:
        talk.world = world
        second = await talk.ask("explain more")
        third = await talk.ask("thanks", retrieval="off"), await talk.ask("go on")
    assert [n for n, _ in places(first)] == [1, 2]
    assert [n for n, _ in places(second)] == [1, 2, 3, 4]
    assert [n for n, _ in places(third[1])][:4] == [1, 2, 3, 4]
    last = engine.prompts[1].messages[-1].content
    assert "Shown above and relevant again: [1], [2]\n\nQuestion: explain more" in last
    assert "[1] shop/price.py" not in last


async def test_what_changed_since_is_not_taken_for_what_was_read(tmp_path: Path) -> None:
    engine = ScriptedEngine(("`gross_price` ", "adds taxes [1]."))
    async with running(tmp_path / "data", engine, snippets=2, evidence_tokens=0) as world:
        talk = await Talk.begun(world, tmp_path / "code")
        first = await talk.ask(FIRST)
        (tmp_path / "code" / "shop" / "price.py").write_text(FILES["shop/price.py"].replace("item.tax", "1"))
        more = await talk.ask("explain more")
    assert (1, "shop/price.py") in places(first)
    assert (1, "shop/price.py") not in places(more)
    assert "shop/price.py" in {path for _, path in places(more)}


@pytest.mark.parametrize("text", ["what does it return?", "explain more"])
async def test_what_is_read_ahead_and_previewed_is_what_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    async def is_loaded(_: str) -> bool:
        return True

    engine = Recording(("`gross_price` ", "adds taxes [1]."))
    async with running(tmp_path / "data", engine) as world, world.socket() as socket:
        talk = await Talk.begun(world, tmp_path / "code")
        await talk.ask(FIRST)

        monkeypatch.setattr(world.services.engines, "is_loaded", is_loaded)
        session = talk.ids["session_id"]
        await socket.call("session/open", session=session)
        for name in ("and who calls it?", text):
            await socket.call("session/prefetch", session=session, text=name)
            await asyncio.gather(*world.services.prefetcher.reading.values())
        shown = (await world.post("/chat/preview", {"query": text, **talk.ids})).json()
        await talk.ask(text)
    _, ahead, question = engine.read  # of the listing nothing is read
    assert ahead.text == question.text == shown["prompt"]
    assert (ahead.prefetch, question.prefetch) == (True, False)


def turn(question: str, answer: str = "", *sources: tuple[int, str, str], message: str = "") -> TurnRow:
    items = [
        {"n": n, "path": path, "start": 1, "end": 9, "symbol": symbol or None, "sha": "", "score": 1.0}
        for n, path, symbol in sources
    ]
    return TurnRow(question=question, answer=answer, sources=items, user_message=message or question)


CAR, KEY = (1, "car.py", "Car.start"), (2, "key.py", "Key")
GUIDE = (3, "docs/guide.md", "Guide.Cars")
CASES: list[tuple[list[TurnRow], Subject | None]] = [
    ([], None),
    ([turn("how?", "It turns the `Key` [2] first. Then `Car.start`.", CAR, KEY)], Subject("Key", "key.py")),
    ([turn("how?", "The engine is started [1] by `Key`.", CAR, KEY)], Subject("Car.start", "car.py")),
    ([turn("how?", "See `start()`.\n\nAnd `Key`.", KEY, CAR)], Subject("Car.start", "car.py")),
    ([turn("how?", "```\nKey\n```\n\nIt is Car.start.", KEY, CAR)], Subject("Car.start", "car.py")),
    ([turn("how?", "By turning it.", KEY, CAR)], Subject("Key", "key.py")),
    ([turn("how does Car.start work?", "The `Key` [2] is turned.", KEY, CAR)], Subject("Car.start", "car.py")),
    ([turn("how?", "As the guide says [3].", CAR, GUIDE)], Subject("", "docs/guide.md")),
    ([turn("hello", "Hello!")], None),
    ([turn("who calls Key?", "`Key` is called in ...", CAR)], Subject("Key")),
    ([turn("where is Key?", "`Key` is defined in ...", KEY)], Subject("Key", "key.py")),
    ([turn("where is Key?", "`Key` is defined in ...", KEY, (4, "b.py", "Key"))], Subject("Key")),
    ([turn("what is in car.py?", "`car.py` contains ...", CAR)], Subject("car.py", "car.py")),
    ([turn("list the routes", "There are ...", CAR, KEY)], None),
]
FOLLOWED = [
    ([turn("who calls it?", "`Key` is called in ...", CAR)], Subject("Key", "key.py")),
    ([turn("why?", "Because of `Car.start`.", KEY, CAR)], Subject("Key", "key.py")),
    ([turn("thanks", "`Car.start` ...", CAR)], Subject("Key", "key.py")),
    ([turn("what does it need?", "`Car.start` needs it.", CAR, KEY)], Subject("Key", "key.py")),
    ([turn("where is Key defined?", "2 places", KEY, (4, "b.py", "Key"))], Subject("Key")),
    ([turn("and Car.start?", "`Car.start` ...", CAR)], Subject("Car.start", "car.py")),
]


@pytest.mark.parametrize(("turns", "subject"), CASES)
def test_what_an_answer_is_about(turns: list[TurnRow], subject: Subject | None) -> None:
    assert topic_of(turns).subject == subject


@pytest.mark.parametrize(("turns", "subject"), FOLLOWED)
def test_what_a_follow_up_is_about(turns: list[TurnRow], subject: Subject) -> None:
    assert topic_of([turn("where is Key?", "`Key` is defined in ...", KEY), *turns]).subject == subject


def test_nothing_that_answers_is_about_nothing() -> None:
    doubted = turn(
        "how do I bake?",
        "Not here.",
        CAR,
        message="The search found nothing in the repository that clearly answers the question below."
        " If this code does not answer it, say so and name the closest place.",
    )
    assert topic_of([doubted]).subject is None


def test_what_is_gone_on_with_is_the_last_question_that_was_one() -> None:
    turns = [
        turn("where is Key?", "`Key` ...", KEY),
        turn("what does it do?", "`Key` opens.", KEY),
        turn("why?", "So."),
    ]
    topic = topic_of(turns)
    assert (topic.question, topic.earlier) == ("what does `Key` do?", ("where is Key?",))
