"""One source text for each language with reference queries, and its references."""

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
