"""Syntax trees and queries over them: the one home of tree-sitter. Knows no language beyond its grammar's name."""

import time
from collections.abc import Iterable, Iterator
from functools import cache

from tree_sitter import Language, Parser, Query, QueryCursor
from tree_sitter import Node as Node
from tree_sitter import Tree as Tree
from tree_sitter_language_pack import get_language

Span = tuple[int, int]  # bytes, the end exclusive
Match = tuple[int, dict[str, list[Node]]]  # the pattern's place in its query, and what it captured
_READ = 1 << 16  # bytes handed to the parser at once


def tree_of(source: bytes, grammar: str, seconds: float) -> Tree | None:
    """None when that takes longer than `seconds` of this thread's own time: a busy machine gives the same trees."""
    until = time.thread_time() + seconds

    # The progress callback is honoured only when the source is read through a callback too.
    def read(offset: int, _point: object) -> bytes:
        return source[offset : offset + _READ]

    def late(_offset: int, _error: bool) -> bool:
        return time.thread_time() > until

    try:
        return Parser(_language(grammar)).parse(read, progress_callback=late)
    except ValueError:  # the parser was told to stop
        return None


def matches(tree: Tree, grammar: str, query: str, spans: Iterable[Span] = ()) -> Iterator[Match]:
    """All matches in the tree; with `spans` those that touch one of them, once for each that they touch."""
    # Without a progress callback: with one, tree-sitter 0.26 crashes. The walk is linear in a tree made in time.
    for start, end in spans or ((0, tree.root_node.end_byte + 1),):
        cursor = QueryCursor(_query(grammar, query))
        cursor.set_byte_range(start, end)
        yield from cursor.matches(tree.root_node)


@cache
def _language(grammar: str) -> Language:
    language: Language = get_language(grammar)
    return language


@cache
def _query(grammar: str, query: str) -> Query:
    return Query(_language(grammar), query)
