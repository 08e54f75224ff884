"""Definitions of every language with a grammar: what they are called, what they are, where they begin and end."""

import os
import time
from itertools import count

import pytest

from indexer.files.languages import LANGUAGES
from indexer.parsing.definition_queries import QUERIES
from indexer.parsing.definitions import Definition, parse

Expected = list[tuple[str, str, int, int]]

PYTHON = '''
import os
LIMIT = 3
@cache
@decorated(1)
def outer(a, *, b=1) -> int:
    """What it does.

    More.
    """
    def inner():
        return 1
    return inner()
class Shape(Base):
    async def area(self):
        pass
    class Inner:
        def deep(self): ...
'''
JAVASCRIPT = """
// Adds.
// Really.
export const add = (a, b) => a + b;
export default class Box extends Base {
  static #count = 1;
  open() { return 1; }
  onClick = () => { };
}
function* walk() {}
module.exports = function serve() {};
Box.prototype.close = function () {};
const table = { key: function () {}, method() {} };
var Old = class {};
"""
TYPESCRIPT = """
interface Shape { area(n: number): number; }
@Component({})
export abstract class Box<T> {
  @Input()
  open(): void {}
  abstract shut(): void;
}
type Id = string | number;
enum Color { Red }
namespace Deep { export function inner() {} }
declare function outside(): void;
const f = async (x: number): Promise<void> => {};
"""
GO = """
package p
// Run starts it.
func (s *Server[T]) Run(a int) error { return nil }
func Free() {}
// Server serves.
type Server[T any] struct {
	a int
}
type (
	Reader interface { Read() }
	Id = int
)
const Max = 1
"""
RUST = """
/// A point.
#[derive(Debug)]
pub struct Point { x: u8 }
impl fmt::Display for Point {
    fn fmt(&self) -> u8 { 1 }
}
trait Shape { fn area(&self); fn name() {} }
mod inner { fn deep() {} }
macro_rules! mac { () => {} }
enum E { A }
const C: u8 = 1;
type T = u8;
"""
JAVA = """
package a;
/** A box. */
@Entity
public class Box<T> extends Base {
  static final int X = 1;
  public Box() {}
  @Override
  public void open(int a) throws E { }
  interface Shape { void area(); }
  enum Color { RED; }
  record Pair(int a) {}
}
"""
C = """
#define MAX 1
#define SQ(x) ((x) * (x))
/* Adds. */
static int *add(int a) {
  return 0;
}
struct point { int a; };
typedef struct { int b; } line_t;
enum color { RED };
int proto(void);
char **words(void) { return 0; }
static const int table[] = {1};
typedef int id_t;
"""
CPP = """
namespace a::b {
template <class T>
class Box : public Base {
 public:
  Box() {}
  ~Box();
  int operator+(int x) { return 1; }
};
}
void a::b::Box::open() { std::string s(buf); }
int& ref() { return x; }
using Id = int;
enum class Color { Red };
"""
CSHARP = """
namespace A.B;
/// A box.
[Serializable]
public class Box : Base {
  public Box() {}
  public void Open<T>(int a) => Run();
  void Abstract();
  struct Point {}
  interface IShape { void Area(); }
  enum Color { Red }
}
"""
RUBY = """
# The module.
module Outer
  class Box < Base
    def open(a)
      1
    end
    def self.make; end
  end
end
LIMIT = 1
"""
PHP = r"""<?php
namespace A\B;
#[Attr]
class Box extends Base {
  public function open(int $a): int { return 1; }
  abstract function shut();
}
interface Shape { function area(); }
trait Helps {}
enum Suit: int { case A = 1; }
function free() {}
"""
KOTLIN = """
package a.b
/** A box. */
class Box(val x: Int) : Base() {
  fun open(a: Int): Int = 1
}
object Single {
  fun call() { }
}
enum class Color { RED }
fun String.ext(): Int { return 1 }
typealias Id = Int
"""
BASH = """#!/bin/bash
# Greets.
greet() {
  echo hi
}
function other { echo; }
LIMIT=1
"""
MARKDOWN = """intro

# Guide

text

## Install

more

# Next
"""

