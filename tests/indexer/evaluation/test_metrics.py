"""Metrics of rankings that can be checked by hand."""

from types import SimpleNamespace

import pytest

from indexer.evaluation.dataset import Case, Gold
from indexer.evaluation.metrics import Coverage, MetricsRow, Ranks, Score, measure, score, summary
from indexer.types import Hit, Why


def hit(path: str, start: int, end: int, text: str = "") -> Hit:
    return Hit(0, path, start, end, "", "function", "python", "", "", text, "", 1.0, Why(), True)


F = Gold("a.py", "f", 11, 20)
G = Gold("b.py", "g", 1, 10)


def test_files_rank_by_their_first_hit() -> None:
    hits = [hit("x.py", 1, 2), hit("x.py", 3, 4), hit("a.py", 90, 99), hit("y.py", 1, 2), hit("b.py", 50, 60)]
    assert score(Case("k", "?", ("a.py", "b.py"), ()), hits, 7.0) == Score("k", Ranks(1.0, 1.0, 0.5), None, None, 7.0)


def test_a_function_is_shown_by_half_of_it_or_by_a_part_of_it() -> None:
    case = Case("k", "?", ("a.py",), (F,))
    firsts = {
        (16, 40): 1.0,  # half of the function
        (17, 40): 0.0,
        (12, 13): 1.0,  # wholly inside
        (9, 12): 1.0,  # half inside
        (1, 201): 0.0,  # too long to point at anything
        (1, 200): 1.0,
    }
    found = {lines: score(case, [hit("a.py", *lines)], 0).function for lines in firsts}
    assert {lines: ranks and ranks.mrr for lines, ranks in found.items()} == firsts
    assert score(case, [hit("b.py", 11, 20)], 0).function == Ranks(0.0, 0.0, 0.0)


def test_recall_is_the_share_of_several_functions() -> None:
    others = [hit("x.py", n, n) for n in range(5)]
    case = Case("k", "?", ("a.py", "b.py"), (F, G))
    result = score(case, [hit("a.py", 11, 20), *others, hit("b.py", 1, 10)], 0)
    assert (result.function, result.file) == (Ranks(0.5, 1.0, 1.0), Ranks(1.0, 1.0, 1.0))


def test_beyond_ten_ranks_nothing_counts() -> None:
    others = [hit(f"{n}.py", 1, 1) for n in range(10)]
    assert score(Case("k", "?", ("a.py",), (F,)), [*others, hit("a.py", 11, 20)], 0).function == Ranks(0.0, 0.0, 0.0)


def test_evidence_is_what_the_first_whole_hits_of_a_budget_cover() -> None:
    hits = [hit("x.py", 1, 9, "x" * 2000), hit("a.py", 11, 13, "y" * 1000), hit("a.py", 14, 16, "y" * 1000)]
    case = Case("k", "?", ("a.py",), (F,))
    assert score(case, hits, 0).evidence == Coverage(0.0, 1.0, 1.0)
    assert score(case, hits[:2], 0).evidence == Coverage(0.0, 0.0, 0.0)


def test_a_row_for_each_kind_and_their_mean() -> None:
    good, bad = Ranks(1.0, 1.0, 1.0), Ranks(0.0, 0.5, 0.0)
    scores = [
        Score("a", good, good, Coverage(0.0, 1.0, 1.0), 1.0),
        Score("a", bad, None, None, 3.0),
        Score("b", bad, bad, Coverage(0.0, 0.0, 1.0), 2.0),
    ]
    assert summary(scores) == [
        MetricsRow("a", 2, Ranks(0.5, 0.75, 0.5), good, Coverage(0.0, 1.0, 1.0), 1.0, 3.0),
        MetricsRow("b", 1, bad, bad, Coverage(0.0, 0.0, 1.0), 2.0, 2.0),
        MetricsRow("mean", 3, Ranks(0.25, 0.625, 0.25), Ranks(0.5, 0.75, 0.5), Coverage(0.0, 0.5, 1.0), 2.0, 3.0),
    ]
    assert summary(scores[:1]) == [MetricsRow("a", 1, good, good, Coverage(0.0, 1.0, 1.0), 1.0, 1.0)]


def test_each_question_is_searched_once_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []
    progress: list[int] = []
    clock = iter([1.0, 1.25, 2.0, 2.5])  # seconds
    monkeypatch.setattr("indexer.evaluation.metrics.time", SimpleNamespace(perf_counter=lambda: next(clock)))

    def search(question: str) -> list[Hit]:
        questions.append(question)
        return [hit("a.py", 11, 20)]

    cases = [Case("k", "one", ("a.py",), ()), Case("k", "two", ("b.py",), ())]
    scores = measure(cases, search, progress.append)
    assert (questions, progress, [score.file.mrr for score in scores]) == (["one", "two"], [0, 1], [1.0, 0.0])
    assert [score.ms for score in scores] == [250.0, 500.0]
