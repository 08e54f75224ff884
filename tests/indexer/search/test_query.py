"""Questions parsed for retrieval, alone or in a conversation."""

import pytest

from indexer.search.query import parse_query, stands_alone


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("where is build_prompt defined?", True),
        ("how does the scanner skip binary files?", True),
        ("is it possible to change the listening port?", True),
        ("are there limits on the request size?", True),
        ("what does this project do to mask secrets?", True),
        ("the class that handles resume events", True),
        ("and where is it called?", False),
        ("how do they compare scores?", False),
        ("why?", False),
        ("and the tests?", False),
        ("what does that function return?", False),
    ],
)
def test_stands_alone(question: str, expected: bool) -> None:
    assert stands_alone(question) is expected


def test_a_follow_up_takes_the_earlier_questions_back_to_its_topic() -> None:
    history = ["how are secrets masked in files?", "where is build_prompt defined?", "and who wrote it?"]
    query = parse_query("where is it called?", history)
    assert query.text == "where is build_prompt defined?\nand who wrote it?\nwhere is it called?"
    assert "build_prompt" in query.terms
    assert "secret" not in query.terms
    assert dict(query.names)["build_prompt"] == 1.0


def test_a_new_topic_leaves_the_earlier_questions_out() -> None:
    query = parse_query("how does the scanner skip binary files?", ["where is build_prompt defined?"])
    assert query.text == "how does the scanner skip binary files?"
    assert query.terms == ("scanner", "skip", "binary", "file")


def test_a_name_is_likelier_the_more_it_looks_like_code() -> None:
    names = dict(parse_query("Does `retry` in the Prompt builder call flush() or store.write via sendAll?").names)
    assert names["retry"] == names["flush"] == names["write"] == names["sendall"] == 1.0
    assert names["prompt_builder"] == names["promptbuilder"] == 0.6
    assert names["prompt"] == 0.5
    assert names["builder"] == 0.3


def test_the_terms_of_a_reports_first_line_are_apart_from_the_rest() -> None:
    query = parse_query("Crash in parser\n\nTraceback: the lexer failed\nthe lexer failed again in src/lex.py")
    assert query.terms == ("crash", "parser")
    assert dict(query.more_terms)["lexer"] == 2
    assert query.files == ("src/lex.py",)


@pytest.mark.parametrize(
    ("question", "tests", "docs"),
    [
        ("which tests cover resume?", True, False),
        ("what does the README say?", False, True),
        ("where is x?", False, False),
    ],
)
def test_questions_about_tests_and_docs(question: str, tests: bool, docs: bool) -> None:
    query = parse_query(question)
    assert (query.about_tests, query.about_docs) == (tests, docs)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Visitor", ("Visitor",)),
        ("Sinatra::Helpers", ("Sinatra", "Helpers")),
        ("`store.write()`", ("store", "write")),
        ("Monolog\\Logger", ("Monolog", "Logger")),
        ("ptr->next", ("ptr", "next")),
        ("empty?", ("empty?",)),
        ("übergabe", ("übergabe",)),
        ("a name", ()),
        ("3 names", ()),
        ("", ()),
    ],
)
def test_a_question_may_be_nothing_but_a_name(question: str, name: tuple[str, ...]) -> None:
    assert parse_query(question).bare_name == name
