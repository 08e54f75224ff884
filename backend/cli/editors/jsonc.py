"""Edits JSON with comments at one place: all other characters stay. Knows where a value stands, not what it is for.

What `insert` does, `remove` takes back to the same characters.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*[\s\S]*?\*/)*")
_STRING = re.compile(r'"(?:[^"\\]|\\[\s\S])*"')
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_COMMENT = re.compile(r"//[^\r\n]*|/\*[\s\S]*?\*/")
_LINE_END = re.compile(r"[ \t]*\r?\n")
_COMMENT_BEHIND = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)(?=\r?\n)")


class NotJson(Exception):
    """The text is no JSON with comments, or it has another shape than an edit needs."""


@dataclass(slots=True)
class JsonMember:
    """A key and its value in an object. `comma`: where the comma behind it stands, -1 if there is none."""

    key: str
    start: int
    node: "JsonNode"
    comma: int = -1


@dataclass(slots=True)
class JsonNode:
    """A value in a text, from `start` to `end`."""

    start: int
    end: int
    value: Any  # as `json.loads` gives it
    members: list[JsonMember] | None = None  # of an object

    def member(self, key: str) -> JsonMember | None:
        """The member of an object. Raises `NotJson` for another value, and where the key stands there twice."""
        if self.members is None:
            raise NotJson("there is no object where one is expected")
        found = [member for member in self.members if member.key == key]
        if len(found) > 1:
            raise NotJson(f"the key {key!r} stands there twice")
        return found[0] if found else None


def parse(text: str) -> JsonNode:
    """The value that is the whole text. Raises `NotJson`."""
    try:
        parser = _Parser(text)
        node = parser.value(parser.skip(1 if text.startswith("\ufeff") else 0))
        if parser.skip(node.end) != len(text):
            raise NotJson(f"something follows the value in line {_line(text, node.end)}")
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    return node


def insert(text: str, path: tuple[str, ...], key: str, value: Any) -> str:
    """The text with this member added, or changed, in the object at `path`, whose last step may be missing.

    Raises `NotJson`.
    """
    node = parse(text)
    for step in path[:-1]:
        node = _below(node, step)
    parent = node.member(path[-1])
    if parent is not None:
        old = parent.node.member(key)
        if old is not None:
            return text[: old.node.start] + json.dumps(value) + text[old.node.end :]
        return _append(text, parent.node, f"{json.dumps(key)}: {json.dumps(value)}")
    newline, indent, unit = _layout(text, node)
    own = f"{json.dumps(key)}: {json.dumps(value)}"
    # White space after the bracket: `remove` tells a parent that came with the member from one that was empty before.
    inner = f"{newline}{indent}{unit}{own}{newline}{indent}" if newline else f" {own} "
    return _append(text, node, f"{json.dumps(path[-1])}: {{{inner}}}")


def remove(text: str, path: tuple[str, ...], key: str) -> str:
    """The text without this member of the object at `path`, and without that object if it came with it."""
    node = parse(text)
    for step in path[:-1]:
        node = _below(node, step)
    parent = node.member(path[-1])
    found = parent.node.member(key) if parent is not None else None
    if parent is None or found is None:
        return text
    return _cut(text, node, parent) if _came_with(text, parent, found) else _cut(text, parent.node, found)


def created(path: tuple[str, ...], key: str, value: Any) -> str:
    """A new text with nothing but this member."""
    lines = [f"{'  ' * depth}{json.dumps(step)}: {{" for depth, step in enumerate(path, 1)]
    ends = ["  " * depth + "}" for depth in range(len(path), -1, -1)]
    own = f"{'  ' * (len(path) + 1)}{json.dumps(key)}: {json.dumps(value)}"
    return "\n".join(["{", *lines, own, *ends])


def _came_with(text: str, parent: JsonMember, member: JsonMember) -> bool:
    """Whether an object looks as `insert` makes it for a member: white space behind its bracket, and no comment."""
    around = text[parent.start : member.start] + text[member.node.end : parent.node.end]
    is_alone = parent.node.members == [member] and text[parent.node.start + 1].isspace()
    return is_alone and _COMMENT.search(around.removeprefix(json.dumps(parent.key))) is None


def _append(text: str, node: JsonNode, member: str) -> str:
    """The text with a member added at the end of an object; a comment behind the last one stays with that."""
    assert node.members is not None
    if not node.members:
        return text[: node.start + 1] + member + text[node.start + 1 :]
    last = node.members[-1]
    newline, indent, _ = _layout(text, node)
    space = newline + indent if newline else " "
    has_comma = last.comma >= 0
    comma_at = last.comma if has_comma else last.node.end
    rest = comma_at + 1 if has_comma else comma_at
    comment = _COMMENT_BEHIND.match(text, rest) if newline else None
    at = comment.end() if comment else rest
    if has_comma:
        return f"{text[:at]}{space}{member},{text[at:]}"
    return f"{text[:comma_at]},{text[comma_at:at]}{space}{member}{text[at:]}"


def _cut(text: str, node: JsonNode, member: JsonMember) -> str:
    """The text without a member of an object, and the comma that it needed."""
    assert node.members is not None
    head = text[: member.start].rstrip(" \t")  # and one line end: what `insert` puts there, no more
    start = len(head.removesuffix("\n").removesuffix("\r") if head.endswith("\n") else head)
    rest = text[member.node.end :]
    if member.comma >= 0:
        rest = text[member.node.end : member.comma] + text[member.comma + 1 :]
    before = node.members[node.members.index(member) - 1] if node.members[0] is not member else None
    between = node.start + 1 if before is None else before.comma + 1  # from here to `start`: space and comments
    is_commented = any(
        found[0].startswith("//") and found.end() == start for found in _COMMENT.finditer(text, between, start)
    )
    left = head if is_commented and not _LINE_END.match(rest) else text[:start]  # the comment would go on
    if before is not None and member.comma < 0:
        left = left[: before.comma] + left[before.comma + 1 :]
    return left + rest


def _layout(text: str, node: JsonNode) -> tuple[str, str, str]:
    """How the members of an object stand: the newline before each ("" for one line), its indent, and one step of it."""
    if not node.members:
        return "", "", ""
    start = node.members[-1].start
    space = text[len(text[:start].rstrip(" \t\r\n")) : start]
    if "\n" not in space:
        return "", "", ""
    indent = space.rpartition("\n")[2]
    unit = "\t" if indent.startswith("\t") else indent if len(indent) in (2, 3, 4) else "  "
    return "\r\n" if "\r\n" in space else "\n", indent, unit


def _below(node: JsonNode, step: str) -> JsonNode:
    member = node.member(step)
    if member is None:
        raise NotJson(f"it has no {step!r}")
    return member.node


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


@dataclass(frozen=True, slots=True)
class _Parser:
    text: str

    def skip(self, at: int) -> int:
        """Behind white space and comments."""
        match = _SPACE.match(self.text, at)
        assert match is not None
        return match.end()

    def value(self, at: int) -> JsonNode:
        first = self.text[at : at + 1]
        if first == "{":
            return self._object(at)
        if first == "[":
            return self._array(at)
        return self._scalar(at)

    def _scalar(self, at: int) -> JsonNode:
        match = (_STRING if self.text[at : at + 1] == '"' else _SCALAR).match(self.text, at)
        if match is None:
            raise self._error(at)
        try:
            return JsonNode(at, match.end(), json.loads(match[0]))
        except ValueError:
            raise self._error(at) from None

    def _object(self, start: int) -> JsonNode:
        members: list[JsonMember] = []
        at = self.skip(start + 1)
        while self.text[at : at + 1] != "}":
            if members and members[-1].comma < 0:
                raise self._error(at)
            key = self._scalar(at)
            colon = self.skip(key.end)
            if not isinstance(key.value, str) or self.text[colon : colon + 1] != ":":
                raise self._error(at)
            node = self.value(self.skip(colon + 1))
            members.append(JsonMember(key.value, at, node))
            at = self.skip(node.end)
            if self.text[at : at + 1] == ",":
                members[-1].comma = at
                at = self.skip(at + 1)
        return JsonNode(start, at + 1, {member.key: member.node.value for member in members}, members)

    def _array(self, start: int) -> JsonNode:
        values: list[Any] = []
        at, has_comma = self.skip(start + 1), True
        while self.text[at : at + 1] != "]":
            if not has_comma:
                raise self._error(at)
            node = self.value(at)
            values.append(node.value)
            at = self.skip(node.end)
            has_comma = self.text[at : at + 1] == ","
            if has_comma:
                at = self.skip(at + 1)
        return JsonNode(start, at + 1, values)

    def _error(self, at: int) -> NotJson:
        return NotJson(f"line {_line(self.text, at)} is not JSON")
