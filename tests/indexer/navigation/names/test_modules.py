"""Imports that name a module by a manifest or a `package` line, and others whose names only look alike."""

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.navigation.intent import parse_structural_query
from indexer.navigation.structural_answers import answer
from tests.indexer.harness import World
from tests.indexer.navigation.harness import ask

pytestmark = pytest.mark.process

NPM = {
    "package.json": '{"name": "sea", "private": true, "workspaces": ["packages/*", "apps/*"]}\n',
    "packages/ui/package.json": '{"name": "@sea/kit", "dependencies": {"path-kit": "1"}}\n',
    "packages/ui/src/index.ts": "export { dim } from './tone';\n",
    "packages/ui/src/tone.ts": "export function dim(colour: string) {\n  return colour;\n}\n",
    "packages/ui/src/path.ts": "export function join(parts: string[]) {\n  return parts;\n}\n",
    "apps/boat/package.json": '{"name": "boat", "dependencies": {"@sea/kit": "workspace:*", "tone": "2"}}\n',
    "apps/boat/src/hull.ts": "import { dim } from '@sea/kit';\n\nexport const hull = dim('red');\n",
    "apps/boat/src/mast.ts": "import { dim } from '@sea/kit/src/tone';\n\nexport const mast = dim('red');\n",
    "apps/boat/src/sail.ts": "import { dim } from 'tone';\n\nexport const sail = dim('red');\n",
    "apps/boat/src/file.ts": "import { join } from 'path';\n\nexport const file = join('a', 'b');\n",
    "apps/boat/src/rope.ts": "import { join } from 'node:path';\n\nexport const rope = join('a', 'b');\n",
    "apps/boat/src/deck.ts": "import { join } from '@sea/kit/src/path';\n\nexport const deck = join(['a']);\n",
}
RUST = {
    "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
    "crates/core-lib/Cargo.toml": '[package]\nname = "tide-core"\n',
    "crates/core-lib/src/lib.rs": "pub mod levels;\npub use levels::high_tide;\n",
    "crates/core-lib/src/levels.rs": "pub fn high_tide(day: u8) -> u8 {\n    day\n}\n",
    "crates/cli/Cargo.toml": (
        '[package]\nname = "cli"\n[dependencies]\ntide-core = { path = "../core-lib" }\nmoon = "1"\nlevels = "1"\n'
    ),
    "crates/cli/src/main.rs": (
        "use tide_core::high_tide;\n\nfn main() {\n    high_tide(1);\n    tide_core::high_tide(2);\n"
        "    tide_core::levels::high_tide(3);\n    moon::high_tide(4);\n}\n"
    ),
    "crates/cli/src/other.rs": "use moon::high_tide;\n\nfn other() {\n    high_tide(5);\n}\n",
}
GO = {
    "go.mod": "module example.org/port\n\ngo 1.22\n",
    "dock/dock.go": "package dock\n\nfunc Moor() {\n}\n\nfunc Both() {\n\tMoor()\n}\n",
    "main.go": 'package main\n\nimport "example.org/port/dock"\n\nfunc main() {\n\tdock.Moor()\n}\n',
    "alias.go": 'package main\n\nimport d "example.org/port/dock"\n\nfunc run() {\n\td.Moor()\n}\n',
    "dot.go": 'package main\n\nimport . "example.org/port/dock"\n\nfunc far() {\n\tMoor()\n}\n',
    "foreign.go": 'package main\n\nimport "example.com/else/dock"\n\nfunc near() {\n\tdock.Moor()\n}\n',
    "local/bare.go": "package local\n\nfunc bare(Moor func()) {\n}\n\nfunc bad() {\n\tMoor()\n}\n",
    "go-crane/crane.go": "package crane\n\nfunc Lift() {\n}\n",
    "lift.go": 'package main\n\nimport "example.org/port/go-crane"\n\nfunc up() {\n\tcrane.Lift()\n}\n',
    "v2/go.mod": "module example.org/port/v2\n",
    "v2/quay.go": "package port\n\nfunc Quay() {\n}\n",
    "cmd/quay.go": 'package main\n\nimport "example.org/port/v2"\n\nfunc at() {\n\tport.Quay()\n}\n',
}
JAVA = {
    "src/main/java/shop/Coin.java": "package shop;\n\npublic class Coin {\n}\n",
    "src/main/java/app/Till.java": "package app;\n\nimport shop.Coin;\n\nclass Till {\n  Object a = new Coin();\n}\n",
    "src/main/java/app/All.java": "package app;\n\nimport shop.*;\n\nclass All {\n  Object a = new Coin();\n}\n",
    "src/main/java/app/Full.java": "package app;\n\nclass Full {\n  Object a = new shop.Coin();\n}\n",
    "src/test/java/shop/CoinTest.java": "package shop;\n\nclass CoinTest {\n  Object a = new Coin();\n}\n",
    "src/main/java/app/Else.java": "package app;\n\nimport bank.Coin;\n\nclass Else {\n  Object a = new Coin();\n}\n",
    "src/main/java/app/Bank.java": "package app;\n\nimport bank.*;\n\nclass Bank {\n  Object a = new Coin();\n}\n",
}
KOTLIN = {
    "lib/tools.kt": "package shop.money\n\nfun round(x: Int): Int = x\n",
    "app/a.kt": "package app\n\nimport shop.money.round\n\nval a = round(1)\n",
    "app/b.kt": "package shop.money\n\nval b = round(2)\n",
    "app/c.kt": "package app\n\nimport kotlin.math.round\n\nval c = round(3)\n",
    "app/d.kt": "package app\n\nimport kotlin.math.*\n\nval d = round(4)\n",
}
PHP = {
    "composer.json": '{"autoload": {"psr-4": {"Port\\\\": "src/"}}}\n',
    "src/Dock/Crane.php": "<?php\nnamespace Port\\Dock;\n\nclass Crane {\n}\n",
    "src/Harbour.php": "<?php\nnamespace Port;\n\nuse Port\\Dock\\Crane;\n\n$a = new Crane();\n",
    "src/Full.php": "<?php\nnamespace Port;\n\n$a = new \\Port\\Dock\\Crane();\n",
    "src/Dock/Beside.php": "<?php\nnamespace Port\\Dock;\n\n$a = new Crane();\n",
    "src/Foreign.php": "<?php\nnamespace Port;\n\nuse Vendor\\Dock\\Crane;\n\n$a = new Crane();\n",
}


