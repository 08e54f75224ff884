"""Counts the steps that Python's `re` takes, with a small backtracking matcher over the same parse tree.

A stand-in for a compiled pattern gives the real result and adds the steps to a counter. Knows no module of Lantern.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest

Text = Any  # str or bytes
Step = Callable[[int], int]  # matches the rest of a pattern from a position: the end of the match, or -1
_ONE = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
MOST = 20_000_000  # steps of one test: more is exponential


class TooManySteps(Exception):
    """A pattern took more than `MOST` steps."""


@dataclass
class Steps:
    """The steps of each pattern."""

    by_pattern: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_pattern.values())

    def add(self, pattern: str, steps: int) -> None:
        self.by_pattern[pattern] = self.by_pattern.get(pattern, 0) + steps


class Matcher:
    """One pattern as nested functions: each tries its part at a position, and then the rest of the pattern."""

    def __init__(self, pattern: "re.Pattern[Any]") -> None:
        self._tree = _parser.parse(pattern.pattern, pattern.flags)
        self.steps = 0
        self._text: Text = ""
        self._groups: list[tuple[int, int]] = []
        self._loops: list[tuple[int, int]] = []  # of each repeat: rounds so far, where the last one began
        self._end = -1  # where a full match ends; -1: anywhere
        self._not_at = -1  # an empty match was found here before
        self._start = self._sequence(list(self._tree), pattern.flags, self._accept)

    def span(self, text: Text, pos: int, last: int, *, full: bool = False, not_at: int = -1) -> tuple[int, int] | None:
        """The first match that begins at pos..last."""
        self._text, self._end, self._not_at = text, len(text) if full else -1, not_at
        for start in range(pos, last + 1):
            self._groups = [(-1, -1)] * self._tree.state.groups
            self._loops = [(0, -1)] * len(self._loops)
            if (end := self._start(start)) >= 0:
                return start, end
        return None

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MOST:
            raise TooManySteps(self._tree)

    def _accept(self, at: int) -> int:
        self._step()
        return -1 if at == self._not_at or self._end not in (-1, at) else at

    def _found(self, at: int) -> int:
        """The end of a lookaround or an atomic group."""
        return at

    def _sequence(self, nodes: list[Any], flags: int, rest: Step) -> Step:
        for node in reversed(nodes):
            rest = self._node(node, flags, rest)
        return rest

    def _node(self, node: Any, flags: int, rest: Step) -> Step:
        op, value = node
        if op in _ONE:
            return self._one(self._test(node, flags), rest)
        if op is _constants.AT:
            here = _compiled(node, flags)
            return lambda at: self._then(here.match(self._text, at) is not None, rest, at)
        if op is _constants.BRANCH:
            return self._branch([self._sequence(list(item), flags, rest) for item in value[1]])
        if op is _constants.SUBPATTERN:
            group, added, removed, items = value
            return self._group(group, list(items), (flags | added) & ~removed, rest)
        if op in _REPEATS:
            return self._repeat(op, value, flags, rest)
        if op is _constants.ATOMIC_GROUP:
            return self._atomic(self._sequence(list(value), flags, self._found), rest)
        if op in (_constants.ASSERT, _constants.ASSERT_NOT):
            return self._look(op is _constants.ASSERT, value, flags, rest)
        if op is _constants.GROUPREF:
            return self._same(value, rest)
        if op is _constants.GROUPREF_EXISTS:
            group, yes, no = value
            with_group = self._sequence(list(yes), flags, rest)
            without = self._sequence(list(no or []), flags, rest)
            return lambda at: with_group(at) if self._groups[group][1] >= 0 else without(at)
        raise NotImplementedError(op)

    def _test(self, node: Any, flags: int) -> Callable[[int], bool]:
        """Whether the character at a position fits a node that takes one character."""
        one, known = _compiled(node, flags), dict[Text, bool]()

        def fits(at: int) -> bool:
            self._step()
            if at >= len(self._text):
                return False
            letter = self._text[at : at + 1]
            if letter not in known:
                known[letter] = one.fullmatch(letter) is not None
            return known[letter]

        return fits

    def _one(self, fits: Callable[[int], bool], rest: Step) -> Step:
        def one(at: int) -> int:
            if not fits(at):
                return -1
            return rest(at + 1)

        return one

    def _then(self, holds: bool, rest: Step, at: int) -> int:
        self._step()
        if not holds:
            return -1
        return rest(at)

    def _branch(self, ways: list[Step]) -> Step:
        def branch(at: int) -> int:
            groups = list(self._groups)
            for way in ways:
                self._step()
                if (end := way(at)) >= 0:
                    return end
                self._groups = list(groups)
            return -1

        return branch

    def _group(self, group: int | None, items: list[Any], flags: int, rest: Step) -> Step:
        if group is None:
            return self._sequence(items, flags, rest)
        starts: list[int] = []

        def close(at: int) -> int:
            before, start = self._groups[group], starts.pop()
            self._groups[group] = start, at
            if (end := rest(at)) < 0:
                self._groups[group] = before
                starts.append(start)
            return end

        body = self._sequence(items, flags, close)

        def open_(at: int) -> int:
            self._step()
            depth = len(starts)
            starts.append(at)
            end = body(at)
            del starts[depth:]
            return end

        return open_

    def _repeat(self, op: Any, value: Any, flags: int, rest: Step) -> Step:
        least, most, items = value
        most = sys.maxsize if most is _constants.MAXREPEAT else most
        if len(items) == 1 and items[0][0] in _ONE:
            fits = self._test(items[0], flags)
            if op is _constants.MIN_REPEAT:
                return self._lazy_run(fits, least, most, rest)
            return self._run(fits, least, most, rest, gives_back=op is _constants.MAX_REPEAT)
        if op is _constants.POSSESSIVE_REPEAT:
            return self._rounds(self._sequence(list(items), flags, self._found), least, most, rest)
        return self._loop(list(items), flags, (least, most, op is _constants.MAX_REPEAT), rest)

    def _run(self, fits: Callable[[int], bool], least: int, most: int, rest: Step, *, gives_back: bool) -> Step:
        """A greedy or possessive repeat of one character."""

        def run(at: int) -> int:
            end = at
            while end - at < most and fits(end):
                end += 1
            while end - at >= least:
                self._step()
                if (found := rest(end)) >= 0:
                    return found
                if not gives_back:
                    return -1
                end -= 1
            return -1

        return run

    def _lazy_run(self, fits: Callable[[int], bool], least: int, most: int, rest: Step) -> Step:
        def run(at: int) -> int:
            end = at
            while end - at < least:
                if not fits(end):
                    return -1
                end += 1
            while True:
                self._step()
                if (found := rest(end)) >= 0:
                    return found
                if end - at >= most or not fits(end):
                    return -1
                end += 1

        return run

    def _rounds(self, body: Step, least: int, most: int, rest: Step) -> Step:
        """A possessive repeat of several characters."""

        def rounds(at: int) -> int:
            count = 0
            while count < most:
                self._step()
                end = body(at)
                if end < 0 or (end == at and count >= least):
                    break
                at, count = end, count + 1
            return rest(at) if count >= least else -1

        return rounds

    def _loop(self, items: list[Any], flags: int, bounds: tuple[int, int, bool], rest: Step) -> Step:
        """A greedy or lazy repeat of several characters."""
        least, most, greedy = bounds
        index = len(self._loops)
        self._loops.append((0, -1))

        def one_more(at: int, last: int) -> int:
            before = self._loops[index]
            self._loops[index] = before[0] + 1, last
            groups = list(self._groups)
            if (end := body(at)) < 0:
                self._loops[index], self._groups = before, groups
            return end

        def again(at: int) -> int:
            self._step()
            count, last = self._loops[index]
            if count < least:
                return one_more(at, last)
            can_repeat = count < most and at != last
            if greedy and can_repeat and (end := one_more(at, at)) >= 0:
                return end
            if (end := rest(at)) >= 0 or greedy or not can_repeat:
                return end
            return one_more(at, at)

        body = self._sequence(items, flags, again)

        def loop(at: int) -> int:
            before = self._loops[index]
            self._loops[index] = 0, -1
            end = again(at)
            self._loops[index] = before
            return end

        return loop

    def _atomic(self, body: Step, rest: Step) -> Step:
        def atomic(at: int) -> int:
            self._step()
            if (end := body(at)) < 0:
                return -1
            return rest(end)

        return atomic

    def _look(self, wanted: bool, value: Any, flags: int, rest: Step) -> Step:
        direction, items = value
        back = items.getwidth()[0] if direction < 0 else 0
        body = self._sequence(list(items), flags, self._found)

        def look(at: int) -> int:
            self._step()
            groups = list(self._groups)
            found = at >= back and body(at - back) >= 0
            if found != wanted:
                self._groups = groups
                return -1
            return rest(at)

        return look

    def _same(self, group: int, rest: Step) -> Step:
        def same(at: int) -> int:
            start, end = self._groups[group]
            self.steps += max(0, end - start)
            if end < 0 or self._text[start:end] != self._text[at : at + end - start]:
                return -1
            return rest(at + end - start)

        return same


def _compiled(node: Any, flags: int) -> "re.Pattern[Any]":
    """The pattern of one node, by Python's own compiler."""
    state = _parser.State()
    state.flags, state.str = flags, b"" if not flags & re.UNICODE else ""
    compiled: re.Pattern[Any] = _compiler.compile(_parser.SubPattern(state, [node]), flags)
    return compiled


