"""Structural questions asked of an index, and a small codebase of several languages to ask about."""

from indexer.navigation.intent import parse_structural_query
from indexer.navigation.structural_answers import StructuralAnswer, answer
from indexer.storage.store import Store

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


def ask(store: Store, question: str) -> StructuralAnswer | None:
    query = parse_structural_query(question)
    assert query is not None
    return answer(query, store)


def lines_of(found: StructuralAnswer | None, *, is_complete: bool = True) -> list[tuple[str, str]]:
    """Path and line, and symbol, of each location; asserts whether the answer says that these are all."""
    if found is None:
        return []
    assert found.is_complete is is_complete
    return [(f"{location.path}:{location.line}", location.symbol) for location in found.locations]
