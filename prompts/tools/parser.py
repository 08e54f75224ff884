"""Separates an answer into text and tool calls as it is generated.

Knows the forms of `syntax`, not tokens. What it gives does not depend on where the pieces of the answer begin and end.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from models.types import ToolCall
from prompts.tools.scanner import CallScanner
from prompts.tools.syntax import ToolSyntax

AnswerPart = str | ToolCall
Schemas = Mapping[str, Mapping[str, Any]]  # the properties of each offered function

# A model may leave the marks out, or write a fenced block instead: a call only if a function has that name.
_FENCE = re.compile(r"```\w{0,12}\s{0,8}(?=\{)")
_FENCE_BEGUN = re.compile(r"`{1,3}|```\w{0,12}\s{0,8}")
_NAMED = re.compile(r"([A-Za-z_][\w.-]*)(?:\[CALL_ID\][\w-]*)?(?:\[ARGS\])?\s*(?=\{)")  # Mistral's newer form
_NAMED_BEGUN = re.compile(r"[A-Za-z_][\w.-]*(?:\[[\w\]\[-]*)?\s*")
_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*)</function>\s*", re.DOTALL)  # Qwen3-Coder's form
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_XML, _XML_END = "<function=", "</function>"


class ToolCallParser:
    """One answer. `feed` and `end` return its parts; a call comes in pieces."""

    def __init__(self, syntax: ToolSyntax, schemas: Schemas, new_id: Callable[[], str], *, has_lead: bool) -> None:
        """`has_lead`: the prompt ends with the lead of a call, so the answer begins inside it."""
        self._syntax, self._schemas, self._new_id = syntax, schemas, new_id
        self._mode: Callable[[], bool] = self._between if has_lead else self._start
        self._buffer = ""
        self._raw = ""  # of the block of calls that is open, to be given as text if it holds none
        self._calls_before = 0  # that block
        self._scanner: CallScanner | None = None
        self._sent = -1  # characters of the arguments of the call that is being read; -1: the call has not begun
        self._is_bare = False  # that call has no mark before it
        self._parts: list[AnswerPart] = []
        self.calls = 0  # begun
        self.ended = 0  # complete

    def feed(self, text: str) -> list[AnswerPart]:
        """The parts that are certain now."""
        self._buffer += text
        while self._mode():
            pass
        parts, self._parts = self._parts, []
        return parts

    def end(self) -> list[AnswerPart]:
        """The rest. A call that has begun stays as it is; one that has not is text."""
        if self._mode == self._function:
            self._end_function(self._buffer + _XML_END, "")
        is_call = self._mode in (self._object, self._arguments) and (self._sent >= 0 or self.calls > 0)
        if not is_call and not (self._mode == self._between and self._syntax.close.startswith(self._buffer.strip())):
            rest = (self._raw if self.calls == self._calls_before else "") + self._buffer
            self._emit(rest if not self.calls or rest.strip() else "")
        self._buffer, self._raw = "", ""
        parts, self._parts = self._parts, []
        return parts

    def _emit(self, part: AnswerPart) -> None:
        if part:
            self._parts.append(part)

    # --- modes: each makes one step through the buffer; False: it needs more text ---

    def _start(self) -> bool:
        """At the beginning of the answer, where a call may have no mark."""
        rest = self._buffer.lstrip()
        fence = _FENCE.match(rest)
        if rest.startswith("{") or fence:
            brace = self._buffer.index("{")
            self._is_bare, self._raw, self._buffer = True, self._buffer[:brace], self._buffer[brace:]
            self._begin_object()
            return True
        if not rest or _FENCE_BEGUN.fullmatch(rest):
            return False
        self._mode = self._text
        return True

    def _text(self) -> bool:
        before, mark, after = self._buffer.partition(self._syntax.open)
        if mark:
            self._emit(before.rstrip())
            self._raw, self._buffer, self._calls_before = before[len(before.rstrip()) :] + mark, after, self.calls
            self._mode = self._between
            return True
        cut = len(self._buffer) - _overlap(self._buffer, self._syntax.open)
        cut = len(self._buffer[:cut].rstrip())  # white space before a call is not part of the text
        self._emit(self._buffer[:cut])
        self._buffer = self._buffer[cut:]
        return False

    def _between(self) -> bool:
        """After the mark, before or after a call."""
        close, is_empty = self._syntax.close, self.calls == self._calls_before
        rest = self._buffer.lstrip()
        self._raw, self._buffer = self._raw + self._buffer[: len(self._buffer) - len(rest)], rest
        if not rest or any(mark != rest and mark.startswith(rest) for mark in (close, _XML, self._syntax.open)):
            return False
        if rest.startswith("{"):
            self._begin_object()
        elif rest.startswith(_XML):
            self._mode = self._function
        elif rest.startswith(self._syntax.open):
            self._raw, self._buffer = self._raw + self._syntax.open, rest[len(self._syntax.open) :]
        elif rest[0] in ("[" if is_empty else "[],;}"):
            self._raw, self._buffer = self._raw + rest[0], rest[1:]
        elif close and rest.startswith(close):
            self._leave(rest[len(close) :], close)
        elif named := _NAMED.match(rest) if not close else None:
            self._raw, self._buffer = self._raw + named[0], rest[named.end() :]
            self._begin_call(named[1])
            self._mode = self._arguments
        elif close or not _NAMED_BEGUN.fullmatch(rest):
            self._leave(rest, "")
        else:
            return False
        return True

    def _leave(self, rest: str, close: str) -> None:
        """Ends a block. One without a call was text."""
        if self.calls == self._calls_before:
            self._emit(self._raw + close)
        self._raw, self._buffer, self._mode, self._calls_before = "", rest, self._text, self.calls

    def _object(self) -> bool:
        scanner = self._scanner
        assert scanner is not None
        for place, letter in enumerate(self._buffer):
            belongs = scanner.feed(letter)
            if self._sent < 0 and scanner.name and scanner.arguments.startswith("{") and not self._is_refused(scanner):
                self._begin_call(scanner.name)  # whatever follows
            if scanner.is_done or self._is_refused(scanner):
                self._raw += self._buffer[: place + belongs]
                self._buffer = self._buffer[place + belongs :]
                self._end_object(scanner)
                return True
        self._raw, self._buffer = self._raw + self._buffer, ""
        self._send(scanner)
        return False

    def _is_refused(self, scanner: CallScanner) -> bool:
        """Whether this is no call after all. Only asked before anything of it was sent."""
        if self._sent >= 0:
            return False
        unknown = bool(scanner.name) and scanner.name not in self._schemas
        return self._is_bare and (scanner.is_odd or unknown)

    def _send(self, scanner: CallScanner) -> None:
        """Sends what is new of a call that has begun."""
        if self._sent >= 0 and (piece := scanner.arguments[self._sent :]):
            self._emit(ToolCall("", "", piece, self.calls - 1))
            self._sent = len(scanner.arguments)

    def _end_object(self, scanner: CallScanner) -> None:
        self._scanner = None
        if self._is_refused(scanner) or not (scanner.is_done and scanner.name):
            self._sent, self._is_bare = -1, False
            if self._raw.lstrip().startswith(("{", "```")):  # no mark: the rest of the answer is text, too
                self._emit(self._raw)
                self._raw, self._mode = "", self._text
            else:
                self._mode = self._between if self.calls > self._calls_before else self._given_up
            return
        if self._sent < 0:
            self._begin_call(scanner.name)
            if not scanner.arguments:
                self._emit(ToolCall("", "", "{}", self.calls - 1))
        self._send(scanner)
        self._sent, self.ended = -1, self.ended + 1
        self._mode = self._after_bare if self._is_bare else self._between

    def _given_up(self) -> bool:
        """An object behind a mark that is no call: text up to the end of the block."""
        self._emit(self._raw)
        self._raw, self._mode, self._calls_before = "", self._text, self.calls
        return True

    def _after_bare(self) -> bool:
        """After a call without a mark: the end of its fence, or the next call."""
        rest = self._buffer.lstrip(" \t\r\n;`}")
        self._buffer = rest
        if not rest:
            return False
        if rest.startswith("{"):
            self._raw = ""
            self._begin_object()
        else:
            self._raw, self._is_bare, self._mode, self._calls_before = "", False, self._text, self.calls
        return True

    def _arguments(self) -> bool:
        """A JSON object that is all arguments: the name came before it."""
        scanner = self._scanner = self._scanner or CallScanner.of_arguments()
        for place, letter in enumerate(self._buffer):
            belongs = scanner.feed(letter)
            if scanner.has_all_arguments:
                self._buffer = self._buffer[place + belongs :]
                self._send(scanner)
                self._scanner, self._sent, self.ended, self._mode = None, -1, self.ended + 1, self._between
                return True
        self._buffer = ""
        self._send(scanner)
        return False

    def _function(self) -> bool:
        body, mark, after = self._buffer.partition(_XML_END)
        if mark:
            self._end_function(body + mark, after)
        return bool(mark)

    def _end_function(self, block: str, after: str) -> None:
        """A call written as markup: the types of its parameters are those of the offered function."""
        if match := _FUNCTION.fullmatch(block):
            properties = self._schemas.get(match[1], {})
            values = {name: _typed(value, properties.get(name)) for name, value in _PARAMETER.findall(match[2])}
            self._begin_call(match[1])
            self._emit(ToolCall("", "", json.dumps(values, ensure_ascii=False), self.calls - 1))
            self._sent, self.ended = -1, self.ended + 1
        self._buffer, self._mode = after, self._between

    def _begin_object(self) -> None:
        self._scanner, self._sent, self._mode = CallScanner(), -1, self._object

    def _begin_call(self, name: str) -> None:
        self._emit(ToolCall(self._new_id(), name, "", self.calls))
        self.calls, self._sent = self.calls + 1, 0


def _overlap(text: str, mark: str) -> int:
    """Length of the longest end of `text` that `mark` begins with."""
    sizes = range(min(len(text), len(mark) - 1), 0, -1)
    return next((size for size in sizes if mark.startswith(text[-size:])), 0)


def _typed(value: str, schema: object) -> object:
    if isinstance(schema, Mapping) and schema.get("type") == "string":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
