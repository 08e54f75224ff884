"""References among candidates: only what others mention gains."""

import pytest

from indexer.search.pagerank import pagerank_scores
from indexer.storage.snapshot import ChunkRow, IndexedFile
from indexer.types import Chunk


def row(i: int, symbol: str, text: str) -> ChunkRow:
    file = IndexedFile(f"m{i}.py", "sha", 1, 1, 1, "recipe")
    return ChunkRow(i, Chunk(file.path, 1, 2, symbol, "function", "python", "", "", text), file)


def rows(*found: ChunkRow) -> dict[int, ChunkRow]:
    return {row.id: row for row in found}


def test_a_definition_that_good_hits_call_gains_the_most() -> None:
    found = rows(
        row(1, "main", "load_config() save_state()"),
        row(2, "Server.start", "load_config()"),
        row(3, "load_config", "open(path)"),
        row(4, "save_state", "write()"),
    )
    gained = pagerank_scores({1: 2.0, 2: 1.0, 3: 1.0, 4: 1.0}, found)
    # Half of 1's rank is split between 3 and 4; half of 2's, which is half of 1's, goes to 3. After the first of three
    # rounds, 1 and 2 have only the damped half of their start.
    assert gained == pytest.approx({1: 0.0, 2: 0.0, 3: 0.25, 4: 0.125})


def test_a_definition_does_not_vote_for_itself_nor_for_a_name_that_many_share() -> None:
    alone = pagerank_scores({1: 1.0, 2: 1.0}, rows(row(1, "run", "run() run()"), row(2, "other", "nothing")))
    assert alone == {1: 0.0, 2: 0.0}
    shared = [row(i, f"C{i}.close", "pass") for i in range(2, 9)]
    seeds = dict.fromkeys(range(1, 9), 1.0)
    assert pagerank_scores(seeds, rows(row(1, "main", "close()"), *shared)) == dict.fromkeys(seeds, 0.0)


def test_rank_flows_over_two_steps_and_fades() -> None:
    found = rows(row(1, "first", "second()"), row(2, "second", "third()"), row(3, "third", "end"))
    assert pagerank_scores({1: 1.0, 2: 0.0, 3: 0.0}, found) == pytest.approx({1: 0.0, 2: 0.25, 3: 0.125})


def test_no_gain_is_more_than_the_best_ones_own_rank() -> None:
    found = rows(row(0, "popular", "end"), *(row(i, f"caller{i}", "popular()") for i in range(1, 30)))
    assert pagerank_scores(dict.fromkeys(range(30), 1.0), found)[0] == 1.0


def test_no_candidates_give_no_scores() -> None:
    assert pagerank_scores({}, {}) == {}
