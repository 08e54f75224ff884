"""Edits of JSON with comments: the value that is wanted, all other characters as before, and back to the same ones."""

import copy
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cli.editors import jsonc
from backend.cli.editors.jsonc import NotJson

ENTRY = {"command": "/x", "args": ["mcp"]}
PATH = ("servers",)
# Text -> what it becomes; None: only its value matters.
TEXTS: dict[str, str | None] = {
    "{}": '{"servers": { "lantern": {"command": "/x", "args": ["mcp"]} }}',
    "{\n}\n": None,
    "{ // only a comment\n}": None,
    '{"servers": {}}': '{"servers": {"lantern": {"command": "/x", "args": ["mcp"]}}}',
    '{"servers": { }}': None,
    '{\n  "servers": {\n  }\n}\n': None,
    '{\n    "a": 1\n}\n': (
        '{\n    "a": 1,\n    "servers": {\n        "lantern": {"command": "/x", "args": ["mcp"]}\n    }\n}\n'
    ),
    '{\n  "a": 1,\n}': ('{\n  "a": 1,\n  "servers": {\n    "lantern": {"command": "/x", "args": ["mcp"]}\n  },\n}'),
    '{\n  "a": 1 // one\n}': (
        '{\n  "a": 1, // one\n  "servers": {\n    "lantern": {"command": "/x", "args": ["mcp"]}\n  }\n}'
    ),
    '{\n  "a": 1, /* one */  \n}': None,
    '{\n\t"a": 1   \n}': None,
    '{\r\n  "a": 1\r\n}\r\n': None,
    '{"a":1 , }': None,
    '\ufeff{"a": {"b": "//no /* \\" */"}}': None,
    '// head\n{\n  "servers": {\n    "foo": {"command": "x"} /* hi */,\n    // end\n  },\n  "z": [1, 2,],\n}\n': (
        '// head\n{\n  "servers": {\n    "foo": {"command": "x"} /* hi */,\n'
        '    "lantern": {"command": "/x", "args": ["mcp"]},\n    // end\n  },\n  "z": [1, 2,],\n}\n'
    ),
    '{"servers":{"foo":{"command":"x"}},"b":-2.5e3}': None,
    '{\n  "servers": {\n    "foo": null\n    // end\n  }\n}': None,
}


@pytest.mark.parametrize("text", TEXTS)
def test_an_entry_comes_and_goes(text: str) -> None:
    installed = jsonc.insert(text, PATH, "lantern", ENTRY)
    expected = copy.deepcopy(jsonc.parse(text).value)
    expected.setdefault("servers", {})["lantern"] = ENTRY
    assert jsonc.parse(installed).value == expected
    assert TEXTS[text] in (None, installed)
    assert jsonc.insert(installed, PATH, "lantern", ENTRY) == installed
    assert jsonc.remove(installed, PATH, "lantern") == text
    assert jsonc.remove(text, PATH, "lantern") == text


def test_another_value_is_replaced_where_it_stands() -> None:
    text = '{"servers": {"lantern": {"old": 1}, /* c */ "x": 2}}'
    assert jsonc.insert(text, PATH, "lantern", 3) == '{"servers": {"lantern": 3, /* c */ "x": 2}}'
    assert jsonc.remove(text, PATH, "lantern") == '{"servers": { /* c */ "x": 2}}'


REMOVED = {
    '{"servers": { // c\n "lantern": 1}}': '{"servers": { // c\n}}',
    '{"servers": {\r\n "a": 1, // c\r\n "lantern": 2}}': '{"servers": {\r\n "a": 1 // c\r\n}}',
    '{"servers": {"a": 1, // c\n"lantern": 2 // d\n}}': '{"servers": {"a": 1 // c\n // d\n}}',
    '{"servers": { // c\n "lantern": 1, "b": 2}}': '{"servers": { // c\n "b": 2}}',
    '{"servers": {"a": "//", "lantern": 1}}': '{"servers": {"a": "//"}}',
    '{"servers": {\n "lantern": 1 // c\n}}': '{"servers": { // c\n}}',
    '{"servers": {\n "lantern": {} /* c */ , // d\n}}': '{"servers": { /* c */  // d\n}}',
    '{"servers": /* c */ {\n "lantern": 1\n}}': '{"servers": /* c */ {\n}}',
    '{"servers": {\n "lantern": {"a": 1 // ours\n}\n}}': "{}",
}


