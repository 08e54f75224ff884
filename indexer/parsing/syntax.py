"""Syntax trees and queries over them, by tree-sitter. Knows a language only by its grammar's name.

Rust items may stand inside a macro call, as in `cfg_rt! { pub fn spawn() {} }`. The grammar sees only tokens there, so
the macro is blanked out before parsing: every byte and line keeps its place.
"""

import time
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count

from tree_sitter import Language, Parser, Query, QueryCursor
from tree_sitter import Node as Node
from tree_sitter import Tree as Tree
from tree_sitter_language_pack import get_language

from indexer.parsing.macros import GRAMMARS, without_macros

Span = tuple[int, int]  # bytes, the end exclusive
Match = tuple[int, dict[str, list[Node]]]  # the pattern's index in its query, and its captures
# Bytes given to the parser at once. py-tree-sitter 0.26 never frees them, and a scanner that often looks back, as that
# of Scala, asks for as many blocks as there are tokens: with 64 kB, a file of 50 kB took 140 MB; with this, 2 MB.
_BLOCK = 256
_CALLS = 32  # calls of the parser, each a few microseconds after the last, between looks at the clock

# What an item of Rust begins with.
_ITEMS = frozenset(
    {b"pub", b"fn", b"unsafe", b"async", b"struct", b"enum", b"union", b"trait", b"impl", b"mod", b"const", b"static"}
    | {b"type", b"use", b"extern", b"macro_rules"}
)
_ITEM_LISTS = frozenset({"mod_item", "declaration_list", "expression_statement"})


def parse_tree(source: bytes, grammar: str, seconds: float) -> Tree | None:
    """None if parsing takes longer than `seconds` of this thread's CPU time: a busy machine gives the same trees.

    Rust items inside a macro call are in the tree as if they stood outside.
    """
    until = time.thread_time() + seconds
    source = without_macros(source) if grammar in GRAMMARS else source
    tree = _parse(source, grammar, until)
    if tree is not None and grammar == "rust" and (exposed := expose_items(source, tree)) is not source:
        return _parse(exposed, grammar, until)
    return tree


def _parse(source: bytes, grammar: str, until: float) -> Tree | None:
    """`until`: the CPU time of this thread."""
    calls = count()

    # tree-sitter calls the progress callback only when it also reads the source through a callback.
    def read(offset: int, _point: object) -> bytes:
        return source[offset : offset + _BLOCK]

    def is_late(_offset: int, _error: bool) -> bool:
        return next(calls) % _CALLS == 0 and time.thread_time() > until

    try:
        return Parser(_language(grammar)).parse(read, progress_callback=is_late)
    except ValueError:  # the callback stopped the parser
        return None
    except SystemError as error:  # a callback had no memory
        raise MemoryError from error


def expose_items(source: bytes, tree: Tree) -> bytes:
    """`source` without the names and braces of the macro calls that hold items; `source` itself if there are none."""
    exposed = bytearray(source)
    for call in _calls_among_items(tree.root_node):
        body = call.children[-1]
        in_braces = body.type == "token_tree" and source[body.start_byte : body.start_byte + 1] == b"{"
        if in_braces and _first_word(body, source) in _ITEMS:
            exposed[call.start_byte : body.start_byte + 1] = b" " * (body.start_byte + 1 - call.start_byte)
            exposed[body.end_byte - 1 : body.end_byte] = b" "
    return source if exposed == source else bytes(exposed)


def _calls_among_items(root: Node) -> Iterator[Node]:
    lists = [root]
    while lists:
        for node in lists.pop().children:
            if node.type == "macro_invocation":
                yield node
            elif node.type in _ITEM_LISTS:
                lists.append(node)


def _first_word(body: Node, source: bytes) -> bytes:
    """The first word in braces that belongs to no comment and no attribute."""
    tokens = (node for node in body.children[1:] if not node.type.endswith("comment"))
    for node in tokens:
        if node.type == "#":
            next(tokens, None)
        else:
            return source[node.start_byte : node.end_byte]
    return b""


def matches(tree: Tree, grammar: str, query: str, spans: Iterable[Span] = ()) -> Iterator[Match]:
    """All matches in the tree; with `spans`, those that overlap a span, once for each span."""
    # Without a progress callback: with one, tree-sitter 0.26 crashes. A query takes time linear in the tree.
    for start, end in spans or ((0, tree.root_node.end_byte + 1),):
        cursor = QueryCursor(compiled(grammar, query))
        cursor.set_byte_range(start, end)
        yield from cursor.matches(tree.root_node)


@cache
def _language(grammar: str) -> Language:
    language: Language = get_language(grammar)
    return language


@cache
def compiled(grammar: str, query: str) -> Query:
    """The query, ready to run: once per process it takes up to 0.3 s (C++)."""
    return Query(_language(grammar), query)