@pytest.mark.parametrize(
    ("tree", "question", "expected"),
    [
        (NPM, "who calls dim?", ["apps/boat/src/hull.ts:3", "apps/boat/src/mast.ts:3"]),
        (NPM, "who calls `join`?", ["apps/boat/src/deck.ts:3"]),
        (RUST, "who calls high_tide?", [f"crates/cli/src/main.rs:{line}" for line in (4, 5, 6)]),
        (RUST, "who imports high_tide?", ["crates/cli/src/main.rs:1", "crates/core-lib/src/lib.rs:2"]),
        (GO, "who calls Moor?", ["alias.go:6", "dock/dock.go:7", "dot.go:6", "main.go:6"]),
        (GO, "who calls Lift?", ["lift.go:6"]),
        (GO, "who calls Quay?", ["cmd/quay.go:6"]),
        (
            JAVA,
            "who calls Coin?",
            [f"src/main/java/app/{name}" for name in ("All.java:6", "Full.java:4", "Till.java:6")]
            + ["src/test/java/shop/CoinTest.java:4"],
        ),
        (JAVA, "who imports Coin?", ["src/main/java/app/Till.java:3"]),
        (KOTLIN, "who calls `round`?", ["app/a.kt:5", "app/b.kt:3"]),
        (PHP, "who calls Crane?", ["src/Dock/Beside.php:4", "src/Full.php:4", "src/Harbour.php:6"]),
    ],
)
def test_imports_mean_what_manifests_and_package_lines_say(
    tmp_path: Path, tree: dict[str, str], question: str, expected: list[str]
) -> None:
    assert lines_of(tmp_path, tree, question) == (expected, True)


