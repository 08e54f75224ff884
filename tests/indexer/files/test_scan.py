"""Which files of a folder are read, and the reasons for the others."""

import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest

from indexer.errors import CodebaseUnreadable
from indexer.files import scan
from indexer.files.opening import read_below
from indexer.files.scan import Candidate, read, sha_of, walk
from indexer.files.secrets.masking import MARK
from indexer.types import Skip, SourceFile


def put(root: Path, path: str, content: str | bytes = "x = 1\n") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def look(root: Path) -> tuple[list[str], dict[str, str]]:
    """The candidates' paths, and the reasons of the skipped paths."""
    found = list(walk(root))
    skips = {item.path: item.reason for item in found if isinstance(item, Skip)}
    return [item.path for item in found if isinstance(item, Candidate)], skips


def read_one(root: Path, path: str) -> SourceFile | Skip:
    info = (root / path).lstat()
    return read(root, Candidate(path, info.st_size, info.st_mtime_ns))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (name, scan.SECRET)
            for name in (".env", ".env.local", "id_rsa", "server.pem", "a.key", "credentials", ".npmrc")
        ),
        *((name, scan.SECRET) for name in (".netrc", "keys.kdbx", "secrets.yaml", ".pypirc")),
        *((name, scan.GENERATED) for name in ("package-lock.json", "Cargo.lock", "go.sum", "app.js.map")),
        *((name, scan.MINIFIED) for name in ("jquery.min.js", "style-min.css")),
        *((name, scan.BINARY) for name in ("logo.png", "lib.so", "data.PARQUET")),
    ],
)
def test_names_that_are_skipped(tmp_path: Path, name: str, reason: str) -> None:
    put(tmp_path, f"sub/{name}")
    assert look(tmp_path) == ([], {f"sub/{name}": reason})


@pytest.mark.parametrize(
    "name", [".env.example", "keyboard.py", "credentials.py", "secrets.py", "environment.ts", "map.go"]
)
def test_names_that_only_resemble_skipped_ones(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    assert look(tmp_path) == ([name], {})


def test_a_candidate_has_the_stat_of_its_file(tmp_path: Path) -> None:
    file = put(tmp_path, "a.py", "x = 1\n")
    os.utime(file, ns=(5, 7_000_000_123))
    assert list(walk(tmp_path)) == [Candidate("a.py", 6, 7_000_000_123, file.stat().st_ctime_ns)]


def test_links_are_never_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside/secret.py")
    root = tmp_path / "root"
    put(root, "a/b.py")
    (root / "a" / "loop").symlink_to(root)
    (root / "escape").symlink_to(tmp_path / "outside")
    (root / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    assert look(root) == (["a/b.py"], dict.fromkeys(["a/loop", "escape", "link.py"], scan.SYMLINK))
    assert read(root, Candidate("link.py", 6, 0)) == Skip("link.py", scan.SYMLINK)


def test_an_excluded_folder_is_one_skip(tmp_path: Path) -> None:
    for path in ("node_modules/x/a.js", "node_modules/y/b.js", "pkg/__pycache__/a.py", ".venv/lib/c.py", "src/d.py"):
        put(tmp_path, path)
    skipped = dict.fromkeys([".venv", "node_modules", "pkg/__pycache__"], scan.EXCLUDED)
    assert look(tmp_path) == (["src/d.py"], skipped)


def test_of_a_file_of_50_megabytes_only_one_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(root: Path, path: str, limit: int) -> tuple[bytes, os.stat_result]:
        data, info = read_below(root, path, limit)
        sizes.append(len(data))
        return data, info

    monkeypatch.setattr(scan, "read_below", counted)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(50_000_000)
    assert look(tmp_path) == ([], {"huge.json": scan.OVERSIZED})
    assert sizes == []
    assert read_one(tmp_path, "huge.json") == Skip("huge.json", scan.OVERSIZED)
    assert sizes == [scan.MAX_BYTES + 1]


def test_large_data_files_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, "small.csv", "a,b\n" * 100)
    put(tmp_path, "large.csv", "a,b\n" * 30_000)
    put(tmp_path, "large.py", "x = 1\n" * 30_000)
    assert look(tmp_path) == (["large.py", "small.csv"], {"large.csv": scan.DATA})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x7fELF\0\0\1", scan.BINARY),
        (bytes(range(1, 256)) * 4, scan.BINARY),
        (b"var a=1;" * 2000, scan.MINIFIED),
        (b"x" * 10_001, scan.MINIFIED),
    ],
)
def test_content_that_is_skipped(tmp_path: Path, content: bytes, reason: str) -> None:
    put(tmp_path, "a.js", content)
    assert read_one(tmp_path, "a.js") == Skip("a.js", reason)


def test_a_long_paragraph_of_prose_is_not_minified(tmp_path: Path) -> None:
    put(tmp_path, "notes.md", "word " * 3000)
    assert isinstance(read_one(tmp_path, "notes.md"), SourceFile)


def test_a_file_is_read_with_masked_secrets_and_newlines(tmp_path: Path) -> None:
    content = b'password = "kJ8#mQ2$vL9xWp"\r\nprint(1)\rprint(2)\n'
    file = put(tmp_path, "pkg/a.py", content)
    info = file.stat()
    expected = f'password = "{MARK}"\nprint(1)\nprint(2)\n'
    sha = hashlib.sha256(content).hexdigest()
    assert read_one(tmp_path, "pkg/a.py") == SourceFile("pkg/a.py", sha, 47, info.st_mtime_ns, "python", expected, (1,))
    assert sha_of(tmp_path, "pkg/a.py") == sha