class CountingPattern:
    """Stands in for a compiled pattern: the real results, with the steps counted and checked against them."""

    def __init__(self, pattern: "re.Pattern[Any]", steps: Steps) -> None:
        self._pattern, self._steps = pattern, steps
        self._matcher = Matcher(pattern)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pattern, name)

    def search(self, text: Text, pos: int = 0, endpos: int = sys.maxsize) -> "re.Match[Any] | None":
        found = self._pattern.search(text, pos, endpos)
        self._count(found, text[:endpos], pos, len(text[:endpos]))
        return found

    def match(self, text: Text, pos: int = 0, endpos: int = sys.maxsize) -> "re.Match[Any] | None":
        found = self._pattern.match(text, pos, endpos)
        self._count(found, text[:endpos], pos, pos)
        return found

    def fullmatch(self, text: Text, pos: int = 0, endpos: int = sys.maxsize) -> "re.Match[Any] | None":
        found = self._pattern.fullmatch(text, pos, endpos)
        self._count(found, text[:endpos], pos, pos, full=True)
        return found

    def finditer(self, text: Text, pos: int = 0, endpos: int = sys.maxsize) -> "Iterator[re.Match[Any]]":
        text, not_at = text[:endpos], -1
        for found in self._pattern.finditer(text, pos):
            self._count(found, text, pos, len(text), not_at=not_at)
            pos = found.end()
            not_at = pos if found.end() == found.start() else -1
            yield found
        self._count(None, text, pos, len(text), not_at=not_at)

    def findall(self, text: Text, pos: int = 0, endpos: int = sys.maxsize) -> list[Any]:
        for _ in self.finditer(text, pos, endpos):
            pass
        return self._pattern.findall(text, pos, endpos)

    def sub(self, new: Any, text: Text, count: int = 0) -> Text:
        for number, _ in enumerate(self.finditer(text), 1):
            if number == count:
                break
        return self._pattern.sub(new, text, count)

    def split(self, text: Text, maxsplit: int = 0) -> list[Any]:
        for number, _ in enumerate(self.finditer(text), 1):
            if number == maxsplit:
                break
        return self._pattern.split(text, maxsplit)

    def _count(
        self, found: "re.Match[Any] | None", text: Text, pos: int, last: int, *, full: bool = False, not_at: int = -1
    ) -> None:
        matcher, profile, trace = self._matcher, sys.getprofile(), sys.gettrace()
        limit = sys.getrecursionlimit()
        sys.setprofile(None)
        sys.settrace(None)
        sys.setrecursionlimit(1_000_000)
        matcher.steps = 0
        try:
            span = matcher.span(text, pos, last, full=full, not_at=not_at)
        finally:
            sys.setrecursionlimit(limit)
            sys.settrace(trace)
            sys.setprofile(profile)
            self._steps.add(str(self._pattern.pattern), matcher.steps)
        assert span == (found.span() if found else None), (self._pattern.pattern, text)