@pytest.mark.parametrize("text", REMOVED)
def test_a_comment_of_others_stays(text: str) -> None:
    assert jsonc.remove(text, PATH, "lantern") == REMOVED[text]
    jsonc.parse(REMOVED[text])


SPACES = st.sampled_from(
    ["", "", " ", "\n", "\n  ", "\r\n\t", "// #\n", " // #\r\n  ", "/* # */", "\n  /* #\n */ ", "/* // # */ // #\n"]
)
VALUES = st.sampled_from(["1", "null", '"http://x /* */"', "{}", "[1, 2,]", '{"command": "y" // #\n}'])


@st.composite
def objects(draw: st.DrawFn, keys: tuple[str, ...], inner: tuple[str, ...] = ()) -> str:
    """An object with some of the keys in any order, and perhaps "servers" with some of the inner ones."""
    text, chosen = "{", draw(st.lists(st.sampled_from(keys), unique=True))
    for n, key in enumerate(chosen):
        value = draw(objects(inner)) if key == "servers" else draw(VALUES)
        comma = "," if n + 1 < len(chosen) or draw(st.booleans()) else ""
        text += "".join(map(draw, (SPACES, st.just(f'"{key}"'), SPACES, st.just(":"), SPACES)))
        text += value + draw(SPACES) + comma
    return text + draw(SPACES) + "}"


@st.composite
def files(draw: st.DrawFn, *inner: str) -> str:
    """A file with space and comments at any place; each comment has a number."""
    text = draw(objects(("servers", "a", "b"), inner))
    numbers = itertools.count(10)
    numbered = re.sub("#", lambda _: f"c{next(numbers)}", text)
    return draw(st.sampled_from(["", "\ufeff"])) + draw(st.sampled_from(["", "// head\n"])) + numbered


def comments(text: str) -> list[str]:
    return re.findall(r"c\d\d+", text)


@given(files("x", "y"))
def test_uninstall_gives_back_the_same_file(text: str) -> None:
    expected = copy.deepcopy(jsonc.parse(text).value)
    expected.setdefault("servers", {})["lantern"] = ENTRY
    installed = jsonc.insert(text, PATH, "lantern", ENTRY)
    assert jsonc.parse(installed).value == expected
    assert comments(installed) == comments(text)
    assert jsonc.remove(installed, PATH, "lantern") == text


@given(files("x", "lantern", "y"))
def test_an_entry_that_stands_anywhere_goes_without_a_comment_of_others(text: str) -> None:
    node, removed = jsonc.parse(text), jsonc.remove(text, PATH, "lantern")
    servers = node.member("servers")
    found = servers.node.member("lantern") if servers else None
    expected = copy.deepcopy(node.value)
    expected.get("servers", {}).pop("lantern", None)
    value = jsonc.parse(removed).value
    assert value == expected or {"servers": {}, **value} == expected
    others = text if found is None else text[: found.start] + text[found.node.end :]
    assert comments(removed) == comments(others)


def test_a_path_of_two_steps() -> None:
    text = '{"mcp": {"servers": {"a": 1}}}'
    assert jsonc.insert(text, ("mcp", "servers"), "b", 2) == '{"mcp": {"servers": {"a": 1, "b": 2}}}'
    with pytest.raises(NotJson, match="it has no 'other'"):
        jsonc.insert(text, ("other", "servers"), "b", 2)


def test_a_new_text() -> None:
    text = jsonc.created(("a", "b"), "c", [1])
    assert text == '{\n  "a": {\n    "b": {\n      "c": [1]\n    }\n  }\n}'
    assert jsonc.parse(text).value == {"a": {"b": {"c": [1]}}}


BROKEN: dict[str, Any] = {
    "": "line 1 is not JSON",
    "{\n": "line 2 is not JSON",
    '{"a": 1 "b": 2}': "line 1 is not JSON",
    '{"a": [1 2]}': "line 1 is not JSON",
    "{'a': 1}": "line 1 is not JSON",
    '{"a": 1}\n}': "something follows the value",
    '{"servers": {}, "servers": {}}': "stands there twice",
    '{"servers": []}': "no object where one is expected",
    "[]": "no object where one is expected",
    '{"a": ' + "[" * 5000 + "]" * 5000 + "}": "nested too deeply",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NotJson, match=BROKEN[text]):
        jsonc.insert(text, PATH, "lantern", ENTRY)
