"""Rust items inside a macro call, as in `cfg_rt! { pub fn spawn() {} }`: the grammar sees only tokens there.

Blanks out what stands around the items, so that every byte and line keeps its place.
"""

from collections.abc import Iterator

from tree_sitter import Node, Tree

_ITEMS = frozenset(
    {b"pub", b"fn", b"unsafe", b"async", b"struct", b"enum", b"union", b"trait", b"impl", b"mod", b"const", b"static"}
    | {b"type", b"use", b"extern", b"macro_rules"}
)
_ITEM_LISTS = frozenset({"mod_item", "declaration_list", "expression_statement"})


def expose_items(source: bytes, tree: Tree) -> bytes:
    """`source` without the names and braces of the macro calls that hold items; `source` itself if there are none."""
    exposed = bytearray(source)
    for call in _calls_among_items(tree.root_node):
        body = call.children[-1]
        if body.type == "token_tree" and body.children[0].type == "{" and _first_word(body, source) in _ITEMS:
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
