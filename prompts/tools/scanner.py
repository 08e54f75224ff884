"""Reads the JSON object of one tool call as it grows: the function's name, and the text of its arguments so far.

Accepts what models write, not only valid JSON: a missing brace at the end is added. Pure text.
"""

import json
from dataclasses import dataclass

NAMES = ("name", "function")
ARGUMENTS = ("arguments", "parameters")
_OTHERS = ("id", "type")


@dataclass(slots=True)
class CallScanner:
    """One object, fed character by character from its opening brace on."""

    name: str = ""
    is_done: bool = False
    is_odd: bool = False  # it has a field that a call has not, or is no JSON
    _arguments: str = ""
    _key: str | None = None  # of the value that is being read
    _item: str = ""  # the key or the value that is being read
    _depth: int = 0
    _in_string: bool = False
    _is_escaped: bool = False

    @classmethod
    def of_arguments(cls) -> "CallScanner":
        """For an object that is all arguments; it is complete when they are."""
        return cls(_key=ARGUMENTS[0], _depth=1)

    @property
    def arguments(self) -> str:
        """As written so far; decoded if they are written as a string."""
        if not self._arguments and self._key in ARGUMENTS and not self._item.lstrip().startswith('"'):
            return self._item.strip()
        return self._arguments

    @property
    def has_all_arguments(self) -> bool:
        return self.is_done or (self._depth == 1 and self._item.endswith("}"))

    def feed(self, letter: str) -> bool:
        """False: the letter does not belong to the object, which has ended before it."""
        if self._in_string:
            self._continue_string(letter)
        elif letter == "<":  # in no JSON: the mark after the call, and the object's last braces are missing
            self._close()
            return False
        elif letter in "}]":
            self._depth -= 1
            if self._depth == 0:
                self._end_value()
                self.is_done = True
            else:
                self._item += letter
        elif self._depth == 1 and letter in ":,":
            self._end_key() if letter == ":" else self._end_value()
        else:
            self._in_string = letter == '"'
            self._depth += letter in "{["
            if self._depth > 1 or letter != "{":
                self._item += letter
        return True

    def _continue_string(self, letter: str) -> None:
        self._item += letter
        if self._is_escaped:
            self._is_escaped = False
        elif letter == "\\":
            self._is_escaped = True
        elif letter == '"':
            self._in_string = False

    def _end_key(self) -> None:
        self._key, self._item = str(_decoded(self._item)), ""
        self.is_odd = self.is_odd or self._key not in (*NAMES, *ARGUMENTS, *_OTHERS)

    def _end_value(self) -> None:
        key, item = self._key, self._item
        self._key, self._item = None, ""
        if key is None:
            self.is_odd = self.is_odd or bool(item.strip())
        elif key in NAMES and isinstance(name := _decoded(item), str):
            self.name = name
        elif key in ARGUMENTS and not self._arguments:  # the first ones: they may have been sent
            value = _decoded(item)
            self._arguments = value if isinstance(value, str) else item.strip()

    def _close(self) -> None:
        missing = "}" * (self._depth - 1)
        self._item = self._item.rstrip() + missing
        self._end_value()
        self.is_done = True


def _decoded(item: str) -> object:
    """The value of JSON text; the text itself where it is none."""
    try:
        return json.loads(item)
    except (ValueError, RecursionError):
        return item.strip()