@pytest.mark.parametrize(
    ("module", "found", "is_complete"),
    [
        ("./tone", True, True),
        ("@sea/kit", True, True),
        ("tone", False, True),  # a dependency
        ("https://sea.example/tone.ts", False, True),
        ("npm:tone", False, True),
        ("~dim", False, False),  # a name that a build tool knows
    ],
)
def test_a_module_that_no_manifest_declares_makes_it_at_least(
    tmp_path: Path, module: str, found: bool, is_complete: bool
) -> None:
    tree = {path: NPM[path] for path in NPM if path.endswith("package.json") or path.startswith("packages/ui/src/")}
    own = "packages/ui/src/own.ts"
    tree |= {own: "import { dim } from './tone';\n\ndim('blue');\n"}
    tree |= {"packages/ui/src/x.ts": f"import {{ dim }} from '{module}';\n\ndim('red');\n"}
    expected = [f"{own}:3", "packages/ui/src/x.ts:3"][: 1 + found]
    assert lines_of(tmp_path, tree, "who calls dim?") == (expected, is_complete)


@pytest.mark.parametrize(
    ("tree", "path", "expected"),
    [
        (PHP, "src/Dock/Crane.php", ["src/Harbour.php:4"]),
        (NPM, "packages/ui/src/tone.ts", ["apps/boat/src/mast.ts:1", "packages/ui/src/index.ts:1"]),
        (RUST, "crates/core-lib/src/levels.rs", ["crates/core-lib/src/lib.rs:1", "crates/core-lib/src/lib.rs:2"]),
    ],
)
def test_a_file_is_imported_by_the_name_of_its_package(
    tmp_path: Path, tree: dict[str, str], path: str, expected: list[str]
) -> None:
    assert lines_of(tmp_path, tree, f"who imports {path}?") == (expected, True)


def test_of_two_definitions_the_package_tells_which_is_meant(tmp_path: Path) -> None:
    tree = NPM | {
        "packages/old/package.json": '{"name": "@sea/old"}\n',
        "packages/old/lib/deep/tone.ts": "export function dim(colour: string) {\n  return colour;\n}\n",
        "packages/old/index.ts": "export { dim } from './lib/deep/tone';\n",
        "apps/boat/src/keel.ts": "import { dim } from '@sea/old';\n\nexport const keel = dim('red');\n",
    }
    assert lines_of(tmp_path, tree, "who calls dim?", "packages/old/lib/deep/tone.ts") == (
        ["apps/boat/src/keel.ts:3"],
        True,
    )
    assert lines_of(tmp_path, tree, "who calls dim?", "packages/ui/src/tone.ts") == (
        ["apps/boat/src/hull.ts:3", "apps/boat/src/mast.ts:3"],
        True,
    )


def lines_of(folder: Path, tree: dict[str, str], question: str, path: str = "") -> tuple[list[str], bool]:
    world = World(folder, tree)
    world.refresh()
    query = parse_structural_query(question)
    assert query is not None
    found = answer(replace(query, path=path), world.store)
    return ([f"{item.path}:{item.line}" for item in found.locations], found.is_complete) if found else ([], True)


