"""Syntax trees and queries over them, by tree-sitter. Knows a language only by its grammar's name."""

import time
from collections.abc import Iterable, Iterator
from functools import cache

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


def parse_tree(source: bytes, grammar: str, seconds: float) -> Tree | None:
    """None if parsing takes longer than `seconds` of this thread's CPU time: a busy machine gives the same trees."""
    until = time.thread_time() + seconds
    source = without_macros(source) if grammar in GRAMMARS else source

    # tree-sitter calls the progress callback only when it also reads the source through a callback.
    def read(offset: int, _point: object) -> bytes:
        return source[offset : offset + _BLOCK]

    def is_late(_offset: int, _error: bool) -> bool:
        return time.thread_time() > until

    try:
        return Parser(_language(grammar)).parse(read, progress_callback=is_late)
    except ValueError:  # the callback stopped the parser
        return None
    except SystemError as error:  # a callback had no memory
        raise MemoryError from error


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
