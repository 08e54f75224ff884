"""Definitions of every language with a grammar: their names, kinds, lines, signatures and documentation."""

import pytest

from indexer.files.languages import LANGUAGES
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.definitions import Definition, parse
from tests.indexer.parsing.definition_samples_dynamic import DYNAMIC
from tests.indexer.parsing.definition_samples_static import STATIC

CASES = DYNAMIC | STATIC
CASES["tsx"] = CASES["typescript"]


def found(language: str, text: str) -> dict[str, Definition]:
    return {definition.symbol.qualified: definition for definition in parse(text, language)}


@pytest.mark.parametrize("language", CASES)
def test_definitions_of(language: str) -> None:
    text, expected = CASES[language]
    symbols = [definition.symbol for definition in parse(text, language)]
    assert [(s.qualified, s.kind, s.start_line, s.end_line) for s in symbols] == expected


def test_every_language_with_a_grammar_has_a_query_and_a_case() -> None:
    grammars = {row.grammar for row in LANGUAGES if row.grammar}
    assert grammars == QUERIES.keys() == CASES.keys()


@pytest.mark.parametrize(
    ("language", "name", "signature", "doc", "lead"),
    [
        ("python", "outer", "def outer(a, *, b=1) -> int", "What it does.\n\nMore.", 4),
        ("javascript", "add", "export const add = (a, b)", "Adds.\nReally.", 2),
        ("typescript", "Shape.area", "area(n: number): number", "", 2),
        ("go", "Server.Run", "func (s *Server[T]) Run(a int) error", "Run starts it.", 3),
        ("go", "Server", "type Server[T any] struct", "Server serves.", 6),
        ("java", "Box", "public class Box<T> extends Base", "A box.", 3),
        ("java", "Box.open", "public void open(int a) throws E", "", 8),
        ("c", "add", "static int *add(int a)", "Adds.", 4),
        ("cpp", "a.b.Box", "template <class T> class Box : public Base", "", 3),
        ("csharp", "Box", "public class Box : Base", "A box.", 3),
        ("ruby", "Outer", "module Outer", "The module.", 2),
        ("php", "Box", "class Box extends Base", "", 3),
        ("kotlin", "Box", "class Box(val x: Int) : Base()", "A box.", 3),
        ("bash", "greet", "greet()", "Greets.", 2),
        ("markdown", "Guide.Install", "## Install", "", 7),
    ],
)
def test_signature_and_doc(language: str, name: str, signature: str, doc: str, lead: int) -> None:
    definition = found(language, CASES[language][0])[name]
    assert (definition.symbol.signature, definition.symbol.doc, definition.lead_line) == (signature, doc, lead)


def test_a_definition_after_a_syntax_error_is_still_found() -> None:
    assert "after" in found("python", "def broken(:\n  x ===\n\ndef after():\n    pass\n")
    assert "after" in found("go", "package p\nfunc broken( {\n}\nfunc after() {}\n")


def test_a_comment_beside_code_documents_nothing() -> None:
    assert found("python", "x = 1  # beside\ndef f():\n    pass\n")["f"].symbol.doc == ""


def test_local_declarations_are_no_symbols() -> None:
    assert list(found("cpp", "void f() {\n  std::string s(buf);\n  int g(void);\n}\n")) == ["f"]


def test_languages_without_a_grammar_have_none() -> None:
    assert parse("key = 1", "toml") == parse("words", "text") == parse("x", "no such language") == ()


def test_a_component_has_the_definitions_of_its_scripts() -> None:
    component = "<p>{{ total }}</p>\n<script setup lang=ts>\n// Adds.\nfunction total(): number {\n}\n</script>\n"
    symbols = [item.symbol for item in parse(component, "vue")]
    assert [(s.qualified, s.kind, s.start_line, s.end_line, s.doc) for s in symbols] == [
        ("total", "function", 4, 5, "Adds.")
    ]
