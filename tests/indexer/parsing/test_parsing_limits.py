"""Texts that are huge, random or nested deeply: parsing stops at its time budget and never crashes."""

import os
import tracemalloc
from itertools import count

import pytest

from indexer.parsing.definitions import parse


def test_random_bytes_stop_at_the_time_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count()
    monkeypatch.setattr("time.thread_time", clock.__next__)  # each look at the clock takes a second
    assert parse(os.urandom(3_000_000).decode("latin-1"), "python", seconds=5) == ()
    assert next(clock) == 7  # looked at once before parsing, and six times until five seconds were over


def test_waiting_for_the_cpu_costs_nothing_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", count(0, 3600).__next__)
    text = "".join(f"def f{i}():\n    return {i}\n" for i in range(3000))
    assert len(parse(text, "python")) == 3000


def test_deep_nesting_does_not_exceed_the_recursion_limit() -> None:
    depth = 3000
    text = "".join(f"{' ' * i}def f{i}():\n" for i in range(depth)) + " " * depth + "pass\n"
    assert isinstance(parse(text, "python"), tuple)
    assert parse("(" * 50_000, "javascript") == ()


@pytest.mark.parametrize("outer", ["f", "g" * 50_000])
def test_the_names_of_a_deep_nest_are_bounded_together(outer: str) -> None:
    depth = 2000
    nest = "".join(f"function f{i}() {{\n" for i in range(depth))
    text = f"function {outer}() {{\n{nest}{'}' * (depth + 1)}\n"
    symbols = [definition.symbol for definition in parse(text, "javascript", seconds=20)]
    assert [symbol.name for symbol in symbols] == [outer, *(f"f{i}" for i in range(depth))]
    assert symbols[2].qualified.endswith("f0.f1")
    assert symbols[-1].qualified.endswith(".f1997.f1998.f1999")
    assert sum(len(symbol.qualified) for symbol in symbols) < len(outer) + 500 * depth


def test_a_generated_file_of_100_000_lines() -> None:
    text = "".join(f"def f{i}():\n    # comment\n    return {i}\n\n" for i in range(25_000))
    definitions = parse(text, "python", seconds=20)  # beyond the budget there would be none
    assert len(definitions) == 25_000
    assert definitions[-1].symbol.end_line == 99_999


@pytest.mark.parametrize("line", ["> " * 500, "- " * 500, "1. " * 500, " " * 500 + "- x"])
def test_prose_nested_too_deep_for_its_grammar_has_no_sections(line: str) -> None:
    assert parse(f"# Title\n\n{line}x\n", "markdown") == ()


def test_a_scanner_that_often_looks_back_is_given_small_blocks() -> None:
    text = "object A {\n" + "  /** Adds. */\n  def add[F[_], A](x: F[A])(y: => Int): Int = x + y\n\n" * 800 + "}\n"
    tracemalloc.start()
    try:
        assert len(parse(text, "scala", seconds=20)) == 801
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 200 * len(text)  # with blocks of 64 kB it was 6,800 times the text
