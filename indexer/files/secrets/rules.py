"""Tokens with an issuer's format: the rules of gitleaks (`renew` says how they got here), and more in `more.toml`.

All of them are one expression; the rules that match a token are then asked for its span.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from indexer.files.secrets import values
from indexer.files.secrets.linear import Finder, compiled, finder, rule_set

_BEFORE = r"[\w.-]{0,50}?"  # a name's beginning, which does not matter here
_AFTER = r"""(?:[\x60'"\s;]|\\[nr]|$)"""
_END = "(?:[^0-9A-Za-z]|$)"  # a token may stand before a full stop, a slash or an underscore, too
_START = r"(?:^|[^0-9A-Za-z]|\\[nrt]|%[0-9A-F]{2})"
_BY_NAME = r"[\s'\"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)"  # rules that look for an issuer's name before a value
_REACH = 120  # bytes before and after a text in a token
_LONGEST = 4000  # bytes that a rule looks at from the beginning of a token
_ENTROPY = 2.5  # bits per character: below, it is a placeholder
_LONGEST_REST = 100  # bytes of the same word after what a rule matches
_NO_SIGNS = str.maketrans("", "", "-_.")
_DOCUMENTED = re.compile(r"EXAMPLE$|^ghp_16C7e42F292c6912E7710c838347Ae178B4a$")
_WORD = re.compile(rb"[0-9A-Za-z_+/=~-]*")


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: str
    by_name: bool = False  # the value alone has no format: it has to be random
    is_certain: bool = False  # no other text has this format
    inside: bytes = b""  # a text in the middle of the token, if nothing is known of its beginning


@dataclass(frozen=True, slots=True)
class _Engine:
    """The rules for tokens whose beginning says what they are, ready to match."""

    rules: tuple[Rule, ...]
    any: Finder
    each: Any


def token_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of tokens that have an issuer's format."""
    yield from prefixed_spans(data)
    yield from _inner_spans(data)


def prefixed_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of tokens whose beginning says what they are."""
    if _sign()(data, 0, len(data))[0][0] < 0:  # as in nearly every file
        return
    engine, position, length = _engine(), 0, len(data)
    while (found := engine.any(data, position, length)[0])[0] >= 0:
        start, end = found
        window = data[max(0, start - 1) : end + 1]
        spans = [_span(engine.rules[n], data, start, end) for n in engine.each.Match(window) or ()]
        accepted = [span for span in spans if span is not None]
        if accepted:
            first, last = min(accepted)[0], max(span[1] for span in accepted)
            yield first, last
            end = last + 1
        position = min(max(end - 1, start + 1), length)


def _inner_spans(data: bytes) -> Iterator[tuple[int, int]]:
    for rule in (rule for rule in _rules() if rule.inside):
        yield from _around(rule, data)


def _around(rule: Rule, data: bytes) -> Iterator[tuple[int, int]]:
    """The spans of tokens that have a text in their middle."""
    position, searched = data.find(rule.inside), 0
    while position >= 0:
        match = compiled(rule.pattern).search(data, max(searched, position - _REACH), position + _REACH)
        end = position + len(rule.inside)
        if match is not None and match.start() <= position:
            first, last = match.span(1)
            if _is_secret(rule, data[first:last].decode("latin-1")):
                yield first, last
            end = max(end, last)
        position, searched = data.find(rule.inside, end), end


def _span(rule: Rule, data: bytes, start: int, end: int) -> tuple[int, int] | None:
    whole, *groups = finder(rule.pattern)(data, start, min(end + _LONGEST, len(data)))
    if not 0 <= whole[0] <= end:
        return None
    first, last = next((group for group in groups if group[0] >= 0), whole)
    value = data[first:last].decode("latin-1")
    if not rule.by_name:
        last = _WORD.match(data, last, last + _LONGEST_REST).end()  # type: ignore[union-attr]
    if rule.is_certain:
        return None if _is_example(value) else (first, last)
    return (first, last) if _is_secret(rule, data[first:last].decode("latin-1")) else None


def _is_example(value: str) -> bool:
    """Whether a value with an unmistakable format is documented as an example, or one character again and again."""
    rest = value[-16:].lower().translate(_NO_SIGNS)
    return len(set(rest)) <= 1 or "xxxxxx" in rest or _DOCUMENTED.search(value) is not None


def _is_secret(rule: Rule, value: str) -> bool:
    if values.is_harmless(value):
        return False
    return values.is_random(value) if rule.by_name else values.entropy(value) >= _ENTROPY


@cache
def _sign() -> Finder:
    """Finds where a rule matches first, not how far: what begins with `_START` is one branch here.

    RE2 follows each branch for each new state of its automaton. That of `any` takes several times as long to build.
    """
    branches: dict[str, list[str]] = {"": [], "(?i)": []}
    others = []
    for pattern in (rule.pattern for rule in _rules() if not rule.inside):
        flags, start, rest = pattern.partition(_START)
        if start and flags in branches:
            branches[flags].append(rest)
        else:
            others.append(f"(?:{pattern})")
    starting = [f"(?:{flags}{_START}(?:{'|'.join(rests)}))" for flags, rests in branches.items()]
    return finder("|".join([*starting, *others]), captures=False)


@cache
def _engine() -> _Engine:
    rules = tuple(rule for rule in _rules() if not rule.inside)
    together = "|".join(f"(?:{rule.pattern})" for rule in rules)
    return _Engine(rules, finder(together, captures=False), rule_set(rule.pattern for rule in rules))


@cache
def _rules() -> tuple[Rule, ...]:
    folder = Path(__file__).parent
    listed = [{"regex": regex} for regex in json.loads((folder / "gitleaks.json").read_text("utf-8")).values()]
    listed += tomllib.loads((folder / "more.toml").read_text("utf-8"))["rules"]
    return tuple(
        Rule(
            _adapted(entry["regex"]),
            by_name=_BY_NAME in entry["regex"],
            is_certain=entry.get("certain", False),
            inside=entry.get("inside", "").encode(),
        )
        for entry in listed
    )


def _adapted(pattern: str) -> str:
    """The expression with wider edges, which RE2 can match without a loop at each character."""
    pattern = pattern.replace(_BEFORE, "").replace(_AFTER, _END)
    if pattern.startswith(r"\b") or pattern.startswith(r"(?i)\b"):
        flags, _, rest = pattern.partition(r"\b")
        pattern = (
            f"{flags}{_START}(?:{rest})"
            if rest.startswith("(") and not rest.startswith("(?")
            else f"{flags}{_START}({rest})"
        )
    return pattern.removesuffix(r"\b") + _END if pattern.endswith(r"\b") else pattern


# What a text has if it has such a token, and the search for it. Tokens with a known beginning are looked for always.
DETECTORS = ((r"Q~|AZDO|\.atlasv1\.|NRAL|-us\d|_mmk", _inner_spans),)