def counting_re(steps: Steps) -> SimpleNamespace:
    """Stands in for the module `re` in a module that calls `re.sub` and the like."""
    known: dict[tuple[Any, int], CountingPattern] = {}

    def compiled(pattern: Any, flags: int = 0) -> CountingPattern:
        if isinstance(pattern, CountingPattern):
            return pattern
        if (pattern, flags) not in known:
            known[pattern, flags] = CountingPattern(re.compile(pattern, flags), steps)
        return known[pattern, flags]

    def method(name: str) -> Callable[..., Any]:
        arguments = 3 if name == "sub" else 2

        def call(pattern: Any, *values: Any, flags: int = 0) -> Any:
            flags = values[arguments - 1] if len(values) >= arguments and name not in ("sub", "split") else flags
            return getattr(compiled(pattern, flags), name)(*values[: arguments - 1])

        return call

    names = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")
    return SimpleNamespace(**vars(re) | {name: method(name) for name in names} | {"compile": compiled})


def instrument(monkeypatch: pytest.MonkeyPatch, modules: list[ModuleType], steps: Steps) -> None:
    """Counts the steps of all patterns of these modules: globals, those in tables and closures, and literal ones."""
    stand_ins: dict[int, CountingPattern] = {}
    shim = counting_re(steps)

    def replaced(value: Any) -> Any:
        if isinstance(value, re.Pattern):
            return stand_ins.setdefault(id(value), CountingPattern(value, steps))
        if isinstance(value, tuple):
            items = [replaced(item) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, FunctionType) and value.__closure__:
            for cell in value.__closure__:
                if (new := replaced(cell.cell_contents)) is not cell.cell_contents:
                    monkeypatch.setattr(cell, "cell_contents", new)
        return value

    for module in modules:
        for name, value in list(vars(module).items()):
            new = shim if value is re else replaced(value)
            if new is not value:
                monkeypatch.setattr(module, name, new)


@contextmanager
def python_steps(steps: Steps) -> Iterator[None]:
    """Counts the lines that Python runs and the built-in functions that it calls, without the matcher's own."""

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        if event == "c_call":
            steps.add("calls", 1)

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        if frame.f_globals is globals():
            return None
        if event == "line":
            steps.add(f"lines of {frame.f_code.co_qualname}", 1)
        return trace

    before = sys.gettrace()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
        sys.setprofile(None)
