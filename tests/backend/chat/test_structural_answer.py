"""A structural question through every face: the same text, exact places, and no model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.chat.structural_answer import listing
from indexer.navigation.doubts import Doubt
from indexer.navigation.intent import StructuralQuery
from indexer.navigation.locations import Location
from indexer.navigation.structural_answers import Group, StructuralAnswer
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.indexer.harness import put

pytestmark = pytest.mark.process

FILES = {
    "shop/price.py": 'def price(item):\n    """What it costs."""\n    return item.cost\n',
    "shop/till.py": (
        "from shop.price import price\n\n\ndef total(items):\n    return sum(price(item) for item in items)\n"
    ),
}
DEFINED = "`price` is defined in `shop/price.py:1` [1]: `def price(item)`\n"
CALLED = "`price` is called in `shop/till.py:5` [2] in `total`: `return sum(price(item) for item in items)`\n"


async def indexed(world: World, folder: Path) -> None:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    job = (await world.post("/index", {"path": str(folder), "wait": True})).json()
    assert job["state"] == "done", job


def summary(answer: dict[str, Any]) -> list[Any]:
    source = answer["sources"][0]
    return [answer["response"], answer["model_name"], answer["reason"], source["n"], source["path"], source["start"]]


async def test_it_is_answered_without_a_model_through_rest_and_the_socket(tmp_path: Path) -> None:
    engine = ScriptedEngine(("A model ", "spoke."))
    async with running(tmp_path / "data", engine) as world, world.socket() as socket:
        await indexed(world, tmp_path / "code")
        first = (await world.post("/chat/query", {"query": "where is price defined?"})).json()
        ids = {name: first[name] for name in ("session_id", "conversation_id")}
        second = (await world.post("/chat/query", {"query": "who calls price?", **ids})).json()
        third = (await world.post("/chat/query", {"query": "Why is it cheap?", **ids})).json()
        history = (await world.get("/chat/history", conversation_id=ids["conversation_id"])).json()
        session = (await socket.call("session/open"))["session"]
        turn = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        await socket.call("session/prompt", session=session, turn=turn, text="where is price defined?")
        end = await socket.until("end", turn)
    assert summary(first) == [DEFINED, "structure", "stop", 1, "shop/price.py", 1]
    assert summary(second) == [CALLED, "structure", "stop", 2, "shop/till.py", 4]
    assert (third["response"], third["model_name"]) == ("A model spoke.", "scripted")
    assert [m["content"] for m in history["messages"]][1:4:2] == [DEFINED, CALLED]
    assert [event["text"] for event in socket.logged if event["type"] == "delta"] == [DEFINED]
    assert (end["reason"], end["model"], end["grounding"]) == ("stop", "structure", 1.0)
    assert [citation["status"] for citation in first["citations"] + second["citations"]] == ["ok"] * 4
    (prompt,) = engine.prompts
    assert CALLED.strip() in prompt.text
    assert prompt.text.count("[1] shop/price.py:1-3") == 1


async def test_a_question_about_the_project_is_answered_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "package.json").write_text('{\n  "name": "shop",\n  "license": "MIT"\n}\n')
    async with running(tmp_path / "data", ScriptedEngine(("A model spoke.",))) as world:
        await indexed(world, tmp_path / "code")
        answer = (await world.post("/chat/query", {"query": "What license does it have?"})).json()
        hits = (await world.post("/search", {"query": "What license does it have?"})).json()["hits"]
        codebase = (await world.get("/codebases")).json()["codebases"][0]["id"]
        overview = (await world.get(f"/codebases/{codebase}/overview")).json()
    text = "`license` is `MIT` in `package.json:3` [1].\n"
    assert summary(answer) == [text, "structure", "stop", 1, "package.json", 1]
    assert [citation["status"] for citation in answer["citations"]] == ["ok"] * 2
    assert hits[0]["path"] == "package.json"
    licence = {"kind": "licence", "name": "license", "value": "MIT", "path": "package.json", "line": 3}
    assert (overview["name"], overview["languages"][0]) == ("code", {"name": "python", "files": 2})
    assert licence in overview["facts"]


async def test_search_has_the_exact_places_first(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine(("x",))) as world, world.socket() as socket:
        await indexed(world, tmp_path / "code")
        found = (await world.post("/search", {"query": "who calls price?", "k": 2})).json()["hits"]
        same = (await socket.call("search", query="who calls price?", limit=2))["hits"]
        only = (await world.post("/chat/query", {"query": "who calls price?", "retrieval": "only"})).json()
        off = (await world.post("/chat/query", {"query": "who calls price?", "retrieval": "off"})).json()
    assert [(hit["chunk_id"], hit["text"]) for hit in found] == [(hit["chunk_id"], hit["text"]) for hit in same]
    assert [(hit["path"], hit["start_line"], hit["end_line"]) for hit in found] == [
        ("shop/till.py", 4, 5),
        ("shop/price.py", 1, 3),
    ]
    assert (found[0]["why"]["symbol"], found[0]["fresh"], found[0]["symbol"]) == (1.0, True, "total")
    assert found[0]["score"] > found[1]["score"]
    assert only["sources"][0]["path"] == "shop/till.py"
    assert (only["response"], off["response"], off["sources"]) == ("", "x", [])


async def test_search_says_whether_anything_was_found(tmp_path: Path) -> None:
    async with running(tmp_path / "data", model_name="extractive") as world, world.socket() as socket:
        await indexed(world, tmp_path / "code")
        queries = ("who calls price?", "what an item costs", "How do I bake a chocolate cake?")
        found = [(await world.post("/search", {"query": query})).json()["found"] for query in queries]
        same = [(await socket.call("search", query=query))["found"] for query in queries]
        cake = (await world.post("/chat/query", {"query": queries[2]})).json()
    assert found == same == [True, True, False]
    assert cake["response"].startswith("Nothing in this codebase answers that. The nearest places:\n\n- `")
    assert {citation["status"] for citation in cake["citations"]} == {"ok"}


def text_of(query: StructuralQuery, *locations: Location, doubts: tuple[Doubt, ...] = (), first: int = 1) -> str:
    return listing(StructuralAnswer(query, (Group(None, locations, doubts),), ()), first)


def test_several_places_are_a_list_that_ends() -> None:
    spots = tuple(Location(f"m{n}.py", n, "run", "call", f"go({n})", 0 if n < 23 else None) for n in range(1, 25))
    text = text_of(StructuralQuery("calls", "go"), *spots, doubts=(Doubt("files"),), first=5)
    lines = text.splitlines()
    assert lines[:4] == [
        "`go` is called in at least 24 places:",
        "",
        "- `m1.py:1` [5] in `run`: `go(1)`",
        "- `m2.py:2` [5] in `run`: `go(2)`",
    ]
    assert lines[-3:] == [
        "- and 4 more in `m21.py`, `m22.py`, `m23.py`, `m24.py`",
        "",
        "There may be more: too many files have the name.",
    ]
    assert len(lines) == 25


def test_one_place_is_a_sentence_unless_it_does_not_hold_the_name() -> None:
    def text(query: StructuralQuery, line: str) -> str:
        return text_of(query, Location("a.py", 3, "Box", "class", line, 0))

    assert text(StructuralQuery("calls", "go"), "go(1)") == "`go` is called in `a.py:3` [1] in `Box`: `go(1)`\n"
    assert (
        text(StructuralQuery("calls", "go"), "run(1)")
        == "`go` is called in one place:\n\n- `a.py:3` [1] in `Box`: `run(1)`\n"
    )
    assert text(StructuralQuery("subclasses", "B"), "class Box(B):") == (
        "One type derives from `B`:\n\n- `a.py:3` [1] in `Box`: `class Box(B):`\n"
    )
    assert text(StructuralQuery("outline", "a.py"), "class Box") == (
        "`a.py` contains one definition:\n\n- `Box`, class, `a.py:3` [1]: `class Box`\n"
    )


def test_a_doubt_makes_it_at_least_and_says_why() -> None:
    spot = Location("a.py", 3, "Box", "call", "go(1)", 0)
    unread = tuple(Doubt("language", f"{name}.zig") for name in "ab")
    assert text_of(StructuralQuery("calls", "go"), spot, doubts=unread[:1]) == (
        "`go` is called in at least one place:\n\n- `a.py:3` [1] in `Box`: `go(1)`\n\n"
        "There may be more: `a.zig` has the name and was not understood.\n"
    )
    assert text_of(StructuralQuery("calls", "go"), spot, spot, doubts=(*unread, Doubt("types"))).endswith(
        "There may be more: `a.zig`, `b.zig` have the name and were not understood; types are not inferred.\n"
    )
    assert text_of(StructuralQuery("tests", "go"), spot, doubts=(Doubt("syntax", "t.py"),)) == (
        "At least one test touches `go`:\n\n- `a.py:3` [1] in `Box`: `go(1)`\n\n"
        "There may be more: `t.py` has the name in a syntax error.\n"
    )


def test_each_definition_has_its_list() -> None:
    one, two, three = (
        Location(f"{path}.ts", 2, "go", "function", "function go()", hit)
        for hit, path in ((1, "a"), (2, "b"), (None, "c"))
    )
    call = Location("a.ts", 9, "run", "call", "go(1)", 0)
    groups = (
        Group(one, (call,)),
        Group(two, (replace(call, path="x.ts"), replace(call, path="y.ts")), (Doubt("meaning", "z.ts"),)),
        Group(three, ()),
        Group(None, (replace(call, path="z.ts"),)),
    )
    assert listing(StructuralAnswer(StructuralQuery("calls", "go"), groups, ()), 1) == (
        "`go` has 3 definitions.\n\n"
        "`go` in `a.ts:2` [2] is called in `a.ts:9` [1] in `run`: `go(1)`\n\n"
        "`go` in `b.ts:2` [3] is called in at least 2 places:\n\n"
        "- `x.ts:9` [1] in `run`: `go(1)`\n- `y.ts:9` [1] in `run`: `go(1)`\n\n"
        "No call of `go` in `c.ts` was found.\n\n"
        "Which `go` is meant is not clear in one place:\n\n- `z.ts:9` [1] in `run`: `go(1)`\n"
    )


def test_uses_are_no_calls() -> None:
    call, use = Location("a.py", 9, "run", "call", "go(1)", 0), Location("a.py", 8, "run", "use", "at(go)", 0)
    group = Group(None, (call,), uses=(use, replace(use, path="b.py")))
    assert listing(StructuralAnswer(StructuralQuery("calls", "go"), (group,), ()), 1) == (
        "`go` is called in `a.py:9` [1] in `run`: `go(1)`\n\n"
        "`go` is used without a call in 2 places, by its name:\n\n"
        "- `a.py:8` [1] in `run`: `at(go)`\n- `b.py:8` [1] in `run`: `at(go)`\n"
    )
    alone = replace(group, locations=(), uses=(use,), doubts=(Doubt("types"),))
    assert listing(StructuralAnswer(StructuralQuery("calls", "go"), (alone,), ()), 1) == (
        "No call of `go` was found.\n\n`go` is used without a call in at least one place, by its name:\n\n"
        "- `a.py:8` [1] in `run`: `at(go)`\n\nThere may be more: types are not inferred.\n"
    )


def test_routes() -> None:
    spot = Location("a.py", 3, "Box.open", "method", "def open(self)", 0)
    routes = text_of(StructuralQuery("routes"), spot, spot, doubts=(Doubt("time"),))
    assert routes.startswith("There are at least 2 routes:\n\n- `a.py:3` [1] in `Box.open`: `def open(self)`\n")


def test_a_signature_is_whole_and_on_one_line() -> None:
    spot = Location("a.py", 3, "go", "function", f"def go( *, a: int = {'1' * 200}, ) -> dict[ str, int ]", 0)
    text = text_of(StructuralQuery("signature", "go"), spot)
    assert text == f"`go` is defined in `a.py:3` [1]: `def go(*, a: int = {'1' * 200}) -> dict[str, int]`\n"


def test_a_path_and_a_line_show_their_hidden_characters() -> None:
    spot = Location("a\n\u202e.py", 3, "go", "call", "go('\x1b[2J')", 0)
    query = StructuralQuery("calls", "go")
    assert text_of(query, spot) == "`go` is called in `a\\n\\u202e.py:3` [1] in `go`: `go('\\x1b[2J')`\n"
    many = text_of(query, *(replace(spot, line=n) for n in range(30)))
    assert many.endswith(" more in `a\\n\\u202e.py`\n")
    assert "`a\\n\\u202e.py` has" in text_of(query, spot, doubts=(Doubt("syntax", spot.path),))


async def test_the_definitions_of_a_name_are_sources_too(tmp_path: Path) -> None:
    async with running(tmp_path / "data", model_name="extractive") as world:
        for name in ("stock", "shop"):
            put(tmp_path / "code", f"{name}/day.py", f"def day_of():\n    return '{name}'\n")
            put(tmp_path / "code", f"{name}/line.py", f"from {name}.day import day_of\n\nLINE = day_of()\n")
        await indexed(world, tmp_path / "code")
        answer = (await world.post("/chat/query", {"query": "who calls day_of?"})).json()
    assert answer["response"] == (
        "`day_of` has 2 definitions.\n\n"
        "`day_of` in `shop/day.py:1` [1] is called in `shop/line.py:3` [3]: `LINE = day_of()`\n\n"
        "`day_of` in `stock/day.py:1` [2] is called in `stock/line.py:3` [4]: `LINE = day_of()`\n"
    )
    assert {citation["status"] for citation in answer["citations"]} == {"ok"}
    assert [source["path"] for source in answer["sources"]] == [
        *("shop/day.py", "stock/day.py", "shop/line.py", "stock/line.py")
    ]
