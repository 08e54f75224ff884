"""Answers about the project, word by word."""

import pytest

from backend.extractive.project_listing import project_listing
from indexer.navigation.locations import Location
from indexer.project.answers import ProjectAnswer
from indexer.project.questions import ProjectQuery

QUERY = ProjectQuery("licence")


def listing(*locations: Location) -> str:
    return project_listing(ProjectAnswer(QUERY, locations, ()), [7, 9])


@pytest.mark.parametrize(
    ("kind", "symbol", "text", "expected"),
    [
        ("key", "project.license", "MIT", "`project.license` is `MIT` in `a:3` [7]."),
        ("key", "dependencies", "", "`dependencies`, in `a:3` [7]."),
        ("code", "__version__", '__version__ = "1"', '`__version__ = "1"` in `a:3` [7].'),
        ("command", "make lint", "ruff check", "Run `make lint`, from `a:3` [7]: it runs `ruff check`."),
        ("command", "make all", "", "`make all`, in `a:3` [7]."),
        ("said", "", "npm test", "`npm test`, as in `a:3` [7]."),
        ("implied", "cargo test", "a", "`cargo test` is the usual command for a project with `a:3` [7]."),
        ("text", "", "It is `MIT`.", "`a:3` [7] says: `` It is `MIT`. ``"),
        ("heading", "Tests", "", "`a:3` [7] has a section `Tests`."),
        ("licence", "MIT", "MIT", "`a:3` [7] is the text of the licence `MIT`."),
        ("file", "a", "", "`a:3` [7] is a main file."),
        ("folder", "src/", "2 files: 2 go", "`src/` has `2 files: 2 go`, such as `a:3` [7]."),
        ("list", "Level", "A, B, C", "`Level`, in `a:3` [7]: `A, B, C`."),
        ("value", "", "MAX = 3", "`MAX = 3`, in `a:3` [7]."),
    ],
)
def test_a_sentence_for_each_kind(kind: str, symbol: str, text: str, expected: str) -> None:
    assert listing(Location("a", 3, symbol, kind, text, 0)) == expected


def test_others_are_listed_and_what_is_no_source_is_left_out() -> None:
    first = Location("a", 1, "license", "key", "MIT", 0)
    second = Location("b", 2, "license", "key", "ISC", 1)
    assert listing(first, second, Location("c", 3, "x", "key", "y")) == (
        "`license` is `MIT` in `a:1` [7].\n\n- `license` is `ISC` in `b:2` [9]."
    )


def test_a_long_value_is_cut_and_control_characters_are_shown() -> None:
    assert listing(Location("a", 1, "", "value", "x" * 500, 0)) == f"`{'x' * 400}…`, in `a:1` [7]."
    assert "\\x1b" in listing(Location("a", 1, "", "value", "a\x1bb", 0))


def test_a_long_value_says_where_it_ends() -> None:
    assert listing(Location("a", 1, "", "value", "x" * 500, 0, 30)).endswith("It goes on to line 30.")
    assert listing(Location("a", 1, "", "value", "x = [ 1 ]", 0, 3)) == "`x = [ 1 ]`, in `a:1` [7]."
    assert (
        listing(Location("a", 1, "backlog", "option", "default=5,", 0)) == "`backlog` has `default=5,`, in `a:1` [7]."
    )