CASES: dict[str, tuple[str, Expected]] = {
    "python": (
        PYTHON,
        [
            ("LIMIT", "constant", 3, 3),
            ("outer", "function", 4, 13),
            ("outer.inner", "function", 11, 12),
            ("Shape", "class", 14, 18),
            ("Shape.area", "method", 15, 16),
            ("Shape.Inner", "class", 17, 18),
            ("Shape.Inner.deep", "method", 18, 18),
        ],
    ),
    "javascript": (
        JAVASCRIPT,
        [
            ("add", "function", 4, 4),
            ("Box", "class", 5, 9),
            ("Box.open", "method", 7, 7),
            ("Box.onClick", "method", 8, 8),
            ("walk", "function", 10, 10),
            ("serve", "function", 11, 11),
            ("Box.close", "method", 12, 12),
            ("table", "constant", 13, 13),
            ("table.key", "method", 13, 13),
            ("table.method", "method", 13, 13),
            ("Old", "class", 14, 14),
        ],
    ),
    "typescript": (
        TYPESCRIPT,
        [
            ("Shape", "interface", 2, 2),
            ("Shape.area", "declaration", 2, 2),
            ("Box", "class", 3, 8),
            ("Box.open", "method", 5, 6),
            ("Box.shut", "declaration", 7, 7),
            ("Id", "type", 9, 9),
            ("Color", "enum", 10, 10),
            ("Deep", "module", 11, 11),
            ("Deep.inner", "function", 11, 11),
            ("outside", "declaration", 12, 12),
            ("f", "function", 13, 13),
        ],
    ),
    "go": (
        GO,
        [
            ("Server.Run", "method", 4, 4),
            ("Free", "function", 5, 5),
            ("Server", "class", 7, 9),
            ("Reader", "interface", 11, 11),
            ("Id", "type", 12, 12),
            ("Max", "constant", 14, 14),
        ],
    ),
    "rust": (
        RUST,
        [
            ("Point", "class", 3, 4),
            ("Point", "impl", 5, 7),
            ("Point.fmt", "method", 6, 6),
            ("Shape", "interface", 8, 8),
            ("Shape.area", "declaration", 8, 8),
            ("Shape.name", "method", 8, 8),
            ("inner", "module", 9, 9),
            ("inner.deep", "function", 9, 9),
            ("mac", "function", 10, 10),
            ("E", "enum", 11, 11),
            ("C", "constant", 12, 12),
            ("T", "type", 13, 13),
        ],
    ),
    "java": (
        JAVA,
        [
            ("Box", "class", 4, 13),
            ("Box.Box", "method", 7, 7),
            ("Box.open", "method", 8, 9),
            ("Box.Shape", "interface", 10, 10),
            ("Box.Shape.area", "declaration", 10, 10),
            ("Box.Color", "enum", 11, 11),
            ("Box.Pair", "class", 12, 12),
        ],
    ),
    "c": (
        C,
        [
            ("MAX", "constant", 2, 2),
            ("SQ", "function", 3, 3),
            ("add", "function", 5, 7),
            ("point", "class", 8, 8),
            ("line_t", "class", 9, 9),
            ("color", "enum", 10, 10),
            ("proto", "declaration", 11, 11),
            ("words", "function", 12, 12),
            ("table", "constant", 13, 13),
            ("id_t", "type", 14, 14),
        ],
    ),
    "cpp": (
        CPP,
        [
            ("a.b", "module", 2, 10),
            ("a.b.Box", "class", 3, 9),
            ("a.b.Box.Box", "method", 6, 6),
            ("a.b.Box.~Box", "declaration", 7, 7),
            ("a.b.Box.operator+", "method", 8, 8),
            ("a.b.Box.open", "method", 11, 11),
            ("ref", "function", 12, 12),
            ("Id", "type", 13, 13),
            ("Color", "enum", 14, 14),
        ],
    ),
    "csharp": (
        CSHARP,
        [
            ("Box", "class", 4, 12),
            ("Box.Box", "method", 6, 6),
            ("Box.Open", "method", 7, 7),
            ("Box.Abstract", "declaration", 8, 8),
            ("Box.Point", "class", 9, 9),
            ("Box.IShape", "interface", 10, 10),
            ("Box.IShape.Area", "declaration", 10, 10),
            ("Box.Color", "enum", 11, 11),
        ],
    ),
    "ruby": (
        RUBY,
        [
            ("Outer", "module", 3, 10),
            ("Outer.Box", "class", 4, 9),
            ("Outer.Box.open", "method", 5, 7),
            ("Outer.Box.make", "method", 8, 8),
            ("LIMIT", "constant", 11, 11),
        ],
    ),
    "php": (
        PHP,
        [
            ("Box", "class", 3, 7),
            ("Box.open", "method", 5, 5),
            ("Box.shut", "declaration", 6, 6),
            ("Shape", "interface", 8, 8),
            ("Shape.area", "declaration", 8, 8),
            ("Helps", "class", 9, 9),
            ("Suit", "enum", 10, 10),
            ("free", "function", 11, 11),
        ],
    ),
    "kotlin": (
        KOTLIN,
        [
            ("Box", "class", 4, 6),
            ("Box.open", "method", 5, 5),
            ("Single", "class", 7, 9),
            ("Single.call", "method", 8, 8),
            ("Color", "enum", 10, 10),
            ("ext", "function", 11, 11),
            ("Id", "type", 12, 12),
        ],
    ),
    "bash": (BASH, [("greet", "function", 3, 5), ("other", "function", 6, 6), ("LIMIT", "constant", 7, 7)]),
    "markdown": (
        MARKDOWN,
        [("Guide", "section", 3, 9), ("Guide.Install", "section", 7, 9), ("Next", "section", 11, 11)],
    ),
}
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


