"""Which questions ask for a value: what it is like, what it is about, and how else a name may say so."""

import pytest

from indexer.project.settings import Measure, parse_setting_query


@pytest.mark.parametrize(
    ("question", "measure", "words"),
    [
        ("What is the default timeout?", "duration", ("timeout",)),
        ("How many redirects are followed at most?", "number", ("redirect", "follow")),
        ("How long does a session cookie live by default?", "duration", ("session", "cooki")),
        ("From which response size on does gzip compress?", "size", ("respons", "gzip", "compress")),
        ("How long may a message be?", "size", ("messag",)),
        ("What is the name of the session cookie?", "text", ("session", "cooki")),
        ("Which folder are views looked up in by default?", "text", ("view",)),
        ("Is debug enabled by default?", "switch", ("debug",)),
        ("Which environment variable sets the log level?", "variable", ("log", "level")),
        ("What is the default etag setting?", "any", ("etag",)),
        ("What chunk size is used for responses?", "any", ("chunk", "respons")),
        ("What is the cache size?", "any", ("cach",)),
        ("What is the default environment?", "any", ("environment",)),
        ("Which port does the server listen on?", "port", ("port", "server")),
    ],
)
def test_a_question_for_a_value(question: str, measure: Measure, words: tuple[str, ...]) -> None:
    query = parse_setting_query(question)
    assert query is not None
    assert (query.measure, query.words) == (measure, words)


def test_other_words_for_what_is_asked() -> None:
    query = parse_setting_query("How long does a session live by default?")
    assert query is not None
    assert {"ttl", "age", "timeout"} <= set(query.hints)
    assert query.asks_default


@pytest.mark.parametrize(
    "question",
    [
        "How does routing work?",
        "Where is the timeout set?",
        "Why is the limit 20?",
        "How many?",
        "What happens on errors?",
    ],
)
def test_another_question(question: str) -> None:
    assert parse_setting_query(question) is None
