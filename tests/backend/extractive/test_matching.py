"""Ranking of snippets for a question."""

import pytest

from backend.extractive.matching import Kind, rank, stems
from models.types import ContextSnippet


def piece(
    n: int, symbol: str, *, doc: str = "", path: str = "src/a.py", kind: str = "function", text: str = ""
) -> ContextSnippet:
    return ContextSnippet(n, path, 10 * n, 10 * n + 5, symbol, kind, "python", f"def {symbol}():", doc, text)


def order(question: str, *evidence: ContextSnippet) -> list[str]:
    return [match.snippet.symbol for match in rank(question, evidence).matches]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Where is the budget computed?", Kind.WHERE),
        ("which file holds the routes", Kind.WHERE),
        ("How does the budget fit?", Kind.HOW),
        ("What is a budget?", Kind.WHAT),
        ("budget", Kind.WHAT),
    ],
)
def test_kinds_of_question(question: str, kind: Kind) -> None:
    assert rank(question, (piece(1, "x"),)).kind is kind


def test_identifiers_are_taken_apart_and_endings_dropped() -> None:
    assert stems("parseHTTPHeaders split_parts Splitting") == {"pars", "http", "header", "split", "part"}


def test_equal_matches_keep_the_order_of_retrieval() -> None:
    assert order("zebra?", piece(1, "one"), piece(2, "two"), piece(3, "three")) == ["one", "two", "three"]


def test_a_symbol_the_question_spells_comes_first() -> None:
    evidence = [piece(n, f"helper{n}", doc="about the budget") for n in range(1, 6)]
    assert order("What does fit do?", *evidence, piece(6, "Budget.fit"))[0] == "Budget.fit"


def test_a_described_definition_beats_one_that_only_mentions() -> None:
    mentions = piece(1, "main", text="trim the oldest blocks")
    describes = piece(2, "fit", doc="Trims the oldest blocks until the prompt fits.")
    assert order("How are the oldest blocks trimmed?", mentions, describes) == ["fit", "main"]


def test_definitions_beat_loose_code_and_tests_come_last_unless_asked_for() -> None:
    loose = piece(1, "", kind="block", text="scan tree")
    test = piece(2, "test_scan", path="tests/test_scan.py")
    real = piece(3, "scan_tree")
    assert order("how does scan tree go", loose, test, real)[0] == "scan_tree"
    assert order("how does the test of scan go", real, test)[0] == "test_scan"


def test_pieces_of_one_definition_count_once() -> None:
    long = [piece(n, "Big.method") for n in (1, 2, 3)]
    assert order("what is big", *long, piece(4, "other")) == ["Big.method", "other"]


def test_documents_come_first_only_where_they_are_asked_for() -> None:
    section = piece(1, "Setup", kind="section", path="README.md", doc="install the server")
    code = piece(2, "Server.start", doc="Starts the server.")
    assert order("how does the server start", section, code)[0] == "Server.start"
    assert order("how do I install the server", section, code)[0] == "Setup"


def test_what_is_deprecated_waits() -> None:
    old, new = piece(1, "parse", doc="Parses text.\n@deprecated use parse_text"), piece(2, "parse_text", doc="Parses.")
    assert order("how is text parsed", old, new)[0] == "parse_text"


def test_a_plain_word_means_the_type_of_that_name_rather_than_an_attribute() -> None:
    attribute, type_ = piece(1, "Request.blueprint"), piece(2, "Blueprint", kind="class")
    assert order("what is a blueprint?", attribute, type_)[0] == "Blueprint"


def test_a_whole_name_in_code_without_definitions_beats_a_near_miss() -> None:
    near = piece(1, "lockScreen", path="scripts/withdraw.js", doc="Locks the screen after a withdraw.")
    window = piece(2, "", kind="window", text="function withdrawLocked(uint amount) {")
    for question in ("where is withdrawLocked defined", "how does withdrawLocked work?"):
        ranking = rank(question, (near, window))
        assert (ranking.undefined, ranking.matches[0].snippet) == ("withdrawLocked", window)
    assert rank("where is withdrawLocked defined", (near,)).asks_for_name
    assert not rank("how does withdrawLocked work?", (near,)).asks_for_name
    assert rank("where is lockScreen", (near, window)).undefined == ""
    assert not rank("where does the app lock the screen of a wallet", (near,)).asks_for_name
