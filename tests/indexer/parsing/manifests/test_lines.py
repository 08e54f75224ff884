"""Entries of formats that are read line by line."""

import pytest

from indexer.parsing.manifests import lines
from indexer.parsing.manifests.entry import Entry


def test_go_mod() -> None:
    text = "module a/b\n\ngo 1.21\n\nrequire (\n\tc/d v1.0 // indirect\n)\nrequire e/f v2.0\n"
    assert lines.go_mod(text) == [
        Entry("module", "a/b", 1, 1),
        Entry("go", "1.21", 3, 3),
        Entry("require.c/d", "v1.0", 6, 6),
        Entry("require.e/f", "v2.0", 8, 8),
    ]


def test_make_has_targets_with_their_recipes_and_variables() -> None:
    text = (
        "BIN := ./bin\n.PHONY: lint\n\nlint: deps ## checks\n\t$(info *** lint ***)\n\t@ruff check\n\nall: lint test\n"
    )
    assert lines.make(text) == [
        Entry("BIN", "./bin", 1, 1),
        Entry("target.lint", "ruff check", 4, 6),
        Entry("target.all", "lint test", 8, 8),
    ]


def test_ini_joins_the_lines_of_an_option() -> None:
    assert lines.ini("[testenv]\ncommands =\n    pytest\n    ruff\n# x = 1\n") == [
        Entry("testenv.commands", "pytest ruff", 2, 4)
    ]


def test_docker_requirements_and_bare_versions() -> None:
    assert lines.docker("FROM a:1\n# EXPOSE 1\nCMD run it\n") == [
        Entry("FROM", "a:1", 1, 1),
        Entry("CMD", "run it", 3, 3),
    ]
    assert lines.requirements("a\nb>=1 # c\n-r x\n") == [
        Entry("requirements.a", "any version", 1, 1),
        Entry("requirements.b", ">=1", 2, 2),
    ]
    assert lines.bare("1.2\n") == [Entry("version", "1.2", 1, 1)]
    assert lines.bare("\n") == []


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("  s.version = '1.0'", "version", "1.0"),
        ('    license="BSD",', "license", "BSD"),
        ("cmake_minimum_required(VERSION 3.18)", "cmake_minimum_required", "VERSION 3.18"),
        ("set(CMAKE_CXX_STANDARD 17)", "CMAKE_CXX_STANDARD", "17"),
        ('val scalaVersion = "3.3"', "scalaVersion", "3.3"),
        ("ThisBuild / x", "", ""),
        ("if foo = 1", "", ""),
        ("gem 'rake'", "gem", "rake"),
        ("jvmToolchain(17)", "jvmToolchain", "17"),
    ],
)
def test_assignments(line: str, key: str, value: str) -> None:
    assert lines.assignments(line) == ([Entry(key, value, 1, 1)] if key else [])


def test_a_line_of_blanks_is_read_in_no_time() -> None:
    row = "version" + " " * 20_000
    assert lines.assignments(f"{row};\nname = x{' ' * 20_000},\n") == [Entry("name", "x", 2, 2)]
    assert lines.assignments('call( "a", "b" ) ,') == [Entry("call", "a b", 1, 1)]


def test_a_list_goes_on_until_its_bracket_closes() -> None:
    text = (
        "LICENSE = 'MIT'\nsetup(\n    license=LICENSE,\n    install_requires=[\n        'a>=1',\n        'b',\n"
        "    ],\n)\n"
    )
    assert [(entry.key, entry.value, entry.line, entry.end_line) for entry in lines.assignments(text)] == [
        ("LICENSE", "MIT", 1, 1),
        ("license", "MIT", 3, 3),
        ("install_requires", "[ 'a>=1', 'b', ]", 4, 7),
    ]
    assert lines.assignments("project(\n  shop\n  VERSION 1.2)\n")[0] == Entry("project", "shop VERSION 1.2", 1, 3)


