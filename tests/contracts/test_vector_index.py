"""Every vector index gives the same neighbours with the same scores as plain arithmetic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.storage.vector_index import BruteForceIndex, FaissIndex, VectorIndex

Make = Callable[[int], VectorIndex]
INDEXES = [FaissIndex, BruteForceIndex]


def rows(*vectors: tuple[float, ...]) -> NDArray[np.float32]:
    matrix = np.array(vectors, np.float32)
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)


@pytest.fixture(params=INDEXES, ids=lambda kind: kind.__name__)
def index(request: pytest.FixtureRequest) -> VectorIndex:
    made: VectorIndex = request.param(2)
    made.add([10, 20, 30, 40], rows((1, 0), (0, 1), (1, 1), (-1, 0)))
    return made


def test_the_scores_are_cosines_best_first(index: VectorIndex) -> None:
    found = index.search(rows((3, 4))[0], 4)
    assert [i for i, _ in found] == [30, 20, 10, 40]
    assert [score for _, score in found] == pytest.approx([0.98995, 0.8, 0.6, -0.6], abs=1e-3)


def test_k_beyond_the_size_is_not_padded(index: VectorIndex) -> None:
    assert len(index.search(rows((1, 0))[0], 100)) == len(index) == 4


@pytest.mark.parametrize("k", [0, -1])
def test_no_neighbours_asked_none_given(index: VectorIndex, k: int) -> None:
    assert index.search(rows((1, 0))[0], k) == []


def test_equal_scores_come_by_id(index: VectorIndex) -> None:
    index.add([5], rows((2, 0)))
    assert [i for i, _ in index.search(rows((1, 0))[0], 2)] == [5, 10]


def test_only_allowed_ids(index: VectorIndex) -> None:
    query = rows((1, 0))[0]
    found = index.search(query, 2, allowed=[20, 40, 99])
    assert [i for i, _ in found] == [20, 40]
    assert [score for _, score in found] == pytest.approx([0.0, -1.0], abs=1e-6)
    assert index.search(query, 2, allowed=[]) == []


def test_removed_ids_are_not_found_and_may_come_back(index: VectorIndex) -> None:
    index.remove([10, 999])
    query = rows((1, 0))[0]
    assert [i for i, _ in index.search(query, 9)] == [30, 20, 40]
    index.add([10], rows((0, -1)))
    assert dict(index.search(query, 9))[10] == pytest.approx(0.0, abs=1e-6)


def test_what_is_wrong_is_refused_and_changes_nothing(index: VectorIndex) -> None:
    wrong: list[tuple[list[int], Any]] = [
        ([10], rows((1, 0))),
        ([7, 7], rows((1, 0), (1, 0))),
        ([7], rows((1, 0, 0))),
        ([7, 8], rows((1, 0))),
        ([7], rows((1, 0)).astype(np.float64)),
    ]
    for ids, vectors in wrong:
        with pytest.raises(ValueError, match=r"expected|already"):
            index.add(ids, vectors)
    with pytest.raises(ValueError, match="expected"):
        index.search(np.ones(3, np.float32), 1)
    assert len(index) == 4


@pytest.mark.parametrize("make", INDEXES)
def test_an_empty_index_finds_nothing(make: Make) -> None:
    empty = make(3)
    empty.add([], np.empty((0, 3), np.float32))
    assert empty.search(np.ones(3, np.float32), 5) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40), st.integers(1, 8))
def test_after_any_changes_faiss_agrees_with_the_oracle(changes: list[tuple[int, bool]], k: int) -> None:
    random = np.random.default_rng(7)
    vectors = rows(*random.standard_normal((31, 6)).tolist())
    fast, plain = FaissIndex(6), BruteForceIndex(6)
    inside: set[int] = set()
    for i, wanted in changes:
        for index in (fast, plain):
            if wanted and i not in inside:
                index.add([i], vectors[i : i + 1])
            elif not wanted:
                index.remove([i])
        inside = inside | {i} if wanted else inside - {i}
    query = rows(tuple(random.standard_normal(6).tolist()))[0]
    expected = plain.search(query, k)
    assert [i for i, _ in fast.search(query, k)] == [i for i, _ in expected]
    assert [s for _, s in fast.search(query, k)] == pytest.approx([s for _, s in expected], abs=1e-3)


def clustered(n: int, dim: int = 32, seed: int = 0) -> NDArray[np.float32]:
    """Directions around fifty centres, as the chunks of a codebase lie around its subjects."""
    centres = np.random.default_rng(1).standard_normal((50, dim))
    random = np.random.default_rng(seed)
    return rows(*(centres[random.integers(0, 50, n)] + 0.8 * random.standard_normal((n, dim))).tolist())


@pytest.fixture
def large() -> FaissIndex:
    """4,000 vectors where 1,000 are searched one by one."""
    index = FaissIndex(32, flat=1000)
    for at in range(0, 4000, 500):
        index.add(range(at, at + 500), clustered(4000)[at : at + 500])
        assert index.is_flat == (at < 1000)
    return index


def test_beyond_the_flat_size_nearly_all_of_the_nearest_are_found(large: FaissIndex) -> None:
    exact = BruteForceIndex(32)
    exact.add(range(4000), clustered(4000))
    shares, errors = [], []
    for query in clustered(20, seed=2):
        expected, found = dict(exact.search(query, 50)), dict(large.search(query, 50))
        shares.append(len(expected.keys() & found) / 50)
        errors += [abs(found[i] - expected[i]) for i in expected.keys() & found]
    assert np.mean(shares) >= 0.95
    assert max(errors) < 0.01


def test_a_large_index_keeps_to_allowed_ids_wherever_they_lie(large: FaissIndex) -> None:
    query, some = clustered(1, seed=3)[0], list(range(7, 4000, 400))
    exact = BruteForceIndex(32)
    exact.add(some, clustered(4000)[some])
    found = large.search(query, 50, allowed=some)
    assert sorted(i for i, _ in found) == some
    assert dict(found) == pytest.approx(dict(exact.search(query, 50)), abs=0.01)


def test_a_large_index_forgets_and_takes_back(large: FaissIndex) -> None:
    vector = clustered(4000)[123]
    assert large.search(vector, 1)[0][0] == 123
    large.remove([123, 9999])
    assert len(large) == 3999
    assert 123 not in dict(large.search(vector, 200))
    large.add([123], vector[np.newaxis])
    assert large.search(vector, 1)[0][0] == 123
    with pytest.raises(ValueError, match="already"):
        large.add([123], vector[np.newaxis])


@pytest.mark.parametrize("flat", [1000, 10_000])
def test_what_was_saved_is_what_is_loaded(tmp_path: Path, flat: int) -> None:
    made = FaissIndex(32, flat)
    made.add(range(2, 1502), clustered(1500))
    made.remove([5])
    made.save(tmp_path / "x.vectors", "a note")
    loaded = FaissIndex.load(tmp_path / "x.vectors", 32)
    assert loaded is not None
    index, note = loaded
    query = clustered(1, seed=4)[0]
    assert (note, len(index), index.is_flat) == ("a note", 1499, made.is_flat)
    assert index.search(query, 50) == made.search(query, 50)
    with pytest.raises(ValueError, match="already"):
        index.add([7], query[np.newaxis])
    assert [file.name for file in tmp_path.iterdir()] == ["x.vectors"]


def test_a_file_that_is_not_as_it_was_written_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x.vectors"
    assert FaissIndex.load(file, 2) is None
    made = FaissIndex(2)
    made.add([1], rows((1, 0)))
    made.save(file, "note")
    good = file.read_bytes()
    assert FaissIndex.load(file, 3) is None
    for bad in (b"", good[:-1], good[:20] + bytes([good[20] ^ 1]) + good[21:], good + b"x", b"\0" * 100):
        file.write_bytes(bad)
        assert FaissIndex.load(file, 2) is None


def test_a_search_runs_in_one_thread_and_leaves_the_others_to_training(monkeypatch: pytest.MonkeyPatch) -> None:
    index = FaissIndex(4)
    index.add([1], np.eye(1, 4, dtype=np.float32))
    during: list[int] = []
    parameters = index._parameters

    def counted(selector: Any) -> Any:
        during.append(faiss.omp_get_max_threads())
        return parameters(selector)

    monkeypatch.setattr(index, "_parameters", counted)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(2)
    index.search(np.ones(4, np.float32), 1)
    assert (during, faiss.omp_get_max_threads()) == ([1], 2)
    faiss.omp_set_num_threads(before)
