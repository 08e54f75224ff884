"""Rust items inside macro calls are definitions, with the lines and comments that they have."""

import pytest

from indexer.parsing.definitions import parse
from indexer.parsing.syntax import expose_items, parse_tree

WRAPPED = """use a::b;

cfg_rt! {
    /// Starts a task.
    #[track_caller]
    pub fn spawn<T: Send>(task: T) -> u8 { task.poll(|| { 1 }) }

    impl Task {
        fn poll(&self) {}
    }
}

mod inner {
    cfg_fs! { struct File { name: u8 } }
}
"""


def test_items_in_macro_calls_are_definitions_at_their_own_lines() -> None:
    found = [(d.symbol.qualified, d.symbol.kind, d.lead_line, d.symbol.end_line) for d in parse(WRAPPED, "rust")]
    assert found == [
        ("spawn", "function", 4, 6),
        ("Task", "impl", 8, 10),
        ("Task.poll", "method", 9, 9),
        ("inner", "module", 13, 15),
        ("inner.File", "class", 14, 14),
    ]
    assert parse(WRAPPED, "rust")[0].symbol.doc == "Starts a task."


@pytest.mark.parametrize(
    "text",
    [
        'fn main() { println!("{}", 1); }',
        "fn main() { vec! { fn } }",
        'json! { "a": 1 }',
        "thing!(pub fn a() {});",
        "empty! {}",
        "open! { pub fn a() {",
    ],
)
def test_other_macro_calls_stay_as_they_are(text: str) -> None:
    source = text.encode()
    tree = parse_tree(source, "rust", 1.0)
    assert tree is not None
    assert expose_items(source, tree) is source


def test_no_byte_moves() -> None:
    source = WRAPPED.encode()
    tree = parse_tree(source.replace(b"cfg", b"xyz"), "rust", 1.0)
    assert tree is not None
    again = parse_tree(source, "rust", 1.0)
    assert again is not None
    assert [node.start_byte for node in tree.root_node.children] == [n.start_byte for n in again.root_node.children]
