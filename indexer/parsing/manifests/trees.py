"""The entries of TOML, JSON, YAML and XML, by their syntax trees. A text that does not parse in time has none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from indexer.parsing.manifests.entry import HASH_COMMENTS, SLASH_COMMENTS, Entry, flat, uncommented
from indexer.parsing.syntax import Node, parse_tree

_SECONDS = 0.5  # of CPU time
_DEPTH = 60  # of nodes below which nothing is looked at; a key takes two to four
_VALUE = 2000  # characters that are kept of a value


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The types of its nodes."""

    name: str
    pairs: frozenset[str]  # a key and a value
    tables: frozenset[str]  # a key and pairs
    comments: re.Pattern[str]


_TOML = _Grammar("toml", frozenset({"pair"}), frozenset({"table", "table_array_element"}), HASH_COMMENTS)
_JSON = _Grammar("json", frozenset({"pair"}), frozenset(), SLASH_COMMENTS)
_YAML = _Grammar("yaml", frozenset({"block_mapping_pair", "flow_pair"}), frozenset(), HASH_COMMENTS)


def toml(text: str) -> list[Entry]:
    return _entries(text, _TOML)


def json(text: str) -> list[Entry]:
    return _entries(text, _JSON)


def yaml(text: str) -> list[Entry]:
    return _entries(text, _YAML)


def xml(text: str) -> list[Entry]:
    tree = parse_tree(text.encode("utf-8", "replace"), "xml", _SECONDS)
    return list(_elements(tree.root_node, "", 0)) if tree else []


def _entries(text: str, grammar: _Grammar) -> list[Entry]:
    tree = parse_tree(text.encode("utf-8", "replace"), grammar.name, _SECONDS)
    return list(_pairs(tree.root_node, grammar, "", 0)) if tree else []


def _pairs(node: Node, grammar: _Grammar, prefix: str, depth: int) -> Iterator[Entry]:
    for child in node.named_children if depth < _DEPTH else ():
        if child.type not in grammar.pairs | grammar.tables:
            yield from _pairs(child, grammar, prefix, depth + 1)
            continue
        parts = [part for part in child.named_children if part.type != "comment"]
        if not parts:
            continue
        key = prefix + flat(_text(parts[0]))
        value = child if child.type in grammar.tables else parts[-1]
        inner = list(_pairs(value, grammar, f"{key}.", depth + 1))
        text = flat(uncommented(_text(value), grammar.comments))[:_VALUE]
        yield Entry(key, text, child.start_point.row + 1, _last_line(child), is_table=bool(inner))
        yield from inner


def _elements(node: Node, prefix: str, depth: int) -> Iterator[Entry]:
    for child in node.named_children if depth < _DEPTH else ():
        tag = next((part for part in child.named_children if part.type in ("STag", "EmptyElemTag")), None)
        if child.type != "element" or tag is None:
            yield from _elements(child, prefix, depth + 1)
            continue
        key = prefix + _text(tag.named_children[0])
        attributes = " ".join(_text(part) for part in tag.named_children if part.type == "Attribute")
        content = next((part for part in child.named_children if part.type == "content"), None)
        inner = list(_elements(content, f"{key}.", depth + 1)) if content else []
        written = _text(content) if content and not inner else ""
        line, end_line = child.start_point.row + 1, child.end_point.row + 1
        yield Entry(key, flat(f"{attributes} {written}")[:_VALUE], line, end_line, is_table=bool(inner))
        yield from inner


def _last_line(node: Node) -> int:
    return node.start_point.row + 1 + _text(node).rstrip().count("\n")


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
