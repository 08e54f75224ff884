"""What a write-ahead log of SQLite says that it has, whether its content is sound or not.

SQLite takes a log up to its first damaged frame and says nothing of the rest. Format:
https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from pathlib import Path

_HEADER = struct.Struct(">8I")  # magic number, format, page size, sequence number, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page number, pages of the database after a commit (else 0), two salts, two checksums
_PAGE_SIZES = [1 << n for n in range(9, 17)]


def committed_frames(log: Path) -> int:
    """The number of the last frame that ends a transaction; 0 if there is none, or no such file.

    A frame counts if it has the salts of the header, or of the first frame where the header is damaged: others are of a
    log that was here before.
    """
    data = log.read_bytes() if log.exists() else b""
    if len(data) < _HEADER.size:
        return 0
    header = _HEADER.unpack_from(data)
    size = _FRAME.size + (header[2] if header[2] in _PAGE_SIZES else 4096)
    found = [_FRAME.unpack_from(data, at) for at in range(_HEADER.size, len(data) - size + 1, size)]
    salts = header[4:6] if _is_sound(data) else found[0][2:4] if found else ()
    return max((number for number, frame in enumerate(found, 1) if frame[1] and frame[2:4] == salts), default=0)


def _is_sound(data: bytes) -> bool:
    """Whether the checksums of the header are right. The magic number says in which order they take the bytes."""
    order = ">" if data[3] & 1 else "<"
    first = second = 0
    for one, other in struct.iter_unpack(f"{order}2I", data[:24]):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return (first, second) == _HEADER.unpack_from(data)[6:]