def test_random_bytes_stop_at_the_time_budget() -> None:
    began = time.monotonic()
    assert parse(os.urandom(3_000_000).decode("latin-1"), "python", seconds=0.3) == ()
    assert time.monotonic() - began < 2


def test_waiting_for_the_processor_takes_nothing_from_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", count(0, 3600).__next__)
    text = "".join(f"def f{i}():\n    return {i}\n" for i in range(3000))
    assert len(parse(text, "python")) == 3000


def test_deep_nesting_is_no_recursion() -> None:
    depth = 3000
    text = "".join(f"{' ' * i}def f{i}():\n" for i in range(depth)) + " " * depth + "pass\n"
    assert isinstance(parse(text, "python"), tuple)
    assert parse("(" * 50_000, "javascript") == ()


@pytest.mark.parametrize("outer", ["f", "g" * 50_000])
def test_the_names_of_a_deep_nest_are_bounded_together(outer: str) -> None:
    depth = 2000
    nest = "".join(f"function f{i}() {{\n" for i in range(depth))
    text = f"function {outer}() {{\n{nest}{'}' * (depth + 1)}\n"
    symbols = [definition.symbol for definition in parse(text, "javascript", seconds=20)]
    assert [symbol.name for symbol in symbols] == [outer, *(f"f{i}" for i in range(depth))]
    assert symbols[2].qualified.endswith("f0.f1")
    assert symbols[-1].qualified.endswith(".f1997.f1998.f1999")
    assert sum(len(symbol.qualified) for symbol in symbols) < len(outer) + 500 * depth


def test_a_generated_file_of_100_000_lines() -> None:
    text = "".join(f"def f{i}():\n    # comment\n    return {i}\n\n" for i in range(25_000))
    began = time.monotonic()
    definitions = parse(text, "python", seconds=20)
    assert len(definitions) == 25_000
    assert definitions[-1].symbol.end_line == 99_999
    assert time.monotonic() - began < 15


def test_languages_without_a_grammar_have_none() -> None:
    assert parse("key = 1", "toml") == parse("words", "text") == parse("x", "no such language") == ()


@pytest.mark.parametrize("line", ["> " * 500, "- " * 500, "1. " * 500, " " * 500 + "- x"])
def test_prose_nested_too_deep_for_its_grammar_has_no_sections(line: str) -> None:
    assert parse(f"# Title\n\n{line}x\n", "markdown") == ()
