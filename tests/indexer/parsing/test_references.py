"""References of every language with a grammar of them: names, kinds, lines, what is before and around them."""

import pytest

from indexer.parsing.reference_queries import IMPORTS, USES
from indexer.parsing.references import Reference, references, references_to

Row = tuple[int, str, str, str, str]  # line, kind, qualifier, name (= alias), enclosing

PYTHON = """
import a.b as c
from .x.y import (d as e, f)
from z import *
@h.i
@j(1)
class K(L, m.N, metaclass=O, P[Q]):
    def go(self):
        self.r.s(t)(1).u()
"""
JAVASCRIPT = """
import a, {b as c} from "./x";
import * as d from "y";
import "./css/z.css";
const {e, f: g} = require("h");
class I extends j.K {
  go() { return o?.p(new m.N(), this.#q()); }
}
export {s} from "./t";
const v = () => <Box><W/><div/></Box>;
"""
TYPESCRIPT = """
import type {A} from "./x";
class B<T> extends C<T> implements D, e.F<G> {
  go() { return p<Q>(1); }
}
interface H extends I, J<K> {}
import l = require("m");
"""
GO = """
import (
    "fmt"
    f "x/y/z"
)
type B struct { C; *d.E; f int }
type G interface { io.I; j() }
func (b *B) Run() { l(); m.N(T{}, &x.U{}) }
"""
RUST = """
use a::b::{c, d as e, f::{g}};
use i::*;
mod foo;
impl o::P<Q> for R<S> {
    #[tokio::main]
    #[inline]
    fn x() { y(); z::a(b.c()); d!(); i::<j>::k(); l.m::<n>(); G { h: 1 }; }
}
trait T: U + v::W {}
"""
JAVA = """
import a.b.C;
import static d.E.f;
@H class J<T> extends K<T> implements L, m.N {
  void o() { p(); this.q(r.s()); new u.V<W>(); }
}
interface A extends B {}
"""
C = """
#include "a/b.h"
#include <c.h>
void d() { e(); f->g(h.i()); }
"""
CPP = """
#include "x.hpp"
using c::d;
class E : public F, private g::H<I> {};
void j() { k(); l::m(n.o()); r::s<t>(1); new v::W<X>(); y->z(); }
"""
CSHARP = """
using A.B;
using C = D.E;
class H : I, J.K<L> {
  [M] void N() { o(); p.q(new S.T<U>()); v?.w(); }
}
"""
RUBY = """
require "a/b"
class D < E::F
  include G
  def i
    k(1)
    l.m(P.new)
  end
end
"""
PHP = """<?php
use C\\D as E;
class I extends J implements K {
  use N;
  function o() { p(); $q->r(); S::t(new \\V\\W()); }
}
"""
KOTLIN = """
import d.e as f
@H class I : J(), K<L> {
  fun m() { n(); o.p(); q?.r() }
}
"""
BASH = """
source a/b.sh
f() { g; h $(i j); }
"""

