"""Definitions of every language with a grammar: their names, kinds, lines, signatures and documentation."""

import pytest

from indexer.files.languages import LANGUAGES
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.definitions import Definition, parse
from tests.indexer.parsing.definition_samples_apps import APPS
from tests.indexer.parsing.definition_samples_declarative import DECLARATIVE
from tests.indexer.parsing.definition_samples_dynamic import DYNAMIC
from tests.indexer.parsing.definition_samples_functional import FUNCTIONAL
from tests.indexer.parsing.definition_samples_scripting import SCRIPTING
from tests.indexer.parsing.definition_samples_static import STATIC

CASES = DYNAMIC | STATIC | APPS | SCRIPTING | FUNCTIONAL | DECLARATIVE  # by grammar
CASES["tsx"] = CASES["typescript"]
LANGUAGE = {row.grammar: row.name for row in LANGUAGES if row.grammar}


def found(language: str, text: str) -> dict[str, Definition]:
    return {definition.symbol.qualified: definition for definition in parse(text, language)}


@pytest.mark.parametrize("grammar", CASES)
def test_definitions_of(grammar: str) -> None:
    text, expected = CASES[grammar]
    symbols = [definition.symbol for definition in parse(text, LANGUAGE[grammar])]
    assert [(s.qualified, s.kind, s.start_line, s.end_line) for s in symbols] == expected


def test_every_language_with_a_grammar_has_a_query_and_a_case() -> None:
    grammars = {row.grammar for row in LANGUAGES if row.grammar}
    assert grammars == QUERIES.keys() == CASES.keys()


@pytest.mark.parametrize(
    ("grammar", "name", "signature", "doc", "lead"),
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
        ("scala", "Basket.total", "def total(x: Int): Int", "", 8),
        ("swift", "Basket.add", "func add(_ item: Int) -> Bool", "Adds.", 10),
        ("dart", "Cart.addItem", "void addItem(int item)", "Adds.", 12),
        ("zig", "Point", "const Point", "A point.", 3),
        ("solidity", "Vault.withdraw", "function withdraw(uint256 amount) external onlyOwner", "@notice Takes.", 15),
        ("lua", "M.add", "function M.add(a, b)", "Adds.\nReally.", 3),
        ("perl", "Shop.Basket.add", "sub add", "Adds.", 5),
        ("r", "add", "add <- function(a, b = 1)", "Adds.", 2),
        ("julia", "Shop.add", "function add(a::Int, b)::Int", "    add(a, b)\n\nAdds.", 4),
        ("elixir", "Shop.Basket", "defmodule Shop.Basket", "A basket.", 1),
        ("elixir", "Shop.Basket.add", "def add(basket, item) when item > 0", "Adds an item.", 7),
        ("haskell", "add", "add :: Int -> Int -> Int", "Adds an item.", 3),
        ("ocaml", "add", "let add a b", "Adds.", 3),
        ("objc", "Basket.addItem", "- (int)addItem:(int)item times:(int)n", "Adds.", 13),
        ("nim", "add", "proc add*(a, b: int): int = ## Adds an item.", "Adds.", 6),
        ("fsharp", "add", "let add a b", "Adds.", 3),
        ("erlang", "add", "add(0, Y)", "@doc Adds.", 4),
        ("elm", "add", "add : Int -> Int -> Int", "Adds.", 2),
        ("gleam", "add", "pub fn add(a: Int, b: Int) -> Int", "Adds.", 2),
        ("clojure", "add", "(defn add", "Adds an item.", 3),
        ("powershell", "Add-Item", "function Add-Item", "Adds.", 2),
        ("gdscript", "Basket.add", "func add(a: int) -> int", "Adds.", 5),
        ("sql", "monthly_totals", "CREATE OR REPLACE FUNCTION monthly_totals(y int) RETURNS int", "Monthly totals.", 8),
        ("terraform", "aws_s3_bucket.logs", 'resource "aws_s3_bucket" "logs"', "The bucket.", 1),
        ("proto", "Orders.GetOrder", "rpc GetOrder (Order) returns (Order)", "Gets one.", 13),
        ("graphql", "Order.total", "total(currency: String): Int", "The total.", 5),
        ("css", "total", ".total, .sum > a", "The total.", 1),
        ("scss", "round", "@mixin round($r)", "A mixin.", 2),
        ("dockerfile", "build", "FROM node:20 AS build", "Builds.", 1),
        ("make", "all", "all: build test", "Builds all.", 5),
        ("cmake", "add_it", "function(add_it name)", "Adds.", 4),
    ],
)
def test_signature_and_doc(grammar: str, name: str, signature: str, doc: str, lead: int) -> None:
    definition = found(LANGUAGE[grammar], CASES[grammar][0])[name]
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


def test_a_comment_belongs_to_the_first_definition_of_a_line() -> None:
    first, second, *_ = parse("# both\ndef f(): g = 1; h = lambda: 2\nclass A: pass; B = 3\n", "python")
    assert (first.symbol.doc, second.symbol.doc) == ("both", "")
    outer, inner = parse("// A box.\nclass Box { open() {} }\n", "javascript")
    assert (outer.symbol.doc, inner.symbol.doc) == ("A box.", "")


def test_functions_of_different_names_or_places_are_not_joined() -> None:
    text = "defmodule A do\n  def f(1), do: 1\n  def g(x), do: x\n  def f(2), do: 2\nend\n"
    assert [item.symbol.qualified for item in parse(text, "elixir")] == ["A", "A.f", "A.g", "A.f"]


def test_only_the_selectors_of_a_rule_name_it() -> None:
    text = ".a.b > .c, #d .e:not(.f) { x: y }\n[dir] p { x: y }\n"
    for language in ("css", "scss"):
        assert sorted(item.symbol.name for item in parse(text, language)) == ["a", "b", "c", "d", "e"]


def test_the_type_that_a_function_returns_is_not_its_name() -> None:
    text = "CREATE FUNCTION total(a int) RETURNS money_type AS $$ SELECT 1 $$ LANGUAGE sql;\n"
    assert [item.symbol.name for item in parse(text, "sql")] == ["total"]


def test_a_component_has_the_definitions_of_its_scripts() -> None:
    component = "<p>{{ total }}</p>\n<script setup lang=ts>\n// Adds.\nfunction total(): number {\n}\n</script>\n"
    symbols = [item.symbol for item in parse(component, "vue")]
    assert [(s.qualified, s.kind, s.start_line, s.end_line, s.doc) for s in symbols] == [
        ("total", "function", 4, 5, "Adds.")
    ]
