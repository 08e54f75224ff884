"""The ignore files of a tree: which one decides, and how much of it is read."""

import logging
from pathlib import Path

import pytest

from indexer.files import ignore_rules
from indexer.files.ignore_rules import IgnoreRules, pattern_list, surroundings
from tests.indexer.harness import put


def test_the_deepest_file_decides_and_our_own_file_after_git_s(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "*.log\n*.md\n")
    put(tmp_path, ".lanternignore", "!a.md\n*.txt\n")
    put(tmp_path, "sub/.gitignore", "!*.log\n")
    rules = IgnoreRules(tmp_path)
    paths = ("x.log", "sub/x.log", "a.md", "sub/b.md", "sub/c.txt", "d.py")
    assert {path for path in paths if rules.ignores(path, False)} == {"x.log", "sub/b.md", "sub/c.txt"}


def test_what_is_in_an_ignored_folder_is_ignored_however_deep(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "out/\n!keep.py\n")
    rules = IgnoreRules(tmp_path)
    deep = "a/" * 2000
    assert rules.ignores_below("out/keep.py")
    assert not rules.ignores("out/keep.py", False)
    assert rules.ignores_below(f"{deep}out/x/y.py")
    assert not rules.ignores_below(f"{deep}y.py")


def test_a_file_that_is_too_long_is_cut_at_a_line_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ignore_rules, "MAX_BYTES", 12)
    put(tmp_path, "short", "a.py\nb.py\nc\n")
    put(tmp_path, "long", "a.py\nb.py\nc.py\n")
    with caplog.at_level(logging.WARNING):
        short, long = pattern_list(tmp_path, "short"), pattern_list(tmp_path, "long")
    assert short is not None
    assert long is not None
    assert [short.verdict(name, False) for name in (b"b.py", b"c")] == [True, True]
    assert [long.verdict(name, False) for name in (b"b.py", b"c.py", b"c")] == [True, None, None]
    assert caplog.messages == ["'long' is longer than 12 bytes: the patterns after these are not applied"]


def test_the_rules_around_a_folder(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "/a/b/x.py\n*.log\n/a/gone/\n")
    put(tmp_path, "a/.gitignore", "!y.log\n")
    put(tmp_path, "exclude", "/a/b/z.py\n*.tmp\n")
    (tmp_path / "a" / "b").mkdir()
    around = surroundings(tmp_path / "a" / "b", tmp_path, [tmp_path / "exclude", tmp_path / "none"])
    names = ("x.py", "x.log", "y.log", "z.py", "c/z.py", "c/q.tmp", "plain.py")
    assert [around.verdict(name, False) for name in names] == [True, True, False, True, None, True, None]
    assert not around.is_ignored
    assert surroundings(tmp_path / "a" / "gone" / "deep", tmp_path, []).is_ignored


@pytest.mark.parametrize("name", [".gitignore", ".lanternignore"])
def test_a_mark_before_the_first_pattern_is_no_part_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbfvendored/\r\n*.log\r\n")
    rules = IgnoreRules(tmp_path)
    assert [rules.ignores(path, True) for path in ("vendored", "a.log", "src")] == [True, True, False]
