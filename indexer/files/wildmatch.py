"""Many of git's wildcard patterns at once, in time linear in the length of a name. Knows bytes only, no files.

The patterns are one automaton without backtracking: a state is a bit of an integer, and a byte of a name is a few
operations on these integers. The semantics are those of `dowild` in git's wildmatch.c, with WM_PATHNAME.
"""

import string
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

_SPECIAL = b"*?[\\"
_SLASH, _STAR, _DASH = b"/*-"


def _bits(members: Iterable[int]) -> int:
    """A set of bytes as an integer: bit n is byte n."""
    return sum(1 << byte for byte in set(members))


_ANY = _bits(range(256))
_NOT_SLASH = _ANY ^ 1 << _SLASH
_PRINTABLE = range(0x20, 0x7F)
_CLASSES = {  # as in git's ctype.h, where only four blanks are a space
    "alnum": _bits((string.ascii_letters + string.digits).encode()),
    "alpha": _bits(string.ascii_letters.encode()),
    "blank": _bits(b" \t"),
    "cntrl": _bits((*range(32), 127)),
    "digit": _bits(string.digits.encode()),
    "graph": _bits(_PRINTABLE) ^ _bits(b" "),
    "lower": _bits(string.ascii_lowercase.encode()),
    "print": _bits(_PRINTABLE),
    "punct": _bits(string.punctuation.encode()),
    "space": _bits(b" \t\n\r"),
    "upper": _bits(string.ascii_uppercase.encode()),
    "xdigit": _bits(string.hexdigits.encode()),
}


@dataclass(frozen=True, slots=True)
class State:
    """What may follow at one place in a pattern. Sets of bytes are integers, as in `_bits`."""

    accepts: int = 0  # the bytes that lead to the next state
    skips: int = 0  # the bytes that stay in this state: those of `*` or `**`
    is_optional: bool = False  # what follows is the one state of `**/`, which may be left out


class NeverMatches(Exception):
    """A malformed pattern: git matches nothing with it."""


def literal_length(pattern: bytes) -> int:
    """How many bytes at the beginning of a pattern have no special meaning."""
    return next((at for at, byte in enumerate(pattern) if byte in _SPECIAL), len(pattern))


def states_of(pattern: bytes) -> list[State]:
    """The states of a pattern: a name matches if its bytes lead to the last one. Raises NeverMatches."""
    # git compares the literal beginning on its own, so that `**` right after it is at the beginning of a pattern.
    start = at = literal_length(pattern)
    states = [State(1 << byte) for byte in pattern[:at]]
    skips = 0
    while at < len(pattern):
        if pattern[at] != _STAR:
            accepts, at = _accepted(pattern, at)
            states.append(State(accepts, skips))
            skips = 0
            continue
        end = at
        while end < len(pattern) and pattern[end] == _STAR:
            end += 1
        is_whole = end - at > 1 and (at == start or pattern[at - 1] == _SLASH) and _ends_segment(pattern, end)
        at, skips = end, _ANY if is_whole else _NOT_SLASH
        if is_whole and pattern.startswith(b"/", end):
            at, skips = end + 1, 0
            if [state.is_optional for state in states[-2:]] != [True, False]:  # `**/**/` is `**/`
                states += State(is_optional=True), State(1 << _SLASH, _ANY)
    return [*states, State(skips=skips)]


def _ends_segment(pattern: bytes, at: int) -> bool:
    return at == len(pattern) or pattern.startswith((b"/", b"\\/"), at)


def _accepted(pattern: bytes, at: int) -> tuple[int, int]:
    """The bytes that one item of a pattern matches (any but `*`), and where the next item begins."""
    if pattern.startswith(b"[", at):
        return _bracket(pattern, at + 1)
    if pattern.startswith(b"?", at):
        return _NOT_SLASH, at + 1
    byte, at = _member(pattern, at)
    return 1 << byte, at


