"""Lines of files and names of an indexed codebase, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

pytestmark = pytest.mark.process

TREE = {
    "shop/price.py": "RATE = 2\n\n\ndef price(item):\n    return item * RATE\n",
    "shop/till.py": (
        "from shop.price import price\n\n\ndef total(items):\n    return sum(price(item) for item in items)\n"
    ),
    "long.txt": "".join(f"line {n}\n" for n in range(1, 1001)),
    "empty.py": "",
    "config.py": 'AWS_KEY = "AKIAIOSFODNN7REALKEY"\nSTRIPE = "sk_live_4eC39HqLyjWDarjtT1zdp7dcAAAAAAA"\n',
    ".env": "PASSWORD=hunter2\n",
    ".gitignore": "ignored.py\n",
    "ignored.py": "x = 1\n",
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    root = tmp_path / "code"
    for name, text in TREE.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    async with running(tmp_path / "data", ScriptedEngine(), watch=False) as running_world:
        answer = await running_world.post("/index", {"path": str(root), "wait": True})
        running_world.http.params = {"codebase": answer.json()["codebase"]}
        yield running_world


async def read(world: World, path: str, **where: int) -> tuple[int, dict[str, object]]:
    codebase = world.http.params["codebase"]
    answer = await world.get(f"/codebases/{codebase}/file", path=path, **where)
    return answer.status_code, answer.json()


async def test_lines_of_a_file(world: World, tmp_path: Path) -> None:
    status, found = await read(world, "shop/price.py", start=4, end=5)
    assert status == 200
    assert (found["start"], found["end"], found["lines"]) == (4, 5, 5)
    assert found["text"] == "def price(item):\n    return item * RATE"
    assert len(str(found["sha"])) == 64
    (tmp_path / "code" / "shop" / "price.py").write_text("changed = 1\n")
    status, found = await read(world, "shop/price.py")
    assert (status, found["text"], found["lines"]) == (200, "changed = 1", 1)


async def test_an_answer_has_400_lines(world: World) -> None:
    _, found = await read(world, "long.txt", start=101)
    assert (found["start"], found["end"], found["lines"]) == (101, 500, 1000)
    assert str(found["text"]).splitlines()[::399] == ["line 101", "line 500"]
    assert (await read(world, "long.txt", start=1, end=1000))[1]["end"] == 400
    assert (await read(world, "long.txt", start=1001))[0] == 422
    assert (await read(world, "long.txt", start=9, end=8))[0] == 422
    _, empty = await read(world, "empty.py")
    assert (empty.get("lines"), empty.get("text")) in [(0, ""), (None, None)]  # an empty file may not be indexed


async def test_secrets_are_masked(world: World) -> None:
    _, found = await read(world, "config.py")
    assert found["lines"] == 2
    assert "[secret removed]" in str(found["text"])
    assert "sk_live" not in str(found["text"])


@pytest.mark.parametrize(
    "path",
    ["missing.py", "../outside.py", "/etc/passwd", "link.py", ".env", "ignored.py", "shop", "shop/../long.txt", "\x00"],
)
async def test_other_files_are_not_found(world: World, path: str) -> None:
    status, body = await read(world, path)
    assert (status, body["error"]["code"]) == (404, "not_found")  # type: ignore[index]


async def test_a_file_that_became_a_link_is_not_found(world: World, tmp_path: Path) -> None:
    (tmp_path / "code" / "long.txt").unlink()
    (tmp_path / "code" / "long.txt").symlink_to(tmp_path / "outside.py")
    assert (await read(world, "long.txt"))[0] == 404


async def test_definitions_and_uses_of_a_name(world: World) -> None:
    found = (await world.get("/symbols", name="price", uses=True)).json()
    place = {"path": "shop/price.py", "start": 4, "end": 5, "symbol": "price", "kind": "function", "language": "python"}
    assert found["definitions"] == [place]
    assert found["uses"] == [{"path": "shop/till.py", "line": 5, "text": "return sum(price(item) for item in items)"}]
    assert (found["is_complete"], found["why"], found["generation"]) == (True, "", 1)


async def test_what_is_cut_is_said(world: World, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / "code" / f"{name}.py").write_text("def same():\n    pass\n")
    await world.post("/index", {"path": str(tmp_path / "code"), "wait": True})
    found = (await world.get("/symbols", name="same", limit=2)).json()
    assert [item["path"] for item in found["definitions"]] == ["a.py", "b.py"]
    assert (found["is_complete"], found["why"]) == (False, "3 definitions were found, 2 are listed.")


async def test_an_unknown_name_has_no_places(world: World) -> None:
    found = (await world.get("/symbols", name="nothing_here", uses=True)).json()
    assert (found["definitions"], found["uses"]) == ([], [])
    for bad in ("", "x" * 201):
        assert (await world.get("/symbols", name=bad)).status_code == 422


async def test_without_a_codebase_the_answer_says_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        answer = await world.get("/symbols", name="x")
        other = await world.get("/codebases/none/file", path="x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "index_unavailable")
    assert (other.status_code, other.json()["error"]["code"]) == (404, "not_found")
