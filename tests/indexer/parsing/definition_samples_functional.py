"""Haskell, OCaml, F#, Erlang, Elm, Gleam and Clojure: one source text each, and its definitions."""

from tests.indexer.parsing.definition_samples_dynamic import Expected

HASKELL = """module Shop.Basket (add) where
import Data.List
-- | Adds an item.
add :: Int -> Int -> Int
add 0 y = y
add x y = go x
  where go z = z + y

limit :: Int
limit = 3

data Color = Red | Green deriving Show
newtype Id = Id { unId :: Int }
type Name = String
class Sized a where
  size :: a -> Int
instance Sized Color where
  size _ = 1
(<+>) :: Int -> Int -> Int
a <+> b = a + b
"""
OCAML = """open Printf
let limit = 3
(** Adds. *)
let add a b = a + b
let rec walk x = function
  | [] -> x
  | _ -> let inner y = y in inner x
and other y = y
type color = Red | Green
type point = { x : int }
module Basket = struct
  let total b = List.length b
end
module type SIZED = sig
  val size : int -> int
end
class box = object method open_ = 1 end
exception Bad of string
external puts : string -> unit = "puts"
"""
OCAML_INTERFACE = """(** Size. *)
val size : int -> int
type color = Red | Green
type t
module type S = sig val x : int end
module M : sig
  val y : int
end
exception Bad of string
"""
FSHARP = """module Shop.Basket
let limit = 3
/// Adds.
let add a b = a + b
type Color = Red | Green
type Point = { X: int }
type Box(x: int) =
  member this.Open() = x
"""
ERLANG = """-module(basket).
-define(LIMIT, 3).
-record(item, {name}).
%% @doc Adds.
-spec add(integer(), integer()) -> integer().
add(0, Y) -> Y;
add(X, Y) -> X + Y.
helper(X) ->
  X.
-type color() :: red | green.
"""
ELM = """module Basket exposing (add)
{-| Adds. -}
add : Int -> Int -> Int
add a b =
    a + b
type Color = Red | Green
type alias Point = { x : Int }
limit = 3
"""
GLEAM = """pub const limit = 3
/// Adds.
pub fn add(a: Int, b: Int) -> Int {
  a + b
}
pub type Color { Red Green }
type Id = Int
"""
CLOJURE = """(ns shop.basket)
(def limit 3)
;; Adds.
(defn add
  "Adds an item."
  [a b]
  (+ a b))
(defn- helper [x] x)
(defmacro twice [x] x)
(defprotocol Sized (size [this]))
(defrecord Point [x y])
"""

FUNCTIONAL: dict[str, tuple[str, Expected]] = {
    "haskell": (
        HASKELL,
        [
            ("add", "function", 4, 7),
            ("add.go", "function", 7, 7),
            ("limit", "constant", 9, 10),
            ("Color", "type", 12, 12),
            ("Id", "type", 13, 13),
            ("Name", "type", 14, 14),
            ("Sized", "interface", 15, 16),
            ("Sized.size", "declaration", 16, 16),
            ("Sized", "impl", 17, 18),
            ("Sized.size", "method", 18, 18),
            ("<+>", "function", 19, 20),
        ],
    ),
    "ocaml": (
        OCAML,
        [
            ("limit", "constant", 2, 2),
            ("add", "function", 4, 4),
            ("walk", "function", 5, 7),
            ("walk.inner", "function", 7, 7),
            ("other", "function", 8, 8),
            ("color", "enum", 9, 9),
            ("point", "class", 10, 10),
            ("Basket", "module", 11, 13),
            ("Basket.total", "function", 12, 12),
            ("SIZED", "interface", 14, 16),
            ("SIZED.size", "declaration", 15, 15),
            ("box", "class", 17, 17),
            ("box.open_", "method", 17, 17),
            ("Bad", "type", 18, 18),
            ("puts", "declaration", 19, 19),
        ],
    ),
    "ocaml_interface": (
        OCAML_INTERFACE,
        [
            ("size", "declaration", 2, 2),
            ("color", "enum", 3, 3),
            ("t", "type", 4, 4),
            ("S", "interface", 5, 5),
            ("S.x", "declaration", 5, 5),
            ("M", "module", 6, 8),
            ("M.y", "declaration", 7, 7),
            ("Bad", "type", 9, 9),
        ],
    ),
    "fsharp": (
        FSHARP,
        [
            ("limit", "constant", 2, 3),
            ("add", "function", 4, 4),
            ("Color", "enum", 5, 5),
            ("Point", "class", 6, 6),
            ("Box", "class", 7, 8),
            ("Box.Open", "method", 8, 8),
        ],
    ),
    "erlang": (
        ERLANG,
        [
            ("basket", "module", 1, 1),
            ("LIMIT", "constant", 2, 2),
            ("item", "class", 3, 3),
            ("add", "function", 5, 7),
            ("helper", "function", 8, 9),
            ("color", "type", 10, 10),
        ],
    ),
    "elm": (
        ELM,
        [
            ("add", "function", 3, 5),
            ("Color", "enum", 6, 6),
            ("Point", "type", 7, 7),
            ("limit", "constant", 8, 8),
        ],
    ),
    "gleam": (
        GLEAM,
        [
            ("limit", "constant", 1, 1),
            ("add", "function", 3, 5),
            ("Color", "enum", 6, 6),
            ("Id", "type", 7, 7),
        ],
    ),
    "clojure": (
        CLOJURE,
        [
            ("limit", "constant", 2, 2),
            ("add", "function", 4, 7),
            ("helper", "function", 8, 8),
            ("twice", "function", 9, 9),
            ("Sized", "interface", 10, 10),
            ("Point", "class", 11, 11),
        ],
    ),
}
