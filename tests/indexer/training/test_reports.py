"""Synthetic bug reports and other words for the same: what they are made of."""

from indexer.training.dataset import Example
from indexer.training.reports import reports, reworded

CODES = [f"net/io.py Reader.read_{n}\ndef read_{n}(self):\n    first_{n}()\n    second_{n}()" for n in range(200)]
EXAMPLES = [Example("doc", f"Reads record {n}", n, "net") for n in range(200)]


def test_a_report_begins_with_its_query_and_quotes_its_package() -> None:
    found = list(reports(EXAMPLES, CODES, seed=1))
    assert 40 <= len(found) <= 100  # 0.35 of 200
    assert all(report.query.split("\n")[0] == f"Reads record {report.code}" for report in found)
    tracebacks = [report.query for report in found if "Traceback (most recent call last):" in report.query]
    assert 0.3 * len(found) < len(tracebacks) < 0.7 * len(found)
    assert 'File "/usr/lib/python3/site-packages/net/io.py", line ' in tracebacks[0]
    assert {report.kind for report in found} == {"report"}


def test_the_same_seed_gives_the_same_reports_and_long_texts_give_none() -> None:
    assert list(reports(EXAMPLES, CODES, seed=1)) == list(reports(EXAMPLES, CODES, seed=1))
    assert list(reports([Example("long", "word " * 100, 0, "net")] * 50, CODES, seed=1)) == []


def test_documentation_becomes_a_question_or_its_main_words() -> None:
    described = [Example("doc", text, 3, "net") for text in ("Returns the number of peers. Never blocks.", "A pool")]
    found = {(other.kind, other.query) for seed in range(40) for other in reworded(described, seed)}
    assert ("words", "returns number peers") in found
    questions = {query for kind, query in found if kind == "asked"}
    assert questions == {
        "how to return the number of peers",
        "where do we return the number of peers",
        "where does it return the number of peers",
        "code that should return the number of peers",
        "function to return the number of peers",
    }
    assert {other.code for other in reworded(described, 0)} == {3}
    noun = [Example("doc", "This pool of peers", 3, "net")] * 40
    assert {other.query for other in reworded(noun, 0) if other.kind == "asked"} >= {"where is this pool of peers"}
