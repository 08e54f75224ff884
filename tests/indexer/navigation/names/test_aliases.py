"""Definitions that files import under other names."""

from pathlib import Path

import pytest

from indexer.navigation.names.aliases import Alias
from indexer.navigation.names.modules import module_of
from indexer.parsing.references import Reference
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask, lines_of

SCRIPTS = {
    "src/slug.ts": "export default function toSlug(title: string) {\n  return title;\n}\n",
    "src/page.ts": 'import slugify from "./slug";\n\nexport const page = (t: string) => slugify(t);\n',
    "src/same.ts": 'import toSlug from "./slug";\n\nexport const same = (t: string) => toSlug(t);\n',
    "src/lazy.ts": 'export async function f() {\n  const { default: make } = await import("./slug");\n  make();\n}\n',
    "src/other.ts": 'import slugify from "./lib/slug";\n\nslugify("x");\n',
    "src/lib/slug.ts": "export default () => 1;\n",
    "src/barrel.ts": 'export { default as slugOf } from "./slug";\n',
    "src/far.ts": 'import { slugOf } from "./barrel";\n\nslugOf("x");\nlocal(slugOf);\n',
    "src/clock.ts": "function readClock() {\n  return 1;\n}\nexport { readClock as now };\n",
    "src/timer.ts": 'import { now } from "./clock";\nimport * as clock from "./clock";\n\nnow();\nclock.now();\n',
    "src/shadow.ts": 'import { now } from "./clock";\n\nexport const f = (now: () => number) => now();\n',
    "src/date.ts": 'import { now } from "./date-lib";\n\nnow();\nDate.now();\n',
    "src/box.ts": "export default class Box {}\n",
    "src/named.ts": "export function price() {}\n",
    "src/values.ts": "export default 3;\n",
    "src/sale.ts": 'import price from "./values";\nimport { price as cost } from "./named";\n\nprice();\ncost();\n',
    "src/crate.tsx": 'import Base from "./box";\n\nexport class Crate extends Base {}\n',
}
COMMON = {
    "lib/read.js": "function readAll() {\n}\nmodule.exports = readAll;\n",
    "lib/main.js": 'const all = require("./read");\n\nall();\nall.other();\n',
}
PYTHON = {
    "shop/_impl.py": "def _price(item):\n    return item\n",
    "shop/__init__.py": "from ._impl import _price as price\n",
    "shop/till.py": "from shop import price\nimport shop\n\n\ndef sell():\n    return price(1) + shop.price(2)\n",
    "other.py": "from elsewhere import price\n\nprice(1)\n",
}
RUST = {
    "src/tariff.rs": "pub fn parcel(grams: u32) -> u32 {\n    grams\n}\n",
    "src/api.rs": "pub use crate::tariff::parcel as parcel_price;\n",
    "src/user.rs": "use crate::api::parcel_price;\n\nfn f() -> u32 {\n    parcel_price(1)\n}\n",
}
WORKSPACE = {
    "packages/ui/package.json": '{"name": "@acme/kit", "dependencies": {"@other/kit": "1"}}',
    "packages/ui/src/index.ts": 'export { default as slugOf } from "./slug";\n',
    "packages/ui/src/slug.ts": "export default function toSlug() {}\n",
    "apps/a.ts": 'import { slugOf } from "@acme/kit";\n\nslugOf();\n',
    "apps/b.ts": 'import { slugOf } from "@other/kit";\n\nslugOf();\n',
}


def asked(folder: Path, tree: dict[str, str], question: str) -> list[str]:
    world = World(folder, tree)
    world.refresh()
    return [place for place, _ in lines_of(ask(world.store, question))]


@pytest.mark.process
@pytest.mark.parametrize(
    ("tree", "question", "expected"),
    [
        (SCRIPTS, "who calls toSlug?", ["src/far.ts:3", "src/lazy.ts:3", "src/page.ts:3", "src/same.ts:3"]),
        (
            SCRIPTS,
            "who imports toSlug?",
            ["src/barrel.ts:1", "src/far.ts:1", "src/lazy.ts:2", "src/page.ts:1", "src/same.ts:1"],
        ),
        (SCRIPTS, "who calls readClock?", ["src/timer.ts:4", "src/timer.ts:5"]),
        (SCRIPTS, "what uses readClock?", ["src/timer.ts:4", "src/timer.ts:5"]),
        (SCRIPTS, "who calls `price`?", ["src/sale.ts:5"]),
        (SCRIPTS, "what subclasses Box?", ["src/crate.tsx:3"]),
        (COMMON, "who calls readAll?", ["lib/main.js:3"]),
        (WORKSPACE, "who calls toSlug?", ["apps/a.ts:3"]),
        (PYTHON, "who calls _price?", ["shop/till.py:6"]),
        (RUST, "who calls `parcel`?", ["src/user.rs:4"]),
    ],
)
def test_references_under_another_name(
    tmp_path: Path, tree: dict[str, str], question: str, expected: list[str]
) -> None:
    assert asked(tmp_path, tree, question) == expected


