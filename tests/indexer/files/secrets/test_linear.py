"""Masking looks at each byte of a text a bounded number of times, whatever repeats in it."""

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import re2

from indexer.files.secrets import assignments, columns, linear, masking, rules
from indexer.files.secrets.masking import mask

BEGIN = "-----BEGIN PRIVATE" + " KEY-----"
SHAPES = [
    *(
        f"{BEGIN}\n",
        BEGIN,
        f"{BEGIN}\nAAAA\n",
        "token=",
        'token="',
        "token=a1b2c3",
        'token=\\"',
        "token=[[",
        "password: a|a|a|a",
    ),
    *(
        "password:\n",
        'password" {',
        'login("',
        'auth("a",',
        "://a:b",
        "b@://a:",
        " -u a:",
        "mysql x -p",
        "sk-",
        "eyJ.",
        "AKIA",
    ),
    *(
        "AZDO",
        "-us",
        "a8Q~",
        "mnemonic: abcd ",
        "key</key> <string>",
        "a_session=",
        "DBPassword:\n  A: b\n",
        "datadog-",
        "&code=",
    ),
    *(
        "a|password\n-|-\n",
        "a,password\nb,c\n",
        "insert into a (pwd) values ('",
        "insert into a (pwd) values (",
        'Client("AC12", ',
        "ENV TOKEN ",
        "login=a:",
        "--token\n- ",
        "Q~Q~",
        'BEGIN", "',
    ),
    *("auth=(", "1://license", "token=;a=", "password: ", "--token ", "token:\n", "</key>", "key 7 ", "|sig", "pw: "),
    *("NRAK-", "xoxe.xoxb-1-", "sntryu_", "EAAA", "| chpasswd", "htpasswd -b a b ", "passcode?= -u a:", "a|b\n-|-\n"),
]

COUNTS = {"bytes": 0, "steps": 0}


class CountedEngine(re2._re2.RE2):  # type: ignore[misc]
    def Match(self, anchor: object, text: bytes, start: int, end: int) -> Any:  # noqa: N802
        spans = super().Match(anchor, text, start, end)
        is_anchored = anchor != re2._re2.RE2.Anchor.UNANCHORED
        COUNTS["bytes"] += (spans[0][1] if spans[0][0] >= 0 else start if is_anchored else end) - start
        return spans


class CountedPattern:
    """An expression of `re` that counts the bytes that it looks at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern

    def __getattr__(self, name: str) -> Any:
        def counted(data: bytes, start: int = 0, end: int = sys.maxsize) -> Any:
            match = getattr(self._pattern, name)(data, start, end)
            COUNTS["bytes"] += (match.end() if match else min(end, len(data)) if name == "search" else start) - start
            return match

        return counted

    def finditer(self, data: bytes, start: int = 0, end: int = sys.maxsize) -> Iterator[re.Match[bytes]]:
        for match in self._pattern.finditer(data, start, end):
            COUNTS["bytes"] += match.end() - start
            start = match.end()
            yield match


def forget() -> None:
    cached = (linear.compiled, linear.finder, rules._sign, rules._engine, masking._signs, assignments._opening_finder)
    for function in (*cached, re2._Regexp._make):
        function.cache_clear()


@pytest.fixture(scope="module")
def counted() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(re2._re2, "RE2", CountedEngine)
        for module in (assignments, columns, rules):
            for name, value in list(vars(module).items()):
                if isinstance(value, re.Pattern):
                    patch.setattr(module, name, CountedPattern(value))
        forget()
        yield
    forget()


def counts_of(text: str) -> tuple[int, int]:
    def step(*_: object) -> None:
        COUNTS["steps"] += 1

    COUNTS.update(bytes=0, steps=0)
    sys.setprofile(step)
    try:
        mask(text)
    finally:
        sys.setprofile(None)
    return COUNTS["bytes"], COUNTS["steps"]


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("shape", SHAPES)
def test_hostile_texts_take_linear_steps(shape: str) -> None:
    """Counted are the bytes that expressions look at, and the calls of functions."""
    counts = [counts_of(shape * (size // len(shape))) for size in (10_000, 20_000, 40_000)]
    for before, after in pairwise(counts):
        assert after[0] <= 2.2 * before[0] + 20_000, counts
        assert after[1] <= 2.2 * before[1] + 2_000, counts
