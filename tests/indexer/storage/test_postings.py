"""The postings of a file survive packing, and damage is noticed."""

import pytest

from indexer.storage.postings import ChunkTerms, Postings, column_counts, numbers_of, pack_postings, unpack_postings


def chunk(*columns: str) -> ChunkTerms:
    return tuple(column.split() for column in columns)


CHUNKS = (
    chunk("src pars", "load_config load config", "def load config", "load path load"),
    chunk("", "", "", ""),
    chunk("a", "a", "a", "a"),
)


def unpacked(data: bytes) -> Postings:
    postings = unpack_postings(data)
    assert postings is not None
    return postings


def by_term(postings: Postings, *terms: str) -> dict[str, list[list[int]]]:
    """The counts of each term by column, one list for each chunk that has it."""
    counts = column_counts(postings.counts).tolist()
    numbers = dict(zip(numbers_of(terms).tolist(), terms, strict=True))
    found: dict[str, list[list[int]]] = {term: [] for term in terms}
    for number, of_term in zip(postings.terms.tolist(), counts, strict=True):
        if number in numbers:
            found[numbers[number]].append(of_term)
    return found


def test_a_term_is_counted_in_each_column_of_its_chunk() -> None:
    postings = unpacked(pack_postings(CHUNKS))
    assert postings.lengths.tolist() == [11, 0, 4]
    assert postings.sizes.tolist() == [7, 0, 1]
    assert by_term(postings, "load", "config", "src", "a", "nowhere") == {
        "load": [[0, 1, 1, 2]],
        "config": [[0, 1, 1, 0]],
        "src": [[1, 0, 0, 0]],
        "a": [[1, 1, 1, 1]],
        "nowhere": [],
    }


def test_a_count_stops_at_what_its_bits_hold() -> None:
    postings = unpacked(pack_postings([chunk("x " * 9, "x " * 9, "x " * 99, "x " * 999)]))
    assert by_term(postings, "x") == {"x": [[3, 7, 15, 127]]}
    assert postings.lengths.tolist() == [9 + 9 + 99 + 999]


def test_terms_of_any_script_and_no_chunks() -> None:
    assert by_term(unpacked(pack_postings([chunk("größe", "", "設定", "\udc80")])), "größe", "設定", "\udc80") == {
        "größe": [[1, 0, 0, 0]],
        "設定": [[0, 0, 1, 0]],
        "\udc80": [[0, 0, 0, 1]],
    }
    assert len(unpacked(pack_postings([])).terms) == 0


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    data = bytearray(pack_postings(CHUNKS))
    data[at] ^= 1
    assert unpack_postings(bytes(data)) is None


@pytest.mark.parametrize("length", [0, 3, 7, 40])
def test_a_cut_is_noticed(length: int) -> None:
    assert unpack_postings(pack_postings(CHUNKS)[:length]) is None
