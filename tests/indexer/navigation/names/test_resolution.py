"""References that mean a definition, and others of the same name."""

from pathlib import Path

import pytest

from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

pytestmark = pytest.mark.process


def test_a_call_of_a_method_counts_if_the_name_of_its_object_shows_its_type(tmp_path: Path) -> None:
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
    getters, closers = ask(world.store, "who calls Cache.get?"), ask(world.store, "who calls Cache.close?")
    assert lines_of(getters, is_complete=False) == [("users.py:10", "load"), ("users.py:11", "load")]
    assert lines_of(closers, is_complete=False) == [("store.py:3", "Cache.get")]


def test_a_parameter_or_variable_of_that_name_is_no_reference(tmp_path: Path) -> None:
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
    assert lines_of(ask(world.store, "who calls load?")) == [
        ("users.py:9", "two"),
        ("tests/test_core.py:10", "test_two"),
    ]
    assert lines_of(ask(world.store, "what uses `load`?")) == [
        ("users.py:9", "two"),
        ("users.py:12", "three"),
        ("tests/test_core.py:10", "test_two"),
    ]
    assert lines_of(ask(world.store, "which tests touch load?")) == [("tests/test_core.py:10", "test_two")]
    assert lines_of(ask(world.store, "who calls draw?")) == [("web/page.ts:4", "two")]


def test_a_module_may_be_imported_whole_under_any_name(tmp_path: Path) -> None:
    tree = {
        "src/tone.ts": "export function dim(colour: string) {\n  return colour;\n}\n",
        "src/a.ts": "import * as t from './tone';\n\nexport const a = t.dim('red');\n",
        "src/b.js": "const t = require('./tone');\n\nt.dim('red');\n",
        "src/c.ts": "import * as t from './other';\n\nexport const c = t.dim('red');\n",
        "src/other.ts": "export const other = 1;\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls dim?")) == [("src/a.ts:3", ""), ("src/b.js:3", "")]


@pytest.mark.parametrize(
    ("path", "text", "is_complete"),
    [
        ("src/a.js", "require('./tone').dim('red');\n", False),
        ("src/b.ts", "import('./tone.js').then((m) => m.dim('red'));\n", False),
        ("src/c.ts", "import('./other').then((m) => m.dim('red'));\n", True),
        ("src/d.ts", "export const d = (m: Lamp) => m.dim('red');\n", True),
    ],
)
def test_a_module_that_is_loaded_without_a_name_makes_it_at_least(
    tmp_path: Path, path: str, text: str, is_complete: bool
) -> None:
    tone = "export function dim(colour: string) {\n  return colour;\n}\n\ndim('blue');\n"
    world = World(tmp_path, {"src/tone.ts": tone, path: text})
    world.refresh()
    assert lines_of(ask(world.store, "who calls dim?"), is_complete=is_complete) == [("src/tone.ts:5", "")]


