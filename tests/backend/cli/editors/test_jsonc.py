"""Edits of JSON with comments: the value that is wanted, all other characters as before, and back to the same ones."""

import copy
from typing import Any

import pytest

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
