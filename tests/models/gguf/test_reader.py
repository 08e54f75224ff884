"""The GGUF container, byte by byte. Whole model files and damaged ones: test_header.py."""

import os
import struct
from pathlib import Path

import pytest

from models.errors import ModelUnavailable
from models.gguf.reader import Array, human_bytes, read_numbers, read_part, read_texts

U8, U32, STRING, ARRAY = 0, 4, 8, 9  # types of values


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, elements: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + elements


PAIRS = (
    pair("name", STRING, text("tiny")),
    pair("size", U32, struct.pack("<I", 7)),
    pair("words", ARRAY, array(STRING, 2, text("a") + text("bc"))),
    pair("types", ARRAY, array(U8, 3, bytes((3, 1, 4)))),
)


def container(folder: Path, *pairs: bytes, version: int = 3, count: int | None = None) -> Path:
    path = folder / "a.gguf"
    n_pairs = len(pairs) if count is None else count
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, n_pairs) + b"".join(pairs))
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_pairs_and_arrays_are_read(tmp_path: Path, version: int) -> None:
    path = container(tmp_path, *PAIRS, version=version)
    part = read_part(path)
    assert (part.pairs["name"], part.pairs["size"], part.file_bytes, part.tensor_bytes) == (
        "tiny",
        7,
        path.stat().st_size,
        0,
    )
    words = part.pairs["words"]
    assert isinstance(words, Array)
    assert (words.kind, words.count) == (STRING, 2)
    assert read_texts(path, "words") == [b"a", b"bc"]
    assert read_numbers(path, "types") == [3, 1, 4]


def test_an_array_of_another_type_or_name_is_empty(tmp_path: Path) -> None:
    path = container(tmp_path, *PAIRS)
    assert (read_texts(path, "types"), read_texts(path, "nothing")) == ([], [])
    assert (read_numbers(path, "words"), read_numbers(path, "size")) == ([], [])


@pytest.mark.parametrize(
    ("pairs", "options", "problem"),
    [
        (PAIRS, {"version": 1}, "a GGUF of version 1; versions 2 and 3 can be read"),
        (PAIRS, {"count": 1 << 40}, "is damaged"),
        (PAIRS, {"count": 5}, "ends inside its header"),
        ((pair("x", 99, b""),), {}, "metadata of unknown type 99"),
        ((pair("x", ARRAY, array(ARRAY, 1, bytes(12))),), {}, "an array of unknown type 9"),
        ((pair("x", ARRAY, array(STRING, 1, struct.pack("<Q", 1 << 60))),), {}, "ends inside its header"),
        ((pair("general.alignment", U32, struct.pack("<I", 33)),), {}, "an alignment of 33"),
    ],
)
def test_damage_is_named(tmp_path: Path, pairs: tuple[bytes, ...], options: dict[str, int], problem: str) -> None:
    with pytest.raises(ModelUnavailable, match=problem):
        read_part(container(tmp_path, *pairs, **options))


def test_a_file_that_is_missing_empty_or_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        read_part(tmp_path / "a.gguf")
    (tmp_path / "a.gguf").touch()
    with pytest.raises(ModelUnavailable, match=r"a\.gguf is empty"):
        read_part(tmp_path / "a.gguf")
    (tmp_path / "a.gguf").write_bytes(b"PK\3\4 and so on")
    with pytest.raises(ModelUnavailable, match="is not a GGUF model file"):
        read_part(tmp_path / "a.gguf")


def test_sizes_are_written_for_people() -> None:
    assert [human_bytes(size) for size in (100, 2_000_000, 9_020_000)] == ["100 B", "2 MB", "9.02 MB"]


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.gguf")
    with pytest.raises(ModelUnavailable, match="no file, but a pipe"):
        read_part(tmp_path / "x.gguf")
