"""How imports write the path of a file, and which words find the files that do. Pure text."""

import re
from collections.abc import Iterator, Sequence

from indexer.navigation.names.modules import parts_of
from indexer.parsing.identifiers import split

_INDEX = frozenset({"index", "__init__"})  # a folder is imported by them
_OWN_FOLDER = (
    r"[\"'`]\.{1,2}(?:/\.\.)*/?[\"'`]|\bfrom\s+\.+[\s\\]*import\b"  # or one above: `from "."`, `require("../..")`
)
_IMPORTING = [term for word in ("import", "export", "require") for term in split(word)]
_FOLDER_TEXTS = ["from .", "from  .", "from\t."]  # a part of each
for _quote in "\"'`":
    _FOLDER_TEXTS += [f"{_quote}.{_quote}", f"{_quote}./{_quote}", f"..{_quote}", f"../{_quote}"]
Search = tuple[Sequence[str], Sequence[str]]  # terms and texts: a file that is found has one of both


def stands_for_folder(path: str) -> bool:
    return _stem(path) in _INDEX


def words_of(path: str) -> list[str]:
    """The ends of the path: one is in every import of the file, but for one of its own folder by dots alone."""
    return list(dict.fromkeys([*parts_of(path)[-1:], _stem(path)]))


def search_for(word: str) -> Search:
    return split(word)[:1], [word]


def pattern_of_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$]){re.escape(word)}(?![\w$])")


def searches_for(path: str) -> list[Search]:
    """What finds each file that imports the file at `path`."""
    by_dots: list[Search] = [(_IMPORTING, _FOLDER_TEXTS)] if stands_for_folder(path) else []
    return [*map(search_for, words_of(path)), *by_dots]


def lookups_for(path: str, words: Sequence[str]) -> Iterator[tuple[Search, re.Pattern[str]]]:
    """What finds each file that imports the file at `path`, and what is in it. `words`: of other names for it."""
    for search in searches_for(path):
        yield search, pattern_of(path)
    for word in filter(None, words):
        yield search_for(word), pattern_of_word(word)


def pattern_of(path: str) -> re.Pattern[str]:
    """What is in every file that imports the path."""
    words = "|".join(map(re.escape, words_of(path)))
    own_folder = f"|{_OWN_FOLDER}" if stands_for_folder(path) else ""
    return re.compile(rf"(?<![\w$])(?:{words})(?![\w$]){own_folder}")


def script_pattern_of(path: str) -> re.Pattern[str]:
    """The same, where paths are in quotes."""
    words = "|".join(map(re.escape, words_of(path)))
    own_folder = f"|{_OWN_FOLDER}" if stands_for_folder(path) else ""
    return re.compile(rf"[/\"'`](?:{words})(?:\.\w+)*/?[\"'`]{own_folder}")


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]
