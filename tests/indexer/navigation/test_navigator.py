"""Structural questions answered with exact lines, on a small tree of several languages."""

from pathlib import Path

import pytest

from indexer.navigation.intent import parse_structural_query
from indexer.navigation.navigator import StructuralAnswer, answer
from tests.indexer.harness import World, put

TREE = {
    "shop/price.py": (
        "RATE = 1.2\n\n\n"
        "def price(item, *, tax=RATE):\n"
        '    """What an item costs."""\n'
        "    return item.cost * tax\n\n\n"
        "class Money:\n"
        "    def add(self, other):\n"
        "        return self.add(other)\n\n"
        "    def show(self):\n"
        "        return price(self)\n"
    ),
    "shop/till.py": (
        "import json\n"
        "import shop.price as prices\n"
        "from shop.price import Money, price as cost\n\n\n"
        "class Till(Money):\n"
        "    def total(self, items):\n"
        "        # price(items) would be wrong\n"
        "        return sum(cost(item) for item in items)\n\n"
        "    def each(self, items):\n"
        "        return [prices.price(item) for item in items]\n\n"
        "    def merge(self, money, seen):\n"
        "        seen.add(money)\n"
        "        return json.add(seen)\n"
    ),
    "shop/__init__.py": "from .price import Money\n",
    "shop/public.py": "from .price import price as price\n",
    "shop/client.py": "from shop import public\nfrom shop.public import price\n\nTWO = price(1), public.price(2)\n",
    "shop/stock.py": "from elsewhere import price\n\n\ndef count(box):\n    return price(box) + box.price(1)\n",
    "shop/api.py": (
        "from fastapi import FastAPI\n\n"
        "app = FastAPI()\n\n\n"
        '# @app.get("/old")\n'
        '@app.get("/items")\n'
        "def items():\n"
        '    return client.get("/upstream")\n\n\n'
        "@app.post(\n"
        '    "/items",\n'
        ")\n"
        "def add_item():\n"
        "    return None\n"
    ),
    "shop/cli.py": (
        "import typer\n\nfrom shop.api import items\n\napp = typer.Typer()\n\n\n"
        "@app.command()\ndef show():\n    items()\n\n\n@app.command('sell')\ndef sell_one():\n    ...\n"
    ),
    "tests/test_price.py": (
        "from shop.price import price\n\n\n"
        "def costs(n):\n    return price(n)\n\n\n"
        "def test_price_of_one():\n    assert price(1) == 1\n\n\n"
        "def test_costs():\n    assert costs(1) == 1\n"
    ),
    "web/cart.ts": (
        "import {Basket} from './basket';\n\n"
        "export class Cart extends Basket {\n  open() { return renderCart(this); }\n}\n\n"
        "export function renderCart(cart: Cart): string {\n  return cart.title();\n}\n\n"
        "router.get('/cart', (req, res) => renderCart(req.cart));\n"
    ),
    "web/basket.ts": "export class Basket {\n  open() { return 1; }\n}\n",
    "server/main.go": (
        'package main\n\nimport "net/http"\n\n'
        'func main() {\n\thttp.HandleFunc("/health", serveHealth)\n\tserveHealth(nil, nil)\n}\n\n'
        "func serveHealth(w http.ResponseWriter, r *http.Request) {\n}\n"
    ),
    "lib/pool.h": "int pool_take(int n);\n",
    "lib/pool.c": (
        '#include "pool.h"\n\nint pool_take(int n) {\n  return n;\n}\n\nint twice(void) {\n  return pool_take(2);\n}\n'
    ),
    "lib/ring.rs": "pub trait Ring {}\npub struct Loop;\nimpl Ring for Loop {}\npub fn make_loop() {}\n",
    "app/Main.java": (
        "class Main extends Base implements Runnable {\n  void run() { runOnce(); }\n  void runOnce() {}\n}\n"
    ),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("shop"), TREE)
    made.refresh()
    return made


METHODS = {
    "Money.add",
    "runOnce",
    "Cache.get",
    "Cache.close",
}  # what an object is, is not read: there may be more calls


def ask(world: World, question: str) -> StructuralAnswer | None:
    asked = parse_structural_query(question)
    assert asked is not None
    return answer(asked, world.store)


def places(told: StructuralAnswer | None) -> list[tuple[str, str]]:
    assert told is None or told.complete == (told.asked.what != "calls" or told.asked.name not in METHODS)
    return [(f"{spot.path}:{spot.line}", spot.symbol) for spot in told.spots] if told else []


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
    assert places(ask(world, question)) == expected


def test_what_a_place_says_and_the_code_that_comes_with_it(world: World) -> None:
    told = ask(world, "signature of price")
    assert told is not None
    (spot,), (hit,) = told.spots, told.hits
    assert (spot.text, spot.kind, spot.hit) == ("def price(item, *, tax=RATE)", "function", 0)
    assert (hit.path, hit.start_line, hit.end_line, hit.symbol) == ("shop/price.py", 4, 6, "price")
    assert hit.text == "\n".join(TREE["shop/price.py"].split("\n")[3:6])
    assert (hit.why.symbol, hit.fresh, hit.doc) == (1.0, True, "What an item costs.")
    with world.store.read() as snapshot:
        assert snapshot.rows([hit.chunk_id])[hit.chunk_id].chunk.symbol == "price"