@pytest.mark.parametrize(
    ("alias", "path", "imported", "expected"),
    [
        (Alias("src/clock.ts", "now"), "src/a.ts", Reference("now", "import", 1, "", "./clock"), True),
        (Alias("src/clock.ts", "now"), "src/a.ts", Reference("now", "import", 1, "", "./clock.js"), True),
        (Alias("src/clock.ts", "now"), "src/a/b.ts", Reference("now", "import", 1, "", "../clock"), True),
        (Alias("src/clock.ts", "now"), "src/a/b.ts", Reference("now", "import", 1, "", "./clock"), False),
        (Alias("src/clock.ts", "now"), "a.ts", Reference("now", "import", 1, "", "@/clock"), True),
        (Alias("src/time/index.ts", "now"), "src/a.ts", Reference("now", "import", 1, "", "./time/index"), True),
        (Alias("src/slug.ts", "default"), "src/a.ts", Reference("s", "import", 1, "", "./slug", "", True), True),
        (Alias("src/slug.ts", "default"), "src/a.ts", Reference("default", "import", 1, "", "./slug", "s"), True),
        (Alias("src/api.rs", "price"), "src/a.rs", Reference("price", "import", 1, "", "crate::api"), True),
    ],
)
def test_whether_a_module_is_the_file(alias: Alias, path: str, imported: Reference, expected: bool) -> None:
    assert alias.path_is(module_of(imported, path), imported.qualifier) is expected


def test_a_barrel_in_the_root_folder_gives_names_on(tmp_path: Path) -> None:
    tree = {
        "src/index.ts": "export { default as slugOf } from './slug';\n",
        "src/slug.ts": "export default function toSlug() {}\n",
        "src/a.ts": "import { slugOf } from './index';\nslugOf();\n",
        "src/b.ts": "import { slugOf } from '.';\nslugOf();\n",
        "src/c.ts": "import { slugOf } from './slugs/index';\nslugOf();\n",
    }
    assert asked(tmp_path, tree, "who calls toSlug?") == ["src/a.ts:2", "src/b.ts:2"]


def test_a_name_that_a_package_gives_comes_with_all_of_it(tmp_path: Path) -> None:
    tree = {
        "pkg/core.py": "def _impl():\n    return 1\n",
        "pkg/__init__.py": "from .core import _impl as public_fn\n",
        "a.py": "from pkg import *\n\npublic_fn()\n",
        "b.py": "from other import *\n\npublic_fn()\n",
    }
    assert asked(tmp_path, tree, "who calls _impl?") == ["a.py:3"]


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("import * as S from './slug';\nS.default();\n", False),
        ("import('./slug').then((m) => m.default());\n", False),
        ("const f = require('./slug').default;\nf();\n", False),
        ("const Lazy = lazy(() => import('./slug'));\n", False),
        ("import * as S from './slug';\nS.other();\n", True),
        ("import { other } from './slug';\nother();\n", True),
        ("const { other } = require('./slug');\nother();\n", True),
    ],
)
def test_a_default_export_may_be_loaded_without_a_name(tmp_path: Path, text: str, is_complete: bool) -> None:
    world = World(tmp_path, {"src/slug.ts": "export default function toSlug() {}\ntoSlug();\n", "src/a.ts": text})
    world.refresh()
    found = ask(world.store, "who calls toSlug?")
    assert lines_of(found, is_complete=is_complete) == [("src/slug.ts:2", "")]


def test_the_default_export_of_a_file_that_stands_for_its_folder(tmp_path: Path) -> None:
    tree = {
        "src/ui/index.js": "export default function other() {}\n",
        "src/ui/b.js": "import o from './index';\no();\n",
        "src/c.js": "import o from './ui';\no();\n",
        "src/d.js": "import o from './index';\no();\n",
    }
    assert asked(tmp_path, tree, "who calls other?") == ["src/c.js:2", "src/ui/b.js:2"]
