"""Lua, Perl, R, Julia, Elixir, PowerShell and GDScript: one source text each, and its definitions."""

from tests.indexer.parsing.definition_samples_dynamic import Expected

LUA = """local M = {}
local LIMIT = 3
-- Adds.
-- Really.
function M.add(a, b) return a + b end
function M:close() end
local function helper(x)
  local y = 1
  return y
end
M.open = function(path) end
local run = function() end
function plain() end
M.table = { key = function() end, other = 1 }
return M
"""
PERL = """package Shop::Basket;
use strict;
use constant LIMIT => 3;
our $VERSION = '1';
# Adds.
sub add {
  my ($self, $x) = @_;
  return $x;
}
sub _helper { }
package Shop::Other {
  sub size { 1 }
}
my $f = sub { 1 };
1;
"""
R = r"""LIMIT <- 3
# Adds.
add <- function(a, b = 1) {
  local <- 2
  inner <- function() 1
  a + b
}
close.basket = function(x) x
Basket <- setRefClass("Basket", methods = list(add = function(x) x))
setMethod("size", "Basket", function(object) 1)
setClass("Point", representation(x = "numeric"))
total <<- 1
short <- \(x) x
"""
JULIA = '''module Shop
using LinearAlgebra
const LIMIT = 3
"""
    add(a, b)

Adds.
"""
function add(a::Int, b)::Int
    local x = 1
    inner(y) = y
    return a + b
end
short(x) = x + 1
# A point.
struct Point{T} <: Shape
    x::T
end
mutable struct Box end
abstract type Shape end
macro twice(x) end
Base.show(io::IO, p::Point) = print(io)
function Base.size(p::Point) where T
end
end
'''
ELIXIR = '''defmodule Shop.Basket do
  @moduledoc """
  A basket.
  """
  use GenServer
  @limit 10
  @doc "Adds an item."
  @spec add(map, integer) :: map
  def add(basket, item) when item > 0 do
    [item | basket]
  end
  def add(basket, _item), do: basket
  defp helper(x), do: x
  defmacro twice(x) do
    quote do: unquote(x) * 2
  end
  defstruct [:name]
  def no_args, do: 1
  defguard is_even(x) when rem(x, 2) == 0
end
defprotocol Sized do
  def size(x)
end
defimpl Sized, for: List do
  def size(x), do: length(x)
end
'''
POWERSHELL = """$Limit = 3
# Adds.
function Add-Item {
  param([int]$A)
  $local = 1
  return $A
}
function global:Get-Thing($x) { $x }
class Basket {
  [int]$Count
  [int] Total([int]$x) { return $x }
}
enum Color { Red }
filter Twice { $_ * 2 }
"""
GDSCRIPT = """class_name Basket
extends Node
const LIMIT = 3
var count = 1
# Adds.
func add(a: int) -> int:
	return a
class Inner:
	func deep(): pass
enum Color { RED }
signal changed
"""

SCRIPTING: dict[str, tuple[str, Expected]] = {
    "lua": (
        LUA,
        [
            ("M", "constant", 1, 1),
            ("LIMIT", "constant", 2, 2),
            ("M.add", "method", 5, 5),
            ("M.close", "method", 6, 6),
            ("helper", "function", 7, 10),
            ("M.open", "method", 11, 11),
            ("run", "function", 12, 12),
            ("plain", "function", 13, 13),
            ("key", "method", 14, 14),
        ],
    ),
    "perl": (
        PERL,
        [
            ("Shop.Basket", "module", 1, 10),
            ("Shop.Basket.LIMIT", "constant", 3, 3),
            ("Shop.Basket.add", "function", 6, 9),
            ("Shop.Basket._helper", "function", 10, 10),
            ("Shop.Other", "module", 11, 13),
            ("Shop.Other.size", "function", 12, 12),
            ("f", "function", 14, 14),
        ],
    ),
    "r": (
        R,
        [
            ("LIMIT", "constant", 1, 1),
            ("add", "function", 3, 7),
            ("add.inner", "function", 5, 5),
            ("close.basket", "method", 8, 8),
            ("Basket", "class", 9, 9),
            ("Basket.add", "method", 9, 9),
            ("Basket.size", "method", 10, 10),
            ("Point", "class", 11, 11),
            ("total", "constant", 12, 12),
            ("short", "function", 13, 13),
        ],
    ),
    "julia": (
        JULIA,
        [
            ("Shop", "module", 1, 25),
            ("Shop.LIMIT", "constant", 3, 3),
            ("Shop.add", "function", 9, 13),
            ("Shop.add.inner", "function", 11, 11),
            ("Shop.short", "function", 14, 14),
            ("Shop.Point", "class", 16, 18),
            ("Shop.Box", "class", 19, 19),
            ("Shop.Shape", "type", 20, 20),
            ("Shop.twice", "function", 21, 21),
            ("Shop.Base.show", "method", 22, 22),
            ("Shop.Base.size", "method", 23, 24),
        ],
    ),
    "elixir": (
        ELIXIR,
        [
            ("Shop.Basket", "module", 1, 20),
            ("Shop.Basket.limit", "constant", 6, 6),
            ("Shop.Basket.add", "function", 8, 12),
            ("Shop.Basket.helper", "function", 13, 13),
            ("Shop.Basket.twice", "function", 14, 16),
            ("Shop.Basket.no_args", "function", 18, 18),
            ("Shop.Basket.is_even", "function", 19, 19),
            ("Sized", "interface", 21, 23),
            ("Sized.size", "method", 22, 22),
            ("Sized", "impl", 24, 26),
            ("Sized.size", "method", 25, 25),
        ],
    ),
    "powershell": (
        POWERSHELL,
        [
            ("Add-Item", "function", 3, 7),
            ("Get-Thing", "function", 8, 8),
            ("Basket", "class", 9, 12),
            ("Basket.Total", "method", 11, 11),
            ("Color", "enum", 13, 13),
            ("Twice", "function", 14, 14),
        ],
    ),
    "gdscript": (
        GDSCRIPT,
        [
            ("Basket", "class", 1, 7),
            ("Basket.LIMIT", "constant", 3, 3),
            ("Basket.count", "constant", 4, 4),
            ("Basket.add", "method", 6, 7),
            ("Inner", "class", 8, 9),
            ("Inner.deep", "method", 9, 9),
            ("Color", "enum", 10, 10),
            ("changed", "declaration", 11, 11),
        ],
    ),
}
SCRIPTING["luau"] = SCRIPTING["lua"]
