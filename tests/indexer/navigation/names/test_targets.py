"""Definitions that a name may mean."""

import pytest

from indexer.navigation.names.targets import identity_of, is_script, is_static, matches, namespace_of, only_methods
from indexer.storage.snapshot import IndexedSymbol
from indexer.types import SourceFile, Symbol


def definition(path: str, qualified: str, signature: str = "", kind: str = "function") -> IndexedSymbol:
    name = qualified.rpartition(".")[2]
    return IndexedSymbol(path, Symbol(name, qualified, kind, 1, 2, signature, ""))


def source(text: str, language: str) -> SourceFile:
    return SourceFile("a", "", len(text), 0, language, text)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("function fee() {}\n", "javascript", True),
        ("export function fee() {}\n", "javascript", False),
        ("function fee() {}\nmodule.exports = fee;\n", "javascript", False),
        ("import './a';\nfunction fee() {}\n", "typescript", False),
        ("def fee():\n    pass\n", "python", False),
    ],
)
def test_scripts_that_are_no_modules(text: str, language: str, expected: bool) -> None:
    assert is_script(source(text, language)) is expected


def test_the_namespace_of_a_file() -> None:
    assert namespace_of(source("package com.shop;\n", "java")) == "shop"
    assert namespace_of(source("<?php\nnamespace App\\Shop;\n", "php")) == "Shop"
    assert namespace_of(source("package shop\n", "go")) == ""


def test_names_with_scopes() -> None:
    assert matches(definition("shop/budget.py", "Budget.trim"), "budget.Budget.trim")
    assert not matches(definition("shop/budget.py", "Budget.trim"), "Other.trim")


def test_files_of_one_go_package_define_one_thing() -> None:
    assert identity_of(definition("a/unix.go", "run")) == identity_of(definition("a/win.go", "run")) == ("a", "run")
    assert identity_of(definition("a/b.py", "run")) == ("a/b.py", "run")


def test_a_static_function_of_c_is_seen_in_its_file_only() -> None:
    assert is_static(definition("a.c", "run", "static int run(void)"))
    assert not is_static(definition("a.h", "run", "static int run(void)"))


def test_files_where_a_name_needs_an_object() -> None:
    of_python, of_java = definition("a.py", "A.fee", kind="method"), definition("A.java", "A.fee", kind="method")
    assert only_methods([of_python, of_java]) == {"a.py"}
    assert only_methods([of_python, definition("a.py", "fee")]) == set()
