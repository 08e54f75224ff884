"""Wildcard patterns: which names they match, in a number of steps that grows with the name only."""

from collections.abc import Callable

import pytest

from indexer.files import wildmatch
from indexer.files.wildmatch import Automaton, NeverMatches, states_of
from tests.indexer.files.lines_run import lines_run


def matches(pattern: bytes, name: bytes) -> bool:
    return Automaton([(0, pattern, False)]).last_match(name, False) == 0


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (b"a*b", [b"ab", b"axxb"], [b"a/b", b"axxbc", b""]),
        (b"?", [b"a", b"\xff"], [b"", b"/", "\N{LATIN SMALL LETTER E WITH ACUTE}".encode()]),
        (b"a/**/b", [b"a/b", b"a/x/b", b"a/x/y/b"], [b"ab", b"a/xb", b"ax/b"]),
        (b"**/b", [b"b", b"x/b", b"x/y/b"], [b"xb"]),
        (b"**/**/b", [b"b", b"x/b"], [b"xb"]),
        (b"a/**", [b"a/x", b"a/x/y"], [b"a", b"ax"]),
        (b"a**b", [b"ab", b"axb"], [b"ax/b"]),
        (b"a**/b", [b"ab", b"ax/b", b"ax/y/b"], [b"axb"]),  # git compares "a" on its own: `**/` is at a beginning
        (b"x?a**/b", [b"x1a/b", b"x1ay/b"], [b"x1ab", b"x1ay/z/b"]),
        (b"*/b", [b"a/b"], [b"b", b"a/x/b"]),
        (b"a/**\\/b", [b"a/x/b"], [b"a/b"]),
        (b"[a-c]", [b"a", b"b", b"c"], [b"d", b"-"]),
        (b"[!a-c]", [b"d", b"-"], [b"a", b"/"]),
        (b"[^a]", [b"b"], [b"a"]),
        (b"[]a-]", [b"]", b"a", b"-"], [b"b"]),
        (b"[\\]]", [b"]"], [b"\\"]),
        (b"[[:digit:]x]", [b"7", b"x"], [b"d", b":"]),
        (b"[[:a]]", [b"[]", b":]", b"a]"], [b"a"]),
        (b"\\*", [b"*"], [b"a", b"\\*"]),
        (b"[c-a]", [b"c"], [b"a", b"b"]),
    ],
)
def test_what_a_pattern_matches(pattern: bytes, yes: list[bytes], no: list[bytes]) -> None:
    assert [name for name in yes if not matches(pattern, name)] == []
    assert [name for name in no if matches(pattern, name)] == []


@pytest.mark.parametrize("pattern", [b"[", b"[a", b"[!", b"[]", b"[a-", b"[\\", b"a\\", b"[[:x:]]", b"[[::]]", b"[[:"])
def test_a_malformed_pattern_never_matches(pattern: bytes) -> None:
    with pytest.raises(NeverMatches):
        states_of(pattern)
    assert Automaton([(0, pattern, False)]).last == -1


def test_the_last_pattern_that_matches_is_found() -> None:
    patterns = Automaton([(3, b"a*", False), (5, b"*b", True), (8, b"[x]", False)])
    found = [patterns.last_match(*query) for query in ((b"ab", False), (b"ab", True), (b"x", False), (b"y", True))]
    assert found == [3, 5, 8, -1]


HOSTILE: dict[str, Callable[[int], tuple[bytes, bytes]]] = {
    "stars": lambda n: (b"*a" * n + b"b", b"a" * 2 * n),
    "question marks": lambda n: (b"*?" * n + b"b", b"a" * 2 * n),
    "sets": lambda n: (b"*[ab]" * n + b"c", b"a" * 2 * n),
    "folders": lambda n: (b"**/a/" * n + b"b", b"a/" * 2 * n + b"c"),
    "stars and folders": lambda n: (b"*/**/" * n + b"b", b"a/" * 2 * n + b"c"),
    "classes": lambda n: (b"[" + b"[:" * n + b"a]" + b"*b", b"a" * n),
    "open sets": lambda n: (b"[a" * n, b"a" * n),
    "only stars": lambda n: (b"*" * n + b"b", b"a" * n),
    "backslashes": lambda n: (b"*\\a" * n + b"b", b"a" * n),
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_twice_the_input_is_twice_the_work(shape: str) -> None:
    def work(n: int) -> Callable[[], object]:
        pattern, name = HOSTILE[shape](n)
        return lambda: Automaton([(0, pattern, False)]).last_match(name, False)

    once, twice = lines_run(work(200), wildmatch), lines_run(work(400), wildmatch)
    assert 200 < once < 200 * 120
    assert twice < 2.1 * once
