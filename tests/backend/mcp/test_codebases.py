"""Which codebase a tool works on: named, of the client's folder, or the last."""

import os
from pathlib import Path

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.backend.mcp.harness import call, connected, failure, make_shop

pytestmark = pytest.mark.process


async def test_a_codebase_is_named_by_id_name_or_a_path_in_it(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        shop, bank = await make_shop(world, tmp_path), await make_shop(world, tmp_path, "bank")
        last = await call(client, "index")
        for name in ("shop", "Shop", str(shop), str(shop / "cart.py")):
            assert (await call(client, "index", codebase=name))["root"] == str(shop)
        own = (await call(client, "search_code", query="refund", codebase=str(shop / "cart.py")))["codebase"]
        assert (await call(client, "index", codebase=own))["root"] == str(shop)
    assert last["root"] == str(bank)


async def test_the_folder_of_the_client_decides_if_none_is_named(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world:
        shop = await make_shop(world, tmp_path)
        await make_shop(world, tmp_path, "bank")
        (shop / "below").mkdir()
        async with connected(world, folder=shop / "below") as client:
            assert (await call(client, "index"))["root"] == str(shop)
        async with connected(world, folder=Path.home()) as client:  # says nothing
            assert (await call(client, "index"))["root"] == str(tmp_path / "bank")


async def test_a_folder_without_an_index_gets_one(tmp_path: Path) -> None:
    new = tmp_path / "new" / "below"
    new.mkdir(parents=True)
    (new / "a.py").write_text("def late(): ...\n")
    (tmp_path / "new" / ".git").mkdir()
    (tmp_path / "new" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world, folder=new) as client:
        shop = await make_shop(world, tmp_path)
        refused = await failure(client, "search_code", query="late")
        made = await call(client, "index")
        found = await call(client, "search_code", query="late")
    assert f"{new} is not indexed: call `index` with codebase={str(new)!r} first" in refused
    assert str(shop) in refused
    assert made["root"] == str(tmp_path / "new")  # the repository around it
    assert found["hits"][0]["path"] == "below/a.py"


async def test_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    """Half of a surrogate pair stands for such a byte; an answer that held one could be read by no client."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/od\xffd"))
    odd.mkdir()
    (odd / "a.py").write_text("def late(): ...\n")
    async with (
        running(tmp_path / "data", ScriptedEngine(), watch=False) as world,
        connected(world, folder=odd) as client,
    ):
        refused = await failure(client, "search_code", query="late")
        made = await call(client, "index")
        found = await call(client, "search_code", query="late")
        elsewhere = await failure(client, "search_code", query="late", codebase="nope")
    assert f"{tmp_path}/od\\udcffd is not indexed" in refused
    assert made["root"] == f"{tmp_path}/od?d"
    assert [hit["path"] for hit in found["hits"]] == ["a.py"]
    assert f"({tmp_path}/od\\udcffd)" in elsewhere


async def test_a_folder_that_is_no_codebase(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        for folder in ("/", "~", str(Path.home())):
            assert "is no codebase: call `index` with codebase set to a folder below" in await failure(
                client, "index", codebase=folder
            )
        assert "is worth indexing" in await failure(client, "index", codebase=str(tmp_path / "empty"))
        assert "holds nothing that is indexed" in await failure(client, "search_code", query="x", codebase="empty")
        assert world.services.jobs.all("") == []


async def test_a_name_that_is_unknown_or_not_unique(tmp_path: Path) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        shop = await make_shop(world, tmp_path)
        (tmp_path / "other").mkdir()
        await make_shop(world, tmp_path / "other")
        unknown = await failure(client, "search_code", query="x", codebase="nope")
        twice = await failure(client, "search_code", query="x", codebase="shop")
    assert unknown.startswith("not_found: no codebase is called 'nope'. Indexed: ")
    assert twice.startswith("not_found: 2 codebases are called 'shop'. Indexed: ")
    assert str(shop) in twice


@pytest.mark.parametrize("path", ["~nobody-of-this-name/shop", "/shop\0/etc"])
@pytest.mark.parametrize(("tool", "arguments"), [("search_code", {"query": "x"}), ("index", {})])
async def test_what_cannot_be_a_path(tmp_path: Path, tool: str, arguments: dict[str, str], path: str) -> None:
    async with running(tmp_path / "data", ScriptedEngine()) as world, connected(world) as client:
        refused = await failure(client, tool, codebase=path, **arguments)
    assert refused == f"bad_params: {path!r} is not a path of this machine: name a folder"
