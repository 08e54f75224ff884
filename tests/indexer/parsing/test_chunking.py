"""Chunks: definitions stay whole, every line is in a chunk, no chunk exceeds the limit."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.parsing.chunking import chunks_of, embedding_text
from indexer.parsing.definitions import parse
from indexer.types import Chunk, SourceFile


def cut(text: str, language: str = "python", limit: int = 300) -> list[Chunk]:
    source = SourceFile("pkg/mod.py", "sha", len(text), 0, language, text)
    return chunks_of(source, parse(text, language), limit)


def spans(pieces: list[Chunk]) -> list[tuple[str, str, int, int]]:
    return [(p.symbol, p.kind, p.start_line, p.end_line) for p in pieces]


def test_functions_methods_class_heads_and_blocks() -> None:
    text = '''import os

LIMIT = 1

# Opens.
@cache
def open_it():
    """Doc."""

    def inner():
        return 1


class Box:
    """A box."""

    size = 1

    def area(self):
        return 1

    color = 2
    shape = 3
    weight = 4
'''
    assert spans(cut(text)) == [
        ("", "block", 1, 3),
        ("open_it", "function", 5, 11),
        ("Box", "class", 14, 17),
        ("Box.area", "method", 19, 20),
        ("Box", "class", 22, 24),
    ]


def test_the_embedding_text_is_path_and_symbol_before_the_lines() -> None:
    [head, method] = cut("class Box:\n    size = 1\n    def area(self):\n        return 2\n")
    assert head.text == "class Box:\n    size = 1"
    assert embedding_text(head) == "pkg/mod.py Box\nclass Box:\n    size = 1"
    assert embedding_text(method) == "pkg/mod.py Box.area\n    def area(self):\n        return 2"
    assert (method.signature, method.doc) == ("def area(self)", "")


def test_a_long_function_is_split_at_blank_lines_and_every_part_has_its_signature() -> None:
    body = "\n\n".join("\n".join(f"    step_{part}_{i} = {i}" for i in range(4)) for part in range(5))
    pieces = cut(f'def long(a, b):\n    """Does much."""\n{body}\n', limit=150)
    assert spans(pieces)[0][:3] == ("long", "function", 1)
    assert len(pieces) > 2
    assert {p.signature for p in pieces} == {"def long(a, b)"}
    assert [p.doc for p in pieces] == ["Does much."] + [""] * (len(pieces) - 1)
    assert all(embedding_text(p).startswith("pkg/mod.py long\ndef long(a, b)\n") for p in pieces[1:])
    assert pieces[-1].end_line == 26
    for before, after in itertools.pairwise(pieces):
        assert after.start_line == before.end_line + 1


def test_a_closing_brace_joins_the_chunk_before_it() -> None:
    pieces = cut("class Box {\n  int size;\n  int area() {\n    return 1;\n  }\n}\n", "java")
    assert spans(pieces) == [("Box", "class", 1, 2), ("Box.area", "method", 3, 6)]


def test_a_file_without_a_grammar_is_cut_into_windows_that_overlap() -> None:
    text = "\n".join(f"key_{i} = {i}" for i in range(30))
    pieces = cut(text, "toml", limit=200)
    assert {p.kind for p in pieces} == {"window"}
    for before, after in itertools.pairwise(pieces):
        assert after.start_line == before.end_line - 1


def test_a_line_beyond_the_limit_is_cut_into_slices() -> None:
    line = "word " * 500
    pieces = cut(line, "text", limit=200)
    assert {(p.start_line, p.end_line) for p in pieces} == {(1, 1)}
    assert "".join(p.text for p in pieces) == line


def test_markdown_sections_are_cut_like_classes() -> None:
    text = "# Guide\n\nintro words here\n\n## Install\n\nrun it\n"
    assert spans(cut(text, "markdown")) == [("Guide", "section", 1, 3), ("Guide.Install", "section", 5, 7)]


@pytest.mark.parametrize("text", ["", "\n\n", "   \n\t\n"])
def test_blank_text_has_no_chunks(text: str) -> None:
    assert cut(text) == []


LINES = st.lists(
    st.sampled_from(
        [
            *(
                "",
                "",
                "def f():",
                "    def g(self):",
                "class A:",
                "    x = 1",
                "        return value",
                "@decorator",
                "# note",
            ),
            *(
                "}",
                "  )",
                "if (",
                '"""',
                "    '''doc'''",
                "y = [1, 2,",
                "]",
                "word " * 60,
                "é" * 90,
                "LIMIT = {",
                "  #",
            ),
        ]
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(LINES, st.sampled_from(["python", "javascript", "markdown", "toml"]), st.integers(250, 500))
def test_every_line_is_in_a_chunk_and_no_chunk_exceeds_the_limit(lines: list[str], language: str, limit: int) -> None:
    text = "\n".join(lines)
    pieces = cut(text, language, limit)
    covered = {line for p in pieces for line in range(p.start_line, p.end_line + 1)}
    assert {number for number, line in enumerate(lines, 1) if line.strip()} <= covered
    for piece in pieces:
        assert len(embedding_text(piece)) <= limit
        assert piece.text in text
        assert piece.text in embedding_text(piece)
