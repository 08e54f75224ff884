"""What a question asks for, alone or in a conversation."""

import pytest

from indexer.search.query import parse_query, stands_alone


@pytest.mark.parametrize(
    ("question", "verdict"),
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
def test_stands_alone(question: str, verdict: bool) -> None:
    assert stands_alone(question) is verdict


def test_a_follow_up_leans_on_the_conversation_back_to_its_topic() -> None:
    history = ["how are secrets masked in files?", "where is build_prompt defined?", "and who wrote it?"]
    asked = parse_query("where is it called?", history)
    assert asked.text == "where is build_prompt defined?\nand who wrote it?\nwhere is it called?"
    assert "build_prompt" in asked.terms
    assert "secret" not in asked.terms
    assert dict(asked.names)["build_prompt"] == 1.0


def test_a_new_question_forgets_the_old_topic() -> None:
    asked = parse_query("how does the scanner skip binary files?", ["where is build_prompt defined?"])
    assert asked.text == "how does the scanner skip binary files?"
    assert asked.terms == ("scanner", "skip", "binary", "file")


def test_names_are_surer_the_more_they_look_like_code() -> None:
    names = dict(parse_query("Does `retry` in the Prompt builder call flush() or store.write via sendAll?").names)
    assert names["retry"] == names["flush"] == names["write"] == names["sendall"] == 1.0
    assert names["prompt_builder"] == names["promptbuilder"] == 0.6
    assert names["prompt"] == 0.5
    assert names["builder"] == 0.3


def test_the_first_line_of_a_report_is_kept_apart_from_the_rest() -> None:
    asked = parse_query("Crash in parser\n\nTraceback: the lexer failed\nthe lexer failed again in src/lex.py")
    assert asked.terms == ("crash", "parser")
    assert dict(asked.more_terms)["lexer"] == 2
    assert asked.files == ("src/lex.py",)


@pytest.mark.parametrize(
    ("question", "tests", "docs"),
    [
        ("which tests cover resume?", True, False),
        ("what does the README say?", False, True),
        ("where is x?", False, False),
    ],
)
def test_what_it_is_about(question: str, tests: bool, docs: bool) -> None:
    asked = parse_query(question)
    assert (asked.about_tests, asked.about_docs) == (tests, docs)