def test_versions_of_tools_and_dependencies_of_mix() -> None:
    assert lines.tools("elixir 1.16 # x\n\nerlang 26\n") == [Entry("elixir", "1.16", 1, 1), Entry("erlang", "26", 3, 3)]
    text = (
        '@version "1.0"\ndef project do\n  [aliases: [{:no, "1"}]]\nend\ndefp deps do\n'
        '  [{:a, "~> 1"}, {:b, "~> 2", only: :dev},\n   # {:old, "1"},\n   {:ecto,\n    "~> 3"}]\nend\n{:other, "1"}\n'
    )
    assert [(entry.key, entry.value, entry.line) for entry in lines.mix(text)] == [
        ("version", "1.0", 1),
        ("deps.a", "~> 1", 6),
        ("deps.b", '"~> 2", only: :dev', 6),
        ("deps.ecto", "~> 3", 8),
    ]


@pytest.mark.parametrize(
    "text", ['[deps: [{:a, "1"}], x: [{:b, "1"}]]', 'deps: [\n  {:a, "1"}\n],', 'defp deps, do: [{:a, "1"}]\n{:b, "1"}']
)
def test_the_dependencies_of_mix_are_those_of_its_list(text: str) -> None:
    assert [entry.key for entry in lines.mix(text) if entry.key.startswith("deps.")] == ["deps.a"]


def test_a_dependency_of_gradle_may_have_a_block() -> None:
    text = 'implementation("a:b:1") {\n    exclude("c")\n}\napi("d:e:2") { transitive = false }\nplugins {\n'
    assert [(entry.key, entry.value) for entry in lines.assignments(text)][::2] == [
        ("implementation", "a:b:1"),
        ("api", "d:e:2"),
    ]


def test_a_session_of_nox_runs_calls_of_several_lines() -> None:
    text = "@nox.session\ndef unit(session):\n    session.run(\n        'pytest',  # 'x'\n        '-q',\n    )\n"
    assert lines.nox(text) == [Entry("session.unit", "pytest, -q", 2, 7)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "install_requires=[ # [ not\n 'a', # see \"z\" ]\n # don't 'b',\n 'd',\n],",
            ("install_requires", "[ 'a', 'd', ]"),
        ),
        ("s.license = 'MIT' # don't [\n", ("license", "MIT")),
        ("s.homepage = 'http://x/#a'\n", ("homepage", "http://x/#a")),
        ("implementation 'a:b:1' // (\n", ("implementation", "a:b:1")),
        ("/* implementation 'b:b:1'\nimplementation 'c:c:1' */\napi 'a:b:1'\n", ("api", "a:b:1")),
        ("=begin\ns.license = 'GPL'\n=end\ns.license = 'MIT'\n", ("license", "MIT")),
        ("#[[\nfind_package(A)\n]]\nfind_package(B)\n", ("find_package", "B")),
        ('"""Old:\n\nlicense="GPL"\n"""\nsetup(\n    license="MIT",\n', ("license", "MIT")),
    ],
)
def test_a_comment_tells_nothing_and_closes_nothing(text: str, expected: tuple[str, str]) -> None:
    assert [(entry.key, entry.value) for entry in lines.assignments(text)] == [expected]


def test_an_address_of_a_package_is_no_name() -> None:
    text = "git+https://x/y#egg=z\nhttps://x/y.whl\na @ https://x/y#sha256=1\nb==1 \\\n  --hash=sha256:1\n"
    assert [(entry.key, entry.value) for entry in lines.requirements(text)] == [
        ("requirements.a", "@ https://x/y#sha256=1"),
        ("requirements.b", "==1"),
    ]


def test_a_comment_among_the_lines_of_an_option_is_none_of_them() -> None:
    assert lines.ini("[options]\nrequires =\n    a\n    # b\n    --c\n") == [Entry("options.requires", "a --c", 2, 5)]


def test_a_block_of_mix_that_does_not_end_is_read_once() -> None:
    entries = lines.mix('defp deps do\n{:a, "1"}\n' * 50)
    assert len([entry for entry in entries if entry.key == "deps.a"]) == 50