def test_a_path_of_the_standard_library_of_rust_is_not_a_module_of_that_name(tmp_path: Path) -> None:
    tree = {
        "Cargo.toml": '[package]\nname = "shop"\n',
        "src/fs/read.rs": "pub struct Entry {}\npub fn open() {}\n",
        "src/user.rs": (
            "fn f(x: std::fs::Entry) {\n    std::fs::open();\n    crate::fs::open();\n}\n\ntype E = crate::fs::Entry;\n"
        ),
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls `open`?")) == [("src/user.rs:3", "f")]
    assert lines_of(ask(world.store, "what uses Entry?")) == [("src/user.rs:6", "E")]


@pytest.mark.parametrize(
    ("tree", "calls"),
    [
        (
            {
                "app/store.py": "def fetch_all(n):\n    return n\n",
                "app/a.py": "import app.store\n\n\ndef a():\n    return app.store.fetch_all(1)\n",
                "app/b.py": "def b(store):\n    return store.fetch_all(1)\n",
            },
            ["app/a.py:5"],
        ),
        (
            {
                "src/store.ts": "export function fetch_all(n: number) {\n  return n;\n}\n",
                "src/a.ts": "import * as store from './store';\n\nstore.fetch_all(1);\n",
                "src/b.ts": "export function b(store: Db) {\n  return store.fetch_all(1);\n}\n",
            },
            ["src/a.ts:3"],
        ),
        (
            {
                "go.mod": "module example.org/shop\n",
                "store/all.go": "package store\n\nfunc fetch_all(n int) int { return n }\n",
                "a/a.go": 'package a\nimport "example.org/shop/store"\nfunc A() int { return store.fetch_all(1) }\n',
                "b/b.go": "package b\n\nfunc B(store *Db) int { return store.fetch_all(1) }\n",
            },
            ["a/a.go:3"],
        ),
        (
            {
                "store.c": "int fetch_all(int n) { return n; }\nint a(void) { return fetch_all(1); }\n",
                "b.c": "int b(struct ops *store) { return store->fetch_all(1) + store.fetch_all(2); }\n",
            },
            ["store.c:2"],
        ),
        (
            {
                "src/store.rs": "pub fn fetch_all(n: u32) -> u32 { n }\n",
                "src/a.rs": "fn a() -> u32 { crate::store::fetch_all(1) }\n",
                "src/b.rs": "fn b(store: Db) {\n    store.fetch_all(1)\n}\nfn c(&self) {\n    self.fetch_all(2)\n}\n",
            },
            ["src/a.rs:1"],
        ),
        (
            {
                "lib/store.rb": "def fetch_all(n)\n  n\nend\n\ndef a\n  fetch_all(1)\nend\n",
                "lib/b.rb": "def b(store)\n  store.fetch_all(1)\nend\n",
            },
            ["lib/store.rb:6"],
        ),
        (
            {
                "src/store.kt": "package shop.store\n\nfun fetch_all(n: Int) = n\n",
                "src/a.kt": "package shop.store\n\nfun a() = shop.store.fetch_all(1)\n",
                "src/b.kt": "package shop.store\n\nfun b(store: Db) = store.fetch_all(1)\n",
            },
            ["src/a.kt:3"],
        ),
        (
            {
                "store.php": "<?php\nnamespace shop\\store;\nfunction fetch_all($n) { return $n; }\n",
                "a.php": "<?php\n\\shop\\store\\fetch_all(1);\n",
                "b.php": "<?php\nnamespace shop\\store;\nfunction b($store) { return $store->fetch_all(1); }\n",
            },
            ["a.php:2"],
        ),
    ],
    ids=["python", "typescript", "go", "c", "rust", "ruby", "kotlin", "php"],
)
def test_a_variable_named_like_a_module_is_none(tmp_path: Path, tree: dict[str, str], calls: list[str]) -> None:
    world = World(tmp_path, tree)
    world.refresh()
    assert [place for place, _ in lines_of(ask(world.store, "who calls fetch_all?"))] == calls


@pytest.mark.parametrize(
    ("barrel", "user"),
    [
        ("export * as tone from './n';\n", "import { tone } from './barrel';\ntone.dim();\n"),
        ("export * from './n';\n", "import * as tone from './barrel';\ntone.dim();\n"),
    ],
)
def test_a_module_may_be_given_on_under_another_name(tmp_path: Path, barrel: str, user: str) -> None:
    tree = {"src/n.ts": "export function dim() {}\ndim();\n", "src/barrel.ts": barrel, "src/a.ts": user}
    world = World(tmp_path, tree)
    world.refresh()
    found = ask(world.store, "who calls dim?")
    assert lines_of(found, is_complete=False) == [("src/n.ts:2", "")]


@pytest.mark.parametrize(("export", "in_page", "is_complete"), [("", ["c.html:1"], False), ("export ", [], True)])
def test_scripts_of_a_page_share_their_names(
    tmp_path: Path, export: str, in_page: list[str], is_complete: bool
) -> None:
    tree = {
        "fee.js": f"{export}function fee() {{}}\nfee();\n",
        "b.js": "fee();\n",
        "c.html": "<script>fee();</script>\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    found = lines_of(ask(world.store, "who calls fee?"), is_complete=is_complete)
    assert [place for place, _ in found] == [*in_page, "fee.js:2"]


NAMESPACE = {
    "n.h": "namespace n { int fee_of(int x); }\n",
    "n.cpp": "namespace n {\nint fee_of(int x) { return x; }\nint own() { return fee_of(3); }\n}\n",
}


@pytest.mark.parametrize(
    ("text", "calls", "is_complete"),
    [
        ("int f() { return fee_of(1); }\n", [], False),
        ("using n::fee_of;\nint f() { return fee_of(1); }\n", ["b.cpp:2"], True),
        ("using namespace n;\nint f() { return fee_of(1); }\n", ["b.cpp:2"], True),
        ("namespace m = n;\nint f() { return m::fee_of(1); }\n", [], False),
        ("int fee_of(int a, int b) { return n::fee_of(a); }\n", ["b.cpp:1"], True),
        ("using namespace n;\nclass D : public Lib {\n  int k() { return fee_of(1); }\n};\n", [], False),
        ("using namespace n;\nclass D : public std::Lib {\n  int k() { return fee_of(1); }\n};\n", ["b.cpp:3"], True),
        ("using namespace n;\nclass A {};\nclass D : A {\n  int k() { return fee_of(1); }\n};\n", ["b.cpp:4"], True),
    ],
)
def test_functions_in_namespaces_of_cpp(tmp_path: Path, text: str, calls: list[str], is_complete: bool) -> None:
    world = World(tmp_path, NAMESPACE | {"b.cpp": text})
    world.refresh()
    found = lines_of(ask(world.store, "who calls n.fee_of?"), is_complete=is_complete)
    assert [place for place, _ in found] == [*calls, "n.cpp:3"]


@pytest.mark.parametrize(
    ("more", "is_complete"),
    [("", True), ("def read(pack=pack):\n    return pack.load()\n", False)],
    ids=["another", "perhaps the module"],
)
def test_a_parameter_with_the_name_of_a_module_is_not_the_module(tmp_path: Path, more: str, is_complete: bool) -> None:
    tree = {
        "lib/pack.py": "def load():\n    return 1\n",
        "a.py": f"from lib import pack\n\n\ndef f(pack: A):\n    pack.load()\n\n\ndef g():\n    pack.load()\n\n{more}",
        "lib/wrap.ts": "export function wrap() {}\n",
        "b.ts": ("import * as w from './lib/wrap';\n\nconst f = (w: Box) => w.wrap();\nconst g = () => w.wrap();\n"),
    }
    world = World(tmp_path, tree)
    world.refresh()
    assert lines_of(ask(world.store, "who calls `load`?"), is_complete=is_complete) == [("a.py:9", "g")]
    assert lines_of(ask(world.store, "who calls `wrap`?")) == [("b.ts:4", "g")]


@pytest.mark.parametrize(
    ("path", "text", "calls", "is_complete"),
    [
        ("b.py", "import m\ndef f(m, n): m.loads(n)\nf(m, 1)\n", [], False),
        ("b.py", "import m\ndef f(m=other): m.loads(1)\n", [], False),
        ("b.py", "import m, n\ndef f():\n    for m in (m, n):\n        m.loads(1)\n", [], False),
        ("b.py", "import m\ndef f():\n    m = _load()\n    m.loads(1)\n", [], False),
        ("b.py", "import m\ndef f(m: Any): m.loads(1)\n", [], False),
        ("b.py", "import m\ndef f(x):\n    m = 1\n    m = x\n    m.loads(1)\n", [], False),
        ("b.py", "import m\nq = m\nq.loads(1)\n", [], False),
        ("b.py", "import m, n\nfor each in (n, m):\n    each.loads(1)\n", [], False),
        ("b.py", "from lib import n, m\ndef f(each):\n    each.loads(1)\n", [], True),
        ("b.py", "import m\ndef f(m: Box, n=1): m.loads(n)\n", [], True),
        ("b.py", "import m\ndef f():\n    m = [1]\n    m.loads(1)\n", [], True),
        ("b.py", "import m\ntry: f()\nexcept E as m:\n    print(m)\n", [], True),
        ("b.py", "def f(m=None):\n    import m\n    m.loads(2)\n", ["b.py:3"], True),
        ("b.py", "import m\nxs = [m for m in m.loads(1)]\n", ["b.py:2"], True),
        ("b.ts", "import * as m from './n';\nconst f = (m: Box) => m.loads(1);\n", [], True),
        ("b.ts", "import * as m from './m';\nconst f = ({ m }) => m.loads(1);\nf({ m });\n", [], False),
        ("b.ts", "import * as m from './m';\nconst f = (m: typeof m) => m.loads(1);\n", [], False),
        ("b.ts", "import * as m from './m';\nf(() => { const m = actual('./m'); m.loads(1); });\n", [], False),
        ("b.ts", "import * as m from './m';\nf(() => { const m = new Box(); m.loads(1); });\n", [], True),
        ("b.ts", "const m = await vi.importActual('./m');\nm.loads(1);\n", [], False),
    ],
)
def test_a_variable_may_hold_the_module_of_its_name(
    tmp_path: Path, path: str, text: str, calls: list[str], is_complete: bool
) -> None:
    tree = {
        "b.py": {"m.py": "def loads(x): ...\nloads(0)\n"},
        "b.ts": {"m.ts": "export function loads(x) {}\nloads(0);\n"},
    }[path]
    world = World(tmp_path, tree | {path: text})
    world.refresh()
    found = lines_of(ask(world.store, "who calls loads?"), is_complete=is_complete)
    assert [place for place, _ in found] == [*calls, f"m{path[1:]}:2"]