def test_names_of_modules_in_a_tsconfig(tmp_path: Path) -> None:
    tree = {
        "tsconfig.json": '{"compilerOptions": {"paths": {"@/*": ["./src/*"], "#core": ["src/lib/slug.ts"],},},}\n',
        "package.json": '{"name": "shop"}\n',
        "src/lib/slug.ts": "export function toSlug() {}\n",
        "src/lib/other.ts": "export function toSlug() {}\n",
        "src/ui/index.ts": "export { toSlug as slug } from '../lib/slug';\n",
        "a.ts": "import { toSlug } from '@/lib/slug';\ntoSlug();\n",
        "b.ts": "import { toSlug } from '#core';\ntoSlug();\n",
        "c.ts": "import { slug } from '@/ui';\nslug();\n",
        "d.ts": "import { toSlug } from '@/lib/other';\ntoSlug();\n",
    }
    world = World(tmp_path, tree)
    world.refresh()
    found = ask(world.store, "who calls toSlug?")
    assert found is not None
    assert [[place.path for place in group.locations] for group in found.groups] == [["d.ts"], ["a.ts", "b.ts", "c.ts"]]
    assert found.is_complete
    imports = ask(world.store, "who imports src/lib/slug.ts?")
    assert imports is not None
    assert [place.path for place in imports.locations] == ["a.ts", "b.ts", "src/ui/index.ts"]
    assert imports.is_complete


def test_an_import_from_a_module_that_no_manifest_tells_is_a_doubt(tmp_path: Path) -> None:
    tree = {
        "package.json": '{"name": "shop"}\n',
        "src/slug.ts": "export function toSlug() {}\nexport { toSlug as slug };\n",
        "a.ts": "import { toSlug } from './src/slug';\ntoSlug();\n",
        "b.ts": "import { slug } from '~elsewhere';\nslug();\n",
    }
    assert lines_of(tmp_path, tree, "who calls toSlug?") == (["a.ts:2"], False)
    assert lines_of(tmp_path, tree, "who imports toSlug?") == (["a.ts:1"], False)


def test_the_names_of_a_tsconfig_hold_in_its_folder_only(tmp_path: Path) -> None:
    paths = '{"compilerOptions": {"paths": {"@/*": ["./src/*"]}}}\n'
    user = "import { toSlug } from '@/slug';\ntoSlug();\n"
    tree = {"tsconfig.json": paths, "src/slug.ts": "export function toSlug() {}\n", "src/user.ts": user}
    tree = {f"{folder}/{path}": text for folder in ("a", "b", "b/in") for path, text in tree.items()}
    assert lines_of(tmp_path, tree, "who imports a/src/slug.ts?") == (["a/src/user.ts:1"], True)
    assert lines_of(tmp_path, tree, "who calls toSlug?", "b/src/slug.ts") == (["b/src/user.ts:2"], True)
    assert lines_of(tmp_path, tree, "who calls toSlug?", "b/in/src/slug.ts") == (["b/in/src/user.ts:2"], True)


@pytest.mark.parametrize(
    ("module", "manifest", "is_listed", "is_complete"),
    [
        ("@/util", {}, False, False),
        ("@/lib/util", {}, False, True),
        ("#util", {}, False, False),
        ("@/util", {"package.json": '{"dependencies": {"@/util": "1"}}'}, False, True),
        ("#helpers", {"package.json": '{"imports": {"#helpers": "./src/util/index.js"}}'}, True, True),
        ("helpers", {"tsconfig.json": '{"compilerOptions": {"paths": {"helpers": ["./src/util"]}}}'}, True, True),
        ("@", {"tsconfig.json": '{"compilerOptions": {"paths": {"@": ["./src/util"]}}}'}, False, False),
    ],
)
def test_a_file_may_be_imported_by_a_name_that_a_build_tool_gives(
    tmp_path: Path, module: str, manifest: dict[str, str], is_listed: bool, is_complete: bool
) -> None:
    tree = {
        "src/util/index.ts": "export function slug() {}\n",
        "src/a.ts": "import { slug } from './util';\n",
        "src/b.ts": f"import {{ slug }} from '{module}';\n",
    }
    expected = ["src/a.ts:1", "src/b.ts:1"][: 1 + is_listed]
    assert lines_of(tmp_path, tree | manifest, "who imports src/util/index.ts?") == (expected, is_complete)
