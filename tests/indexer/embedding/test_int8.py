"""Unit vectors as bytes: close to the originals, and every damaged row is noticed."""

import numpy as np

from indexer.embedding.base import Vectors
from indexer.embedding.int8 import pack, unpack


def unit(n: int, dim: int) -> Vectors:
    rows = np.random.default_rng(3).standard_normal((n, dim), np.float32)
    unit_rows: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit_rows


def test_unpacked_vectors_have_the_same_direction() -> None:
    vectors = unit(50, 256)
    unpacked, sound = unpack(pack(vectors), 256)
    assert unpacked.dtype == np.float32
    assert (unpacked.shape, bool(sound.all())) == ((50, 256), True)
    assert (vectors * unpacked).sum(axis=1).min() > 0.9998
    assert np.allclose(np.linalg.norm(unpacked, axis=1), 1, atol=1e-6)


def test_a_row_takes_a_byte_for_each_dimension_and_four_for_its_checksum() -> None:
    assert [len(row) for row in pack(unit(2, 64))] == [68, 68]


def test_every_changed_bit_and_every_other_length_is_noticed() -> None:
    vectors = unit(3, 16)
    rows = pack(vectors)
    for bit in range(8 * 20):
        broken = bytearray(rows[1])
        broken[bit // 8] ^= 1 << bit % 8
        unpacked, sound = unpack([rows[0], bytes(broken), rows[2]], 16)
        assert sound.tolist() == [True, False, True]
        assert np.array_equal(unpacked, unpack([rows[0], rows[2]], 16)[0])
    assert unpack([b"", rows[0][:-1], rows[0] + b"\0"], 16)[1].tolist() == [False] * 3


def test_no_rows_and_the_zero_vector() -> None:
    assert unpack([], 8)[0].shape == (0, 8)
    assert pack(np.empty((0, 8), np.float32)) == []
    assert unpack(pack(np.zeros((1, 8), np.float32)), 8)[0].tolist() == [[0.0] * 8]