EXPECTED: dict[str, tuple[str, list[Row]]] = {
    "python": (
        PYTHON,
        [
            (2, "import", "a", "b = c", ""),
            (3, "import", ".x.y", "d = e", ""),
            (3, "import", ".x.y", "f", ""),
            (4, "import", "z", "*", ""),
            (5, "call", "h", "i", "K"),
            (6, "call", "", "j", "K"),
            (7, "inherit", "", "L", "K"),
            (7, "inherit", "m", "N", "K"),
            (7, "inherit", "", "P", "K"),
            (9, "call", "self.r", "s", "K.go"),
            (9, "call", "?", "u", "K.go"),
        ],
    ),
    "javascript": (
        JAVASCRIPT,
        [
            (2, "import", "./x", "a", ""),
            (2, "import", "./x", "b = c", ""),
            (3, "import", "y", "d", ""),
            (4, "import", "./css", "z.css", ""),
            (5, "import", "h", "e", ""),
            (5, "import", "h", "f = g", ""),
            (5, "call", "", "require", ""),
            (6, "inherit", "j", "K", "I"),
            (7, "call", "m", "N", "I.go"),
            (7, "call", "o", "p", "I.go"),
            (7, "call", "this", "q", "I.go"),
            (9, "import", "./t", "s", ""),
            (10, "call", "", "Box", "v"),
            (10, "call", "", "W", "v"),
        ],
    ),
    "typescript": (
        TYPESCRIPT,
        [
            (2, "import", "./x", "A", ""),
            (3, "inherit", "", "C", "B"),
            (3, "inherit", "", "D", "B"),
            (3, "inherit", "e", "F", "B"),
            (4, "call", "", "p", "B.go"),
            (6, "inherit", "", "I", "H"),
            (6, "inherit", "", "J", "H"),
            (7, "import", "m", "l", ""),
        ],
    ),
    "go": (
        GO,
        [
            (3, "import", "", "fmt", ""),
            (4, "import", "x/y", "z = f", ""),
            (6, "inherit", "", "C", "B"),
            (6, "inherit", "d", "E", "B"),
            (7, "inherit", "io", "I", "G"),
            (8, "call", "m", "N", "B.Run"),
            (8, "call", "", "T", "B.Run"),
            (8, "call", "x", "U", "B.Run"),
            (8, "call", "", "l", "B.Run"),
        ],
    ),
    "rust": (
        RUST,
        [
            (2, "import", "a::b", "c", ""),
            (2, "import", "a::b", "d = e", ""),
            (2, "import", "a::b::f", "g", ""),
            (3, "import", "i", "*", ""),
            (4, "import", "", "foo", ""),
            (5, "inherit", "o", "P", "R"),
            (6, "call", "tokio", "main", "R.x"),
            (8, "call", "", "G", "R.x"),
            (8, "call", "z", "a", "R.x"),
            (8, "call", "b", "c", "R.x"),
            (8, "call", "", "d", "R.x"),
            (8, "call", "i", "k", "R.x"),
            (8, "call", "l", "m", "R.x"),
            (8, "call", "", "y", "R.x"),
            (10, "inherit", "", "U", "T"),
            (10, "inherit", "v", "W", "T"),
        ],
    ),
    "java": (
        JAVA,
        [
            (2, "import", "a.b", "C", ""),
            (3, "import", "d.E", "f", ""),
            (4, "call", "", "H", "J"),
            (4, "inherit", "", "K", "J"),
            (4, "inherit", "", "L", "J"),
            (4, "inherit", "m", "N", "J"),
            (5, "call", "u", "V", "J.o"),
            (5, "call", "", "p", "J.o"),
            (5, "call", "this", "q", "J.o"),
            (5, "call", "r", "s", "J.o"),
            (7, "inherit", "", "B", "A"),
        ],
    ),
    "c": (
        C,
        [
            (2, "import", "a", "b.h", ""),
            (3, "import", "", "c.h", ""),
            (4, "call", "", "e", "d"),
            (4, "call", "f", "g", "d"),
            (4, "call", "h", "i", "d"),
        ],
    ),
    "cpp": (
        CPP,
        [
            (2, "import", "", "x.hpp", ""),
            (3, "import", "c", "d", ""),
            (4, "inherit", "", "F", "E"),
            (4, "inherit", "g", "H", "E"),
            (5, "call", "v", "W", "j"),
            (5, "call", "", "k", "j"),
            (5, "call", "l", "m", "j"),
            (5, "call", "n", "o", "j"),
            (5, "call", "r", "s", "j"),
            (5, "call", "y", "z", "j"),
        ],
    ),
    "csharp": (
        CSHARP,
        [
            (2, "import", "A", "B", ""),
            (3, "import", "D", "E = C", ""),
            (4, "inherit", "", "I", "H"),
            (4, "inherit", "J", "K", "H"),
            (5, "call", "", "M", "H.N"),
            (5, "call", "S", "T", "H.N"),
            (5, "call", "", "o", "H.N"),
            (5, "call", "p", "q", "H.N"),
            (5, "call", "v", "w", "H.N"),
        ],
    ),
    "ruby": (
        RUBY,
        [
            (2, "import", "a", "b", ""),
            (2, "call", "", "require", ""),
            (3, "inherit", "E", "F", "D"),
            (4, "inherit", "", "G", "D"),
            (4, "call", "", "include", "D"),
            (6, "call", "", "k", "D.i"),
            (7, "call", "", "P", "D.i"),
            (7, "call", "l", "m", "D.i"),
            (7, "call", "P", "new", "D.i"),
        ],
    ),
    "php": (
        PHP,
        [
            (2, "import", "C", "D = E", ""),
            (3, "inherit", "", "J", "I"),
            (3, "inherit", "", "K", "I"),
            (4, "inherit", "", "N", "I"),
            (5, "call", "\\V", "W", "I.o"),
            (5, "call", "", "p", "I.o"),
            (5, "call", "$q", "r", "I.o"),
            (5, "call", "S", "t", "I.o"),
        ],
    ),
    "kotlin": (
        KOTLIN,
        [
            (2, "import", "d", "e = f", ""),
            (3, "call", "", "H", "I"),
            (3, "inherit", "", "J", "I"),
            (3, "inherit", "", "K", "I"),
            (4, "call", "", "n", "I.m"),
            (4, "call", "o", "p", "I.m"),
            (4, "call", "q", "r", "I.m"),
        ],
    ),
    "bash": (
        BASH,
        [
            (2, "import", "a", "b.sh", ""),
            (2, "call", "", "source", ""),
            (3, "call", "", "g", "f"),
            (3, "call", "", "h", "f"),
            (3, "call", "", "i", "f"),
        ],
    ),
}