def test_places_in_one_chunk_share_its_hit(world: World) -> None:
    told = ask(world, "what uses serveHealth?")
    assert told is not None
    assert [spot.hit for spot in told.spots] == [0, 0]
    assert [(hit.path, hit.start_line, hit.end_line) for hit in told.hits] == [("server/main.go", 5, 8)]


def test_the_lines_are_those_on_disk_now(tmp_path: Path) -> None:
    world = World(tmp_path, {path: TREE[path] for path in ("shop/price.py", "shop/till.py")})
    world.refresh()
    put(world.root, "shop/price.py", "# new\n\n" + TREE["shop/price.py"].replace("tax=RATE", "tax=RATE, to=0"))
    put(world.root, "shop/till.py", TREE["shop/till.py"].replace("        # price(items) would be wrong\n", ""))
    told = ask(world, "where is price defined?")
    assert told is not None
    assert [(spot.line, spot.text) for spot in told.spots] == [(6, "def price(item, *, tax=RATE, to=0)")]
    assert [(hit.start_line, hit.end_line, hit.chunk_id, hit.fresh) for hit in told.hits] == [(6, 8, 0, True)]
    assert places(ask(world, "who calls price?")) == [
        ("shop/price.py:16", "Money.show"),
        ("shop/till.py:8", "Till.total"),
        ("shop/till.py:11", "Till.each"),
    ]
    (world.root / "shop/price.py").unlink()
    assert ask(world, "where is price defined?") is None


def test_a_secret_on_the_line_is_not_shown(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    world = World(tmp_path, {"a.py": f"def log_in(t):\n    ...\n\n\nlog_in('{token}')\n"})
    world.refresh()
    told = ask(world, "who calls log_in?")
    assert told is not None
    assert [spot.text for spot in told.spots] == ["log_in('[secret removed]')"]


def test_more_than_can_be_looked_at_in_time_is_at_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = {f"m{n}.py": "from core import work\n\nwork()\n" for n in range(4)}
    world = World(tmp_path, {"core.py": "def work():\n    ...\n"} | callers)
    world.refresh()
    monkeypatch.setattr("indexer.navigation.navigator._FILES", 3)
    told = ask(world, "who calls work?")
    assert told is not None
    assert (len(told.spots), told.complete) == (2, False)


def test_a_method_s_callers_are_those_whose_object_says_that_it_is_ours(tmp_path: Path) -> None:
    users = (
        "import os\nimport socket\nfrom store import Cache as Kept\n\n\n"
        "def load(d, cache):\n"
        "    d.get('x')\n"
        "    os.environ.get('HOME')\n"
        "    open('f').close()\n"
        "    Kept.get(cache)\n"
        "    return cache.get('x')\n\n\n"
        "class Conn(socket.socket):\n"
        "    def end(self):\n"
        "        self.close()\n"
    )
    cache = (
        "class Cache:\n    def get(self, key):\n        return self.close()\n\n    def close(self):\n        return 1\n"
    )
    world = World(tmp_path, {"store.py": cache, "users.py": users})
    world.refresh()
    assert places(ask(world, "who calls Cache.get?")) == [("users.py:10", "load"), ("users.py:11", "load")]
    assert places(ask(world, "who calls Cache.close?")) == [("store.py:3", "Cache.get")]


def test_a_parameter_or_variable_of_that_name_is_no_caller(tmp_path: Path) -> None:
    tree = {
        "core.py": "def load():\n    return 1\n\n\ndef again(load):\n    return load()\n",
        "users.py": (
            "from core import load\n\n\ndef one(load):\n    return load()\n\n\n"
            "def two():\n    return load()\n\n\ndef three(each=load):\n    load = each\n    return load\n"
        ),
        "tests/test_core.py": (
            "from core import load\n\n\ndef test_one():\n    for load in ():\n        load()\n\n\n"
            "def test_two():\n    assert load() == 1\n"
        ),
        "web/draw.ts": "export function draw() {}\n",
        "web/page.ts": (
            "import {draw} from './draw';\n\nexport const one = (draw: Draw) => draw();\n"
            "export const two = () => draw();\n"
        ),
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert places(ask(world, "who calls load?")) == [("users.py:9", "two"), ("tests/test_core.py:10", "test_two")]
    assert places(ask(world, "what uses `load`?")) == [
        ("users.py:9", "two"),
        ("users.py:12", "three"),
        ("tests/test_core.py:10", "test_two"),
    ]
    assert places(ask(world, "which tests touch load?")) == [("tests/test_core.py:10", "test_two")]
    assert places(ask(world, "who calls draw?")) == [("web/page.ts:4", "two")]
