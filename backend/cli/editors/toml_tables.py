"""Adds one table to the text of a TOML file, or takes it out: all other characters stay.

What `insert` does, `remove` takes back to the same characters.
"""

import json
import re
import tomllib
from typing import Any

_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


class NotToml(Exception):
    """The text is no TOML, or its table is written in a way that cannot be edited here."""


def parse(text: str) -> dict[str, Any]:
    """The value of the text. Raises `NotToml`."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise NotToml(str(error)) from None


def has(value: Any, path: tuple[str, ...]) -> bool:
    """Whether a parsed text has something at this path."""
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def table(path: tuple[str, ...], values: dict[str, Any], newline: str = "\n") -> str:
    """A table of texts, numbers and lists of texts, as its lines. The last has a line end, too."""
    lines = [f"[{'.'.join(path)}]", *(f"{key} = {_value(value)}" for key, value in values.items())]
    return "".join(f"{line}{newline}" for line in lines)


def insert(text: str, path: tuple[str, ...], values: dict[str, Any]) -> str:
    """The text with this table at its end, instead of one with the same name."""
    if has(parse(text), path):
        text = remove(text, path)
    newline = "\r\n" if "\r\n" in text else "\n"
    # An empty line before it, unless the last line has no end: `remove` tells the two apart.
    return text + (newline if text.strip("\ufeff") else "") + table(path, values, newline)


def remove(text: str, path: tuple[str, ...]) -> str:
    """The text without this table and the tables below it, and without the empty line before it."""
    name = r"[ \t]*\.[ \t]*".join(f"(?:{re.escape(step)}|\"{re.escape(step)}\"|'{re.escape(step)}')" for step in path)
    own = re.compile(rf"^[ \t]*\[[ \t]*{name}[ \t]*(?:\.[^\]\n]*)?\][^\n]*(?:\n|\Z)", re.MULTILINE)
    while (found := own.search(text)) is not None:
        following = _HEADER.search(text, found.end())
        body = text[found.end() : following.start() if following else len(text)]
        end = found.end() + _length_of_values(body)
        start = found.start()
        before = text[:start]
        if re.search(r"(?:\n|\A\ufeff?)\r?\n\Z", before) or (end == len(text) and before.endswith("\n")):
            before = before.removesuffix("\n").removesuffix("\r")
        text = before + text[end:]
    return text


def _length_of_values(body: str) -> int:
    """The length up to the end of the last line that is neither empty nor a comment: those belong to what follows."""
    length = total = 0
    for line in body.splitlines(keepends=True):
        total += len(line)
        if line.strip() and not line.lstrip().startswith("#"):
            length = total
    return length


def _value(value: Any) -> str:
    """TOML's basic strings escape as JSON does, except for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
