"""Reads the GGUF container within bounds: every length is checked against the file before it is used.

Knows bytes (versions 2 and 3, little endian): metadata pairs, arrays, tensor extents. Does not know what they mean.
"""

import mmap
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from models.errors import ModelUnavailable

# Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
_SCALARS = {
    code: struct.Struct("<" + letter)
    for code, letter in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
_STRING, _ARRAY = 8, 9
_U32, _U64 = _SCALARS[4], _SCALARS[10]
_MIN_PAIR_BYTES = 8 + 4 + 1  # an empty key, its type, one byte of value
_MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8
_MAX_STRING_BYTES = 16 << 20
_MAX_DIMENSIONS = 4

# Elements and bytes of one block, by tensor type: `GGML_QUANT_SIZES` of the gguf package, which a test compares with.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Array:
    """The location of an array; `read_texts` and `read_numbers` read its elements."""

    kind: int
    count: int
    offset: int


Value = int | float | bool | str | Array


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its metadata and the bytes its tensors take."""

    pairs: dict[str, Value]
    file_bytes: int
    tensor_bytes: int


class _Cursor:
    """Reads forward through a mapped file and never past its end."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path, self.data, self.pos, self.end = path, data, 0, len(data)

    def damaged(self, what: str) -> ModelUnavailable:
        return ModelUnavailable(f"{self.path.name} is damaged ({what}): download it again")

    def skip(self, size: int) -> None:
        if size > self.end - self.pos:
            raise ModelUnavailable(
                f"{self.path.name} ends inside its header, after {human_bytes(self.end)}: download it again"
            )
        self.pos += size

    def scalar(self, kind: struct.Struct) -> int:
        start = self.pos
        self.skip(kind.size)
        value: int = kind.unpack_from(self.data, start)[0]
        return value

    def string(self) -> str:
        size = self.scalar(_U64)
        start = self.pos
        self.skip(size)
        if size > _MAX_STRING_BYTES:
            raise self.damaged(f"a text of {human_bytes(size)} in the header")
        return self.data[start : self.pos].decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        raise self.damaged(f"metadata of unknown type {kind}")

    def array(self) -> Array:
        kind, count = self.scalar(_U32), self.scalar(_U64)
        found = Array(kind, count, self.pos)
        if kind in _SCALARS:
            self.skip(count * _SCALARS[kind].size)
        elif kind == _STRING:
            for _ in self.strings(found):
                pass
        else:
            raise self.damaged(f"an array of unknown type {kind}")
        return found

    def strings(self, array: Array) -> "list[tuple[int, int]]":
        """(start, end) of each text of an array; leaves the cursor after it. A vocabulary has 400,000 of them."""
        self.pos = array.offset
        self.skip(array.count * _U64.size)
        spans, pos, length = [], array.offset, _U64.unpack_from
        try:
            for _ in range(array.count):
                start = pos + 8
                pos = start + length(self.data, pos)[0]
                spans.append((start, pos))
        except (struct.error, OverflowError):  # a length that points past the end
            pos = self.end + 1
        self.pos = array.offset
        self.skip(pos - array.offset)
        return spans


def read_texts(path: Path, key: str) -> list[bytes]:
    """The texts of one array of the metadata, such as `tokenizer.ggml.tokens`; empty if it is not there."""
    with _mapped(path) as data:
        cursor = _Cursor(path, data)
        found = _read_pairs(cursor, _read_counts(cursor)[1]).get(key)
        if not isinstance(found, Array) or found.kind != _STRING:
            return []
        return [data[start:end] for start, end in cursor.strings(found)]


def read_numbers(path: Path, key: str) -> list[int] | list[float]:
    """The numbers of one array of the metadata, such as `tokenizer.ggml.token_type`; empty if it is not there."""
    with _mapped(path) as data:
        cursor = _Cursor(path, data)
        found = _read_pairs(cursor, _read_counts(cursor)[1]).get(key)
        if not isinstance(found, Array) or found.kind not in _SCALARS:
            return []
        return list(struct.unpack_from(f"<{found.count}{_SCALARS[found.kind].format[1:]}", data, found.offset))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _mapped(path: Path) -> mmap.mmap:
    try:
        # Opening a pipe would wait for somebody to write to it.
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ModelUnavailable(f"{path.name} is no file, but a pipe, a device or a socket")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{path} does not exist") from error
    except ValueError as error:  # an empty file cannot be mapped
        raise ModelUnavailable(f"{path.name} is empty: download it again") from error
    except OSError as error:
        raise ModelUnavailable(f"{path.name} cannot be read: {error.strerror}") from error


def read_part(path: Path) -> Part:
    """Metadata and extents of one file. Raises ModelUnavailable when it is missing, cut short or no GGUF."""
    with _mapped(path) as data:
        cursor = _Cursor(path, data)
        n_tensors, n_pairs = _read_counts(cursor)
        pairs = _read_pairs(cursor, n_pairs)
        alignment = pairs.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
            raise cursor.damaged(f"an alignment of {alignment}")
        end = _tensors_end(cursor, n_tensors, alignment)
        start = -(-cursor.pos // alignment) * alignment
        if n_tensors and start + end > len(data):
            whole = human_bytes(start + end)
            raise ModelUnavailable(f"{path.name} ends after {human_bytes(len(data))} of {whole}: download it again")
        return Part(pairs, len(data), end)


def _read_counts(cursor: _Cursor) -> tuple[int, int]:
    """Tensors and metadata pairs, after the magic and version that make the file a GGUF."""
    if cursor.data[:4] != b"GGUF":
        raise ModelUnavailable(f"{cursor.path.name} is not a GGUF model file")
    cursor.skip(4)
    version = cursor.scalar(_U32)
    if version not in (2, 3):
        raise ModelUnavailable(f"{cursor.path.name} is a GGUF of version {version}; versions 2 and 3 can be read")
    n_tensors, n_pairs = cursor.scalar(_U64), cursor.scalar(_U64)
    if n_pairs * _MIN_PAIR_BYTES + n_tensors * _MIN_TENSOR_BYTES > cursor.end:
        raise cursor.damaged(f"{n_pairs} pairs and {n_tensors} tensors in {human_bytes(cursor.end)}")
    return n_tensors, n_pairs


def _read_pairs(cursor: _Cursor, count: int) -> dict[str, Value]:
    pairs: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.string()
        pairs[key] = cursor.value(cursor.scalar(_U32))
    return pairs


def _tensors_end(cursor: _Cursor, count: int, alignment: int) -> int:
    """Bytes from the first tensor to the end of the last, as the tensor table says."""
    end = 0
    for _ in range(count):
        name, n_dims = cursor.string(), cursor.scalar(_U32)
        if not 1 <= n_dims <= _MAX_DIMENSIONS:
            raise cursor.damaged(f"tensor {name!r} has {n_dims} dimensions")
        elements = 1
        for _ in range(n_dims):
            elements *= cursor.scalar(_U64)
        kind, offset = cursor.scalar(_U32), cursor.scalar(_U64)
        if kind not in BLOCKS:
            raise cursor.damaged(f"tensor {name!r} is of unknown type {kind}")
        if offset % alignment or elements == 0:
            raise cursor.damaged(f"tensor {name!r} has no proper place")
        block, size = BLOCKS[kind]
        end = max(end, offset + -(-elements // block) * size)
    return end


def human_bytes(size: float) -> str:
    """ "2.3 GB": three digits are enough for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
