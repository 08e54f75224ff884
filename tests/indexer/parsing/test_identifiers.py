"""Terms: identifiers as a whole and split into words, lightly stemmed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.parsing.identifiers import action, content_words, is_identifier, query_terms, split, stem, word_parts


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("parseHTTPResponse", ["parsehttpresponse", "pars", "http", "respons"]),
        ("snake_case_name", ["snake_case_name", "snak", "case", "name"]),
        ("_private", ["privat"]),
        ("utf8", ["utf8", "utf", "8"]),
        ("MAX_VALUE", ["max_value", "max", "valu"]),
        ("x = 1", ["x", "1"]),
        ("größe Δx", ["größe", "δx"]),
        ("übergabe_buchen", ["übergabe_buchen", "übergabe", "buchen"]),
        ("HTTPÜbertragung", ["httpübertragung", "http", "übertragung"]),
        ("утилитаДляСборки", ["утилитадлясборки", "утилита", "для", "сборки"]),
        ("cafe\u0301", ["café"]),
        ("登録メール", ["登録", "録メ", "メー", "ール"]),
        ("計算", ["計算"]),
        ("猫", ["猫"]),
        ("재고가 없다", ["재고", "고가", "없다"]),
        ("HTTPエラー", ["httpエラー", "http", "エラ", "ラー"]),
        ("計" * 65, ["計計"] * 64),
        ("a" * 65, []),
        ("", []),
    ],
)
def test_split(text: str, terms: list[str]) -> None:
    assert split(text) == terms


@pytest.mark.parametrize(
    ("words", "shared"),
    [
        (("parse", "parses", "parsed", "parsing"), "pars"),
        (("query", "queries"), "query"),
        (("run", "runs", "running"), "run"),
        (("call", "calls", "called", "calling"), "call"),
        (("cache", "caches", "cached", "caching"), "cach"),
        (("class", "classes"), "class"),
        (("token", "tokens"), "token"),
    ],
)
def test_forms_of_a_word_share_a_stem(words: tuple[str, ...], shared: str) -> None:
    assert {stem(word) for word in words} == {shared}


def test_words_are_split_at_case_and_underscores_as_they_are_written() -> None:
    assert word_parts("parseHTTPHeaders of split_2parts.") == ["parse", "HTTP", "Headers", "of", "split", "2", "parts"]


@pytest.mark.parametrize(
    ("noun", "verb"),
    [
        ("builder", "build"),
        ("parser", "pars"),
        ("formatter", "format"),
        ("iterator", "iterat"),
        ("user", "user"),
        ("x", "x"),
    ],
)
def test_the_verb_of_an_agent_noun(noun: str, verb: str) -> None:
    assert action(noun) == verb


@pytest.mark.parametrize("word", ["bus", "this", "string", "red", "class", "status", "is"])
def test_letters_that_only_look_like_an_ending_stay(word: str) -> None:
    assert stem(word) == word


def test_words_of_scripts_without_spaces_are_pairs_of_characters() -> None:
    assert content_words("退款金额 in refund.py") == ["退款", "款金", "金额", "refund", "py"]
    assert word_parts("größteÄhre 計算") == ["größte", "Ähre", "計算"]
    assert query_terms("who sends the 登録メール?") == ["send", "登録", "録メ", "メー", "ール"]


def test_stop_words_are_left_out_unless_there_are_no_others() -> None:
    assert query_terms("Where is the build_prompt function used?") == ["build_prompt", "build", "prompt", "function"]
    assert query_terms("what is it") == ["what", "is", "it"]
    assert content_words("How does the Scanner skip files?") == ["Scanner", "skip", "files"]


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("build_prompt", True),
        ("HTTPError", True),
        ("camelCase", True),
        ("Scanner", False),
        ("v", False),
        ("登録メール", False),
        ("größeNeu", True),
    ],
)
def test_is_identifier(word: str, verdict: bool) -> None:
    assert is_identifier(word) is verdict


@given(st.text())
def test_terms_are_word_characters_only_so_that_they_can_be_quoted_in_a_query(text: str) -> None:
    for term in split(text):
        assert term == term.lower()
        assert '"' not in term
        assert " " not in term
        assert term