def test_a_file_that_vanishes_or_becomes_something_else_while_scanning(tmp_path: Path) -> None:
    put(tmp_path, "gone.py")
    put(tmp_path, "folder.py")
    candidates = [item for item in walk(tmp_path) if isinstance(item, Candidate)]
    (tmp_path / "gone.py").unlink()
    (tmp_path / "folder.py").unlink()
    (tmp_path / "folder.py").mkdir()
    assert [read(tmp_path, item) for item in candidates] == [
        Skip("folder.py", scan.UNREADABLE),
        Skip("gone.py", scan.VANISHED),
    ]
    assert sha_of(tmp_path, "gone.py") is None


def test_a_pipe_neither_blocks_nor_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert stat.S_ISFIFO((tmp_path / "pipe.py").stat().st_mode)
    assert look(tmp_path) == ([], {"pipe.py": scan.SPECIAL})
    assert read(tmp_path, Candidate("pipe.py", 0, 0)) == Skip("pipe.py", scan.SPECIAL)


def test_a_name_that_is_not_utf8_is_shown_readably(tmp_path: Path) -> None:
    put(tmp_path, "fine.py")
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("x")
    assert look(tmp_path) == (["fine.py"], {"caf\\xe9.py": scan.NAME})


@pytest.mark.parametrize(
    ("name", "message"), [("missing", "no folder"), ("file.py", "is a file"), ("loop", "cannot be read")]
)
def test_a_root_that_is_not_a_folder(tmp_path: Path, name: str, message: str) -> None:
    put(tmp_path, "file.py")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(CodebaseUnreadable, match=message):
        list(walk(tmp_path / name))


def test_what_is_below_a_link_is_not_read(tmp_path: Path) -> None:
    """git may track `a/b.py` while `a` is a link on disk."""
    put(tmp_path, "outside/b.py")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "outside")
    assert read(root, Candidate("a/b.py", 6, 0)) == Skip("a/b.py", scan.SYMLINK)
    assert sha_of(root, "a/b.py") is None


def test_what_is_no_file_has_no_sha(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder").mkdir()
    assert [sha_of(tmp_path, path) for path in ("pipe.py", "folder", "../root", "/etc/passwd", "")] == [None] * 5


@pytest.mark.process
def test_a_socket_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("s.py")
        assert look(tmp_path) == ([], {"s.py": scan.SPECIAL})
        assert read(tmp_path, Candidate("s.py", 0, 0)) == Skip("s.py", scan.SPECIAL)


@pytest.mark.parametrize("root", ["/proc", "/sys", "/dev"])
def test_a_folder_that_the_system_makes_is_no_codebase(root: str) -> None:
    if not Path(root).is_dir():
        pytest.skip(f"no {root} here")
    with pytest.raises(CodebaseUnreadable, match="made by the system"):
        next(walk(Path(root)))


def test_a_time_beyond_64_bits_is_the_last_one_that_fits(tmp_path: Path) -> None:
    file = put(tmp_path, "a.py")
    os.utime(file, (10**10, 10**10))  # the year 2286
    [candidate] = walk(tmp_path)
    assert isinstance(candidate, Candidate)
    assert candidate.mtime_ns == 2**63 - 1
    source = read(tmp_path, candidate)
    assert isinstance(source, SourceFile)
    assert source.mtime_ns == 2**63 - 1


def test_a_repository_inside_is_one_skip(tmp_path: Path) -> None:
    put(tmp_path, "a.py")
    put(tmp_path, "clone/.git/HEAD")
    put(tmp_path, "clone/b.py")
    put(tmp_path, "trees/feat/.git", "gitdir: /elsewhere\n")
    put(tmp_path, "trees/feat/a.py")
    put(tmp_path, "plain/.git/notes.txt")  # without a HEAD it is a folder like others
    put(tmp_path, "plain/c.py")
    assert look(tmp_path) == (["a.py", "plain/c.py"], dict.fromkeys(["clone", "trees/feat"], scan.NESTED))
    assert look(tmp_path / "clone") == (["b.py"], {})
    assert look(tmp_path / "trees" / "feat") == (["a.py"], {})


def test_the_outputs_of_a_notebook_do_not_count(tmp_path: Path) -> None:
    output = '"image/png": "' + "iVBORw0KGgo" * 150_000 + '"'
    put(tmp_path, "a.ipynb", f'{{"cells": [{{"outputs": [{{{output}}}],\n"cell_type": "code", "source": ["f()"]}}]}}')
    put(tmp_path, "b.ipynb", '{"cells": [' + "x" * 20_000)
    assert look(tmp_path) == (["a.ipynb", "b.ipynb"], {})
    source = read_one(tmp_path, "a.ipynb")
    assert isinstance(source, SourceFile)
    assert (source.language, source.text) == ("python", "\nf()\n")
    assert sha_of(tmp_path, "a.ipynb") == source.sha
    assert read_one(tmp_path, "b.ipynb") == Skip("b.ipynb", scan.MINIFIED)


def test_letters_are_composed(tmp_path: Path) -> None:
    put(tmp_path, "a.py", "cafe\u0301 = 1\n")
    source = read_one(tmp_path, "a.py")
    assert isinstance(source, SourceFile)
    assert source.text == "café = 1\n"
