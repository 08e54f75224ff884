"""Structural questions answered with exact lines, on a small tree of several languages."""

from pathlib import Path

import pytest

from indexer.storage.snapshot import IndexedSymbol, Snapshot
from tests.indexer.harness import World
from tests.indexer.navigation.harness import TREE, ask, lines_of

pytestmark = pytest.mark.process

# The types of objects are not inferred: there may be more calls of these methods.
INCOMPLETE = {"who calls Money.add?", "who calls runOnce?"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("shop"), TREE)
    world.refresh()
    return world


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("where is price defined?", [("shop/price.py:4", "price")]),
        ("where is shop.price.price?", [("shop/price.py:4", "price")]),
        ("where is RATE defined?", [("shop/price.py:1", "RATE")]),
        ("where is Cart?", [("web/cart.ts:3", "Cart")]),
        ("where is pool_take?", [("lib/pool.c:3", "pool_take")]),
        ("where is `open` defined?", [("web/basket.ts:2", "Basket.open"), ("web/cart.ts:4", "Cart.open")]),
        ("where is Cart.open?", [("web/cart.ts:4", "Cart.open")]),
        ("where is the class price defined?", []),
        ("where is nothing_here defined?", []),
        ("where is Price defined?", []),
        (
            "who calls price?",
            [
                ("shop/client.py:4", ""),
                ("shop/price.py:14", "Money.show"),
                ("shop/till.py:9", "Till.total"),
                ("shop/till.py:12", "Till.each"),
                ("tests/test_price.py:5", "costs"),
                ("tests/test_price.py:9", "test_price_of_one"),
            ],
        ),
        ("who calls Money.add?", [("shop/price.py:11", "Money.add")]),  # `seen.add` may be a set's
        ("who calls renderCart?", [("web/cart.ts:4", "Cart.open"), ("web/cart.ts:11", "")]),
        ("who calls serveHealth?", [("server/main.go:7", "main")]),
        ("what uses serveHealth?", [("server/main.go:6", "main"), ("server/main.go:7", "main")]),
        ("who calls pool_take?", [("lib/pool.c:8", "twice")]),
        ("who calls runOnce?", [("app/Main.java:2", "Main.run")]),
        ("who calls `open`?", []),  # of two classes
        ("who calls nothing_here?", []),
        ("what uses `RATE`?", [("shop/price.py:4", "price")]),
        (
            "who imports price?",
            [("shop/client.py:2", ""), ("shop/public.py:1", ""), ("shop/till.py:3", ""), ("tests/test_price.py:1", "")],
        ),
        (
            "who imports shop.price?",
            [(f"shop/{at}", "") for at in ("__init__.py:1", "public.py:1", "till.py:2", "till.py:3")]
            + [("tests/test_price.py:1", "")],
        ),
        ("who imports web/basket.ts?", [("web/cart.ts:1", "")]),
        ("who imports fastapi?", [("shop/api.py:1", "")]),
        ("what imports lib/pool.h?", [("lib/pool.c:1", "")]),
        ("what subclasses Money?", [("shop/till.py:6", "Till")]),
        ("subclasses of Basket", [("web/cart.ts:3", "Cart")]),
        ("what implements Ring?", [("lib/ring.rs:3", "Loop")]),
        ("what implements Runnable?", [("app/Main.java:1", "Main")]),
        (
            "which tests touch price?",
            [("tests/test_price.py:9", "test_price_of_one"), ("tests/test_price.py:13", "test_costs")],
        ),
        ("which tests touch make_loop?", []),
        (
            "what does shop/price.py contain?",
            [
                ("shop/price.py:1", "RATE"),
                ("shop/price.py:4", "price"),
                ("shop/price.py:9", "Money"),
                ("shop/price.py:10", "Money.add"),
                ("shop/price.py:13", "Money.show"),
            ],
        ),
        (
            "what methods does Till have?",
            [(f"shop/till.py:{n}", f"Till.{m}") for n, m in [(7, "total"), (11, "each"), (14, "merge")]],
        ),
        ("what does shop/nothing.py contain?", []),
        (
            "list the routes",
            [
                ("server/main.go:6", "main"),
                ("shop/api.py:7", "items"),
                ("shop/api.py:12", "add_item"),
                ("web/cart.ts:11", ""),
            ],
        ),
        ("list the commands", [("shop/cli.py:8", "show"), ("shop/cli.py:13", "sell_one")]),
    ],
)
def test_answers(world: World, question: str, expected: list[tuple[str, str]]) -> None:
    assert lines_of(ask(world.store, question), is_complete=question not in INCOMPLETE) == expected


def test_a_location_has_its_signature_and_its_code(world: World) -> None:
    found = ask(world.store, "signature of price")
    assert found is not None
    (location,), (hit,) = found.locations, found.hits
    assert (location.text, location.kind, location.hit) == ("def price(item, *, tax=RATE)", "function", 0)
    assert (hit.path, hit.start_line, hit.end_line, hit.symbol) == ("shop/price.py", 4, 6, "price")
    assert hit.text == "\n".join(TREE["shop/price.py"].split("\n")[3:6])
    assert (hit.why.symbol, hit.fresh, hit.doc) == (1.0, True, "What an item costs.")
    with world.store.read() as snapshot:
        assert snapshot.rows([hit.chunk_id])[hit.chunk_id].chunk.symbol == "price"


def test_locations_in_one_chunk_share_its_hit(world: World) -> None:
    found = ask(world.store, "what uses serveHealth?")
    assert found is not None
    assert [location.hit for location in found.locations] == [0, 0]
    assert [(hit.path, hit.start_line, hit.end_line) for hit in found.hits] == [("server/main.go", 5, 8)]


def test_a_file_of_very_many_definitions_of_one_name_is_looked_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, {"many.py": "def one(): ...\n" * 1200})
    world.refresh()
    looked_up: list[list[str]] = []
    named = Snapshot.named

    def counted(snapshot: Snapshot, names: list[str]) -> list[IndexedSymbol]:
        looked_up.append(names)
        return named(snapshot, names)

    monkeypatch.setattr(Snapshot, "named", counted)
    found = ask(world.store, "what is in many.py?") or ask(world.store, "outline of many.py")
    assert found is not None
    assert (len(found.locations), found.is_complete) == (200, False)
    assert looked_up == [["one"]]
    assert ask(world.store, "where is `one` defined?") is None
