"""Names of modules in manifests, and the package that a file says it is in."""

import pytest

from indexer.parsing.packages import ECOSYSTEMS, Manifest, compiler_paths, package_of

STANDARD = ECOSYSTEMS["rust"].read("").dependencies | ECOSYSTEMS["typescript"].read("").dependencies
CARGO = """
[package]
name = "sail-maker"
[dependencies]
serde-json = "1"
mast = { path = "../mast" }
rope = { workspace = true }
[dev-dependencies]
proptest = { version = "1" }
"""


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("go", "// the depot\nmodule example.org/depot\n\ngo 1.22\n", Manifest({"example.org/depot": ""})),
        ("go", 'module "example.org/quoted"\n', Manifest({"example.org/quoted": ""})),
        ("go", "go 1.22\n", Manifest()),
        ("rust", CARGO, Manifest({"sail_maker": ""}, frozenset({"serde_json", "proptest"}))),
        ("rust", '[package]\nname = "a-b"\n[lib]\nname = "other"\n', Manifest({"other": ""})),
        (
            "rust",
            '[workspace]\nmembers = ["a"]\n[workspace.dependencies]\nlog = "1"\n',
            Manifest({}, frozenset({"log"})),
        ),
        ("rust", "[package\n", Manifest()),
        (
            "tsx",
            '{"name": "@sea/kit", "dependencies": {"react": "19"}, "devDependencies": {"vite": "7"}}',
            Manifest({"@sea/kit": ""}, frozenset({"react", "vite"})),
        ),
        (
            "javascript",
            '{"imports": {"#util": "./src/util/index.js", "#lib/*": "./lib/*.js", "#a": {"node": "b"}, "#*": "x"}}',
            Manifest({"#util": "./src/util", "#lib": "./lib"}),
        ),
        ("javascript", '{"private": true, "dependencies": []}', Manifest()),
        ("javascript", "[1]", Manifest()),
        ("javascript", "[" * 200_000, Manifest()),
        (
            "php",
            '{"autoload": {"psr-4": {"Sea\\\\": "src/", "Sea\\\\Old\\\\": ["./old/", "x"]}}}',
            Manifest({"Sea": "src", "Sea\\Old": "old"}),
        ),
    ],
)
def test_a_manifest_names_modules(language: str, text: str, expected: Manifest) -> None:
    found = ECOSYSTEMS[language].read(text)
    assert (found.names, found.dependencies - STANDARD) == (expected.names, expected.dependencies)


def test_standard_libraries_are_from_elsewhere() -> None:
    assert ECOSYSTEMS["rust"].read('[package]\nname = "a"\n').dependencies >= {"std", "core"}
    assert ECOSYSTEMS["typescript"].read("{}").dependencies >= {"path", "node:path"}


@pytest.mark.parametrize(
    ("language", "text", "package"),
    [
        ("java", "/* x */\npackage shop.money;\n\nclass A {}\n", "shop.money"),
        ("java", "class A {}\n", ""),
        ("kotlin", '@file:JvmName("A")\npackage shop.`in`\n', "shop.in"),
        ("php", "<?php\ndeclare(strict_types=1);\nnamespace Shop\\Money;\n", "Shop.Money"),
        ("php", "<?php namespace Shop {\n}\n", "Shop"),
        ("go", "// Package store\npackage store\n", "store"),
        ("python", "package = 1\n", ""),
    ],
)
def test_a_file_says_which_package_it_is_in(language: str, text: str, package: str) -> None:
    assert package_of(text, language) == package


def test_names_that_a_compiler_of_typescript_gives_to_folders_and_files() -> None:
    text = """{
  // names "@/*"
  "compilerOptions": {
    "baseUrl": "./src", /* of all */
    "paths": {
      "@/*": ["*"],
      "~lib/*": ["lib/*", "../old/*",],
      "#core": ["core/index.ts"],
      "*": ["types/*"],
      "x/*/y": ["z/*"],
      "odd": [3, "a/*"],
    },
  },
}"""
    assert compiler_paths(text) == [
        ("@", "./src"),
        ("~lib", "./src/lib"),
        ("~lib", "./src/../old"),
        ("#core", "./src/core"),
    ]
    assert compiler_paths(text.replace("\n", " " * 8000 + "\n")) == []  # too large
    assert compiler_paths("[") == compiler_paths("{}") == compiler_paths('{"compilerOptions": {"paths": 3}}') == []
