"""References among candidates: only what others mention gains."""

import pytest

from indexer.search.pagerank import pagerank_scores

Candidate = tuple[int, str, str]  # id, symbol, text


def gains(seeds: dict[int, float], *candidates: Candidate) -> dict[int, float]:
    symbols = {i: symbol for i, symbol, _ in candidates}
    return pagerank_scores(seeds, symbols, {i: text for i, _, text in candidates})


def test_a_definition_that_good_hits_call_gains_the_most() -> None:
    gained = gains(
        {1: 2.0, 2: 1.0, 3: 1.0, 4: 1.0},
        (1, "main", "load_config() save_state()"),
        (2, "Server.start", "load_config()"),
        (3, "load_config", "open(path)"),
        (4, "save_state", "write()"),
    )
    # Half of 1's rank is split between 3 and 4; half of 2's, which is half of 1's, goes to 3. After the first of three
    # rounds, 1 and 2 have only the damped half of their start.
    assert gained == pytest.approx({1: 0.0, 2: 0.0, 3: 0.25, 4: 0.125})


def test_a_definition_does_not_vote_for_itself_nor_for_a_name_that_many_share() -> None:
    alone = gains({1: 1.0, 2: 1.0}, (1, "run", "run() run()"), (2, "other", "nothing"))
    assert alone == {1: 0.0, 2: 0.0}
    shared = [(i, f"C{i}.close", "pass") for i in range(2, 9)]
    seeds = dict.fromkeys(range(1, 9), 1.0)
    assert gains(seeds, (1, "main", "close()"), *shared) == dict.fromkeys(seeds, 0.0)


def test_rank_flows_over_two_steps_and_fades() -> None:
    found = [(1, "first", "second()"), (2, "second", "third()"), (3, "third", "end")]
    assert gains({1: 1.0, 2: 0.0, 3: 0.0}, *found) == pytest.approx({1: 0.0, 2: 0.25, 3: 0.125})


def test_no_gain_is_more_than_the_best_ones_own_rank() -> None:
    callers = [(i, f"caller{i}", "popular()") for i in range(1, 30)]
    assert gains(dict.fromkeys(range(30), 1.0), (0, "popular", "end"), *callers)[0] == 1.0


def test_no_candidates_give_no_scores() -> None:
    assert gains({}) == {}


def test_names_of_any_script_count_and_parts_of_words_do_not() -> None:
    found = [(1, "main", "größe() preload()"), (2, "größe", "x"), (3, "load", "x")]
    assert gains({1: 1.0, 2: 0.0, 3: 0.0}, *found) == pytest.approx({1: 0.0, 2: 0.25, 3: 0.0})


def test_the_parts_of_a_long_definition_are_no_others_that_share_its_name() -> None:
    parts = [(i, "run", "run()") for i in range(2, 12)]
    seeds = dict.fromkeys(range(1, 12), 1.0)
    assert gains(seeds, (1, "Job.run", "x"), *parts)[1] > 0
