"""Scripting languages and Markdown: one source text each, and its definitions."""

Expected = list[tuple[str, str, int, int]]  # qualified name, kind, first line, last line

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

DYNAMIC: dict[str, tuple[str, Expected]] = {
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
            ("Box.#count", "constant", 6, 6),
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
    "bash": (BASH, [("greet", "function", 3, 5), ("other", "function", 6, 6), ("LIMIT", "constant", 7, 7)]),
    "markdown": (
        MARKDOWN,
        [("Guide", "section", 3, 9), ("Guide.Install", "section", 7, 9), ("Next", "section", 11, 11)],
    ),
}