def row(ref: Reference) -> Row:
    return ref.line, ref.kind, ref.qualifier, ref.name + (f" = {ref.alias}" if ref.alias else ""), ref.enclosing


@pytest.mark.parametrize("language", EXPECTED)
def test_references_of_a_language(language: str) -> None:
    text, expected = EXPECTED[language]
    assert sorted(map(row, references(text, language))) == sorted(expected)


def test_every_grammar_of_references_is_tested() -> None:
    assert set(IMPORTS) == set(USES) == {*EXPECTED, "tsx"}


MENTIONS = '''
from shop import price as cost, tax

def price(item):
    """price of an item"""
    return cost(item)  # price

class Till:
    price = 3

    def total(self, items: "price") -> int:
        return sum(map(price, items)) + self.price
'''


def test_mentions_of_a_name_and_its_alias_but_not_its_definition_comments_or_texts() -> None:
    assert [row(ref) for ref in references_to(MENTIONS, "python", "price") or ()] == [
        (2, "import", "shop", "price = cost", ""),
        (2, "import", "shop", "tax", ""),
        (6, "call", "", "cost", "price"),
        (12, "use", "", "price", "Till.total"),
        (12, "use", "self", "price", "Till.total"),
    ]


@pytest.mark.parametrize("language", EXPECTED)
def test_references_to_a_name_are_those_of_the_whole_file(language: str) -> None:
    text = EXPECTED[language][0]
    everything = references(text, language)
    for name in {ref.name for ref in everything if ref.kind != "import"}:
        own = {
            (r.line, r.kind, r.qualifier, r.enclosing)
            for r in everything
            if (r.name, r.kind != "import") == (name, True)
        }
        narrow = references_to(text, language, name) or ()
        assert own <= {(r.line, r.kind, r.qualifier, r.enclosing) for r in narrow}
        assert {r.kind for r in narrow if r.name != name} <= {"import"}


def test_many_mentions_in_one_file() -> None:
    text = "def f():\n    return 1\n\n" + "".join(f"def g{n}():\n    return f()\n" for n in range(100))
    found = references_to(text, "python", "f") or ()
    assert [(ref.line, ref.enclosing) for ref in found] == [(5 + 2 * n, f"g{n}") for n in range(100)]


@pytest.mark.parametrize("text", ["", "def", "class (:\n@@@", "f(" * 3000, "\x00f()", "f(é)\n"])
@pytest.mark.parametrize("language", EXPECTED)
def test_broken_text_breaks_nothing(language: str, text: str) -> None:
    assert all(ref.line >= 1 for ref in references(text, language))
    assert all(ref.line >= 1 for ref in references_to(text, language, "f") or ())


def test_no_grammar_and_no_time() -> None:
    assert references("price(1)", "sql") == ()
    assert references_to("price(1)", "sql", "price") is None
    assert references_to("price(1)\n" * 100_000, "python", "price", seconds=0.0) is None
