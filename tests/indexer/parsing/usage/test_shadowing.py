"""Qualified names behind a parameter or a variable that has the name of a module."""

import pytest

from indexer.parsing.references import references_to

PYTHON = """\
import shop.pack as pack
import shop.pack

def f(pack): return pack.load(1)  # local
def g(x=1): return pack.load(x)
def h(x):
    pack = x
    with pack as y:
        pack.load(1)  # local
    return [pack.load() for z in x]  # local
def i(x): return [pack.load() for pack in x]  # local
def j(x): return pack.load(lambda pack: pack.other())
def k(shop): return shop.pack.load(1)  # local
def l():
    import shop.pack as pack
    return pack.load(1), shop.pack.load(2)
def m(pack): return unpack.pack.load(1), "pack.load"
"""
SCRIPT = """\
import * as pack from "./pack";
const f = (pack) => pack.load(1); // local
const g = (x) => pack.load(x);
function h() {
  const { pack } = other();
  return pack
    .load(1); // local
}
function i() {
  return pack.load(1) + pack?.load(2);
}
for (const pack of all) pack.load(3); // local
"""
GO = """\
package main
import "gopkg.in/pack.v3"
func f(pack T) { pack.load(1) } // local
func g() { pack.load(1) }
func h() {
	pack := pack.load(1)
	pack.load(2) // local
}
"""


@pytest.mark.parametrize(("language", "text"), [("python", PYTHON), ("javascript", SCRIPT), ("go", GO)])
def test_names_behind_a_variable(language: str, text: str) -> None:
    lines = text.split("\n")
    local = {lines[ref.line - 1] for ref in references_to(text, language, "load") or () if ref.is_local}
    assert local == {line for line in lines if line.endswith("local")}


def test_a_path_of_rust_begins_with_no_variable() -> None:
    text = "use crate::pack;\nfn f(pack: T) {\n    pack::load(1);\n}\n"
    assert [(ref.line, ref.is_local) for ref in references_to(text, "rust", "load") or () if ref.kind == "call"] == [
        (3, False)
    ]
