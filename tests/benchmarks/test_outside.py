"""The tables of the outside measures, from what their script prints."""

from pathlib import Path

from benchmarks.outside import outside, plain_table, semble_table

SEMBLE = """o/gone: no snapshot with 12345678
one                    go           20 ours 0.912 semble 0.860 coderankembed+bm25 0.877 index 0.5 s
two                    rust          3 ours 0.800 semble 0.953 coderankembed+bm25 0.962 index 1.5 s
{'semantic': 0.861, 'symbol': 0.975} search p50 12 ms p95 31 ms
2 repositories, mean NDCG@10: ours 0.856 semble 0.907 coderankembed+bm25 0.919
"""
PLAIN = "found answered o/r What?\n28 questions: found@5 0.964 answered {} seconds an answer, median {}\n"


def test_each_repository_stands_beside_the_published_figures() -> None:
    rows = list(semble_table(SEMBLE.splitlines()))
    assert "| one | go | 20 | 0.912 | 0.860 | 0.877 |" in rows
    assert "| mean of 2 |  | 23 | 0.856 | 0.907 | 0.919 |" in rows
    assert rows[-1] == (
        "- By kind of question: semantic: 0.861, bare names: 0.975. A search takes p50 12 ms, p95 31 ms."
    )


def test_each_model_has_its_share_of_answers() -> None:
    lines = {
        "extractive": PLAIN.format("0.857", "0.1").splitlines(),
        "small": PLAIN.format("0.929", "12.0").splitlines(),
    }
    rows = list(plain_table(lines))
    assert rows[-2:] == ["| extractive | 0.86 | 0.1 |", "| small | 0.93 | 12.0 |"]
    assert "in 0.96 of them" in rows[1]


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    [line] = outside(tmp_path, tmp_path, (), tmp_path)
    assert line.startswith("Not measured: semble's benchmark and the plain questions.")