def _bracket(pattern: bytes, at: int) -> tuple[int, int]:
    """As `_accepted`, for what follows `[`. A "]" that comes first is a member."""
    is_negated = pattern.startswith((b"!", b"^"), at)
    at += is_negated
    members, first, close = 0, at, -1
    previous = 0  # what a range may begin with
    while at == first or not pattern.startswith(b"]", at):
        if pattern.startswith(b"[:", at):
            close = pattern.find(b"]", at + 2) if close < at + 2 else close
            if close < 0:
                raise NeverMatches
            if close > at + 2 and pattern.endswith(b":", at, close):
                members |= _class(pattern[at + 2 : close - 1])
                at, previous = close + 1, 0
                continue
        if previous and pattern.startswith(b"-", at) and pattern[at + 1 : at + 2] not in (b"", b"]"):
            last, at = _member(pattern, at + 1)
            members |= (1 << max(last + 1, previous)) - (1 << previous)
            previous = 0
            continue
        previous, at = _member(pattern, at)
        members |= 1 << previous
    return (_NOT_SLASH & ~members if is_negated else _NOT_SLASH & members), at + 1


def _member(pattern: bytes, at: int) -> tuple[int, int]:
    """One byte, perhaps after a backslash, and where the next one is."""
    at += pattern.startswith(b"\\", at)
    if at >= len(pattern):
        raise NeverMatches
    return pattern[at], at + 1


def _class(name: bytes) -> int:
    found = _CLASSES.get(name.decode("latin-1"))
    if found is None:
        raise NeverMatches
    return found


class Automaton:
    """All patterns of a list; `last_match` gives the number of the last one that matches."""

    def __init__(self, patterns: Iterable[tuple[int, bytes, bool]]) -> None:
        """Each pattern with its number, which increase, and whether it matches folders only."""
        self.last = -1  # the highest number
        self._width = 0
        self._numbers: dict[int, int] = {}  # bit of a last state -> number of its pattern
        self._by_accepts: dict[int, array[int]] = {}  # set of bytes -> the states that accept it
        self._masks: dict[int, tuple[int, int]] = {}  # byte -> states that accept it, states that skip it
        marks: dict[str, array[int]] = {
            name: array("L") for name in ("start", "any", "star", "optional", "end", "folder")
        }
        for number, pattern, only_folders in patterns:
            try:
                states = states_of(pattern)
            except NeverMatches:
                continue
            self._add(states, marks)
            marks["folder" if only_folders else "end"].append(self._width - 1)
            self._numbers[self._width - 1] = self.last = number
        masks = {name: self._mask(bits) for name, bits in marks.items()}
        self._ends = masks["end"], masks["end"] | masks["folder"]
        self._any, self._star, self._optional = masks["any"], masks["any"] | masks["star"], masks["optional"]
        self._start = self._with_optional(masks["start"])

    def last_match(self, name: bytes, is_folder: bool) -> int:
        """The number of the last pattern that matches the whole of a name; -1 for none."""
        active = self._start
        for byte in name:
            accepting, skipping = self._masks.get(byte) or self._masks_of(byte)
            active = self._with_optional((active & accepting) << 1 | active & skipping)
            if not active:
                return -1
        ended = active & self._ends[is_folder]
        return self._numbers[ended.bit_length() - 1] if ended else -1

    def _add(self, states: list[State], marks: dict[str, "array[int]"]) -> None:
        marks["start"].append(self._width)
        for bit, state in enumerate(states, self._width):
            if state.accepts:
                self._by_accepts.setdefault(state.accepts, array("L")).append(bit)
            if state.skips:
                marks["any" if state.skips == _ANY else "star"].append(bit)
            if state.is_optional:
                marks["optional"].append(bit)
        self._width += len(states)

    def _with_optional(self, active: int) -> int:
        """The states, and those that follow without any byte."""
        optional = active & self._optional
        return active | optional << 1 | optional << 2

    def _masks_of(self, byte: int) -> tuple[int, int]:
        accepting = (bits for accepts, bits in self._by_accepts.items() if accepts >> byte & 1)
        skipping = self._any if byte == _SLASH else self._star
        self._masks[byte] = self._mask(chain.from_iterable(accepting)), skipping
        return self._masks[byte]

    def _mask(self, bits: Iterable[int]) -> int:
        """The integer with these bits set."""
        found = bytearray(self._width // 8 + 1)
        for bit in bits:
            found[bit >> 3] |= 1 << (bit & 7)
        return int.from_bytes(found, "little")
