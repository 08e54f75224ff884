"""The patterns of an ignore file match what they match for git, and many of them cost what one costs."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.files import ignore_patterns, wildmatch
from indexer.files.ignore_patterns import PatternList
from tests.indexer.files.lines_run import lines_run

PIECES = b"a b A c . - : ^ # ! \\ * ** *** ? / / **/ /** [ ] [ab] [!a] [^b-c] [a-c] []-a] [a-] [: :]".split()
PIECES += [
    b"[[:alpha:]]",
    b"[[:digit:]x]",
    b"[[:space:]]",
    b"[[:punct:]]",
    b"[[:upper:]]",
    b"[A-C]",
    b"[A]",
    b"[[:x:]]",
    b" ",
    b"\t",
    b"\r",
    b"\xc3\xa9",
    b"\xff",
]
NAMES = [*b"a b A c / / - ] [ ! \\ . : ^ # * \xc3\xa9 \xff".split(), b" "]
HOSTILE = [b"*a" * 12 + b"b", b"**/" * 12 + b"a", b"*/" * 9 + b"**/a", b"[" * 40, b"*?" * 12, b"**/*" * 9, b"\\" * 9]

pattern = st.one_of(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map(b"".join), st.sampled_from(HOSTILE))
contents = st.lists(pattern, min_size=1, max_size=4).map(b"\n".join)
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=9).map(b"".join)


def is_path(path: bytes) -> bool:
    """Also not one that `git check-ignore` takes for more than a path."""
    return {b"", b".", b".."}.isdisjoint(path.split(b"/")) and not path.startswith(b":")


def ignores(patterns: PatternList, path: bytes) -> bool:
    """Whether the path or a folder above it is ignored."""
    above = [at for at, byte in enumerate(path) if byte == ord("/")]
    return any(patterns.verdict(path[:at], True) for at in above) or bool(patterns.verdict(path, False))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def ignored_by_git(repository: Path, content: bytes, paths: list[bytes], fold: bool = False) -> set[bytes]:
    (repository / ".git" / "info" / "exclude").write_bytes(content)
    command = [
        "git",
        "-c",
        f"core.ignoreCase={str(fold).lower()}",
        "-C",
        str(repository),
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    found = subprocess.run(command, input=b"\0".join(paths), capture_output=True, check=False, timeout=60)
    assert found.returncode in (0, 1), found.stderr
    return set(found.stdout.split(b"\0")) - {b""}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=contents, candidates=st.lists(paths.filter(is_path), min_size=1, max_size=40), fold=st.booleans())
def test_the_same_paths_are_ignored_as_by_git(
    repository: Path, content: bytes, candidates: list[bytes], fold: bool
) -> None:
    patterns = PatternList(content, fold)
    ours = {path for path in candidates if ignores(patterns, path)}
    assert ours == ignored_by_git(repository, content, candidates, fold)


CLASSES = "alnum alpha blank cntrl digit graph lower print punct space upper xdigit other"


@pytest.mark.parametrize("name", CLASSES.split())
def test_a_class_has_the_bytes_that_it_has_for_git(repository: Path, name: str) -> None:
    every = [bytes((byte,)) for byte in range(1, 256) if byte not in b"/.:"] + [b"a:", b"a."]
    for content in (f"[[:{name}:]]".encode(), f"[![:{name}:]]".encode(), f"a[[:{name}:]]".encode()):
        patterns = PatternList(content)
        assert {path for path in every if ignores(patterns, path)} == ignored_by_git(repository, content, every)


@pytest.mark.parametrize(
    ("content", "yes", "no"),
    [
        (b"\xef\xbb\xbfa", [b"a"], [b"\xef\xbb\xbfa"]),
        (b"a\r\nb\r", [b"a", b"b"], [b"a\r"]),
        (b"a  \nb\\ \nc\\  ", [b"a", b"b ", b"c "], [b"a ", b"b", b"c"]),
        (b"a\t", [b"a\t"], [b"a"]),
        (b"a\0b", [b"a"], []),
        (b"#a\n\\#b\n a", [b"#b", b" a"], [b"#a", b"a"]),
        (b"*\n!*.py\n!\\!x", [b"a"], [b"a.py", b"!x"]),
        (b"/\n//\n!\n\n \n\r", [], [b"a", b"a/b"]),
        (b"*.py\n!a.py\n*.py", [b"a.py"], []),
        (b"a/\n!a", [], [b"a"]),
    ],
)
def test_lines_are_read_as_git_reads_them(repository: Path, content: bytes, yes: list[bytes], no: list[bytes]) -> None:
    patterns = PatternList(content)
    assert {path for path in yes + no if ignores(patterns, path)} == set(yes)
    assert ignored_by_git(repository, content, yes + no) == set(yes)


@pytest.mark.parametrize(
    "form", ["name{}", "*.suffix{}", "/path/{}/x", "a{}*b", "*x{}*", "/p{}/**/*.py", "d{}/", "[ab]{}?"]
)
def test_the_work_for_a_path_does_not_grow_with_the_patterns(form: str) -> None:
    names = [f"path/{n}/file{n}.py".encode() for n in range(50)]

    def work(patterns: PatternList) -> Callable[[], object]:
        return lambda: [patterns.verdict(name, False) for name in names]

    few, many = (PatternList("\n".join(form.format(n) for n in range(count)).encode()) for count in (50, 800))
    work(few)(), work(many)()  # what is computed once for each byte
    assert lines_run(work(many), ignore_patterns, wildmatch) <= lines_run(work(few), ignore_patterns, wildmatch) * 1.3


def test_twice_the_patterns_are_read_with_twice_the_work() -> None:
    def content(count: int) -> bytes:
        return "\n".join(f"*{n}[a-c]*/**/x{n}?\nname{n}\n*.s{n}" for n in range(count)).encode()

    def work(count: int) -> int:
        return lines_run(lambda: PatternList(content(count)), ignore_patterns, wildmatch)

    once, twice = work(200), work(400)
    assert twice < 2.3 * once
