"""How text is split, and which pieces are in the vocabulary."""

from collections import Counter

from indexer.training.vocabulary import minilm_tokenizer, pieces_of, tokenizer_of, words_of


def test_names_are_split_as_programmers_split_them() -> None:
    pieces = ["parse", "http", "response", "2", "snake", "case", "token", "##izer"]
    found = tokenizer_of(pieces).encode("parseHTTPResponse2(snake_case) -> Tokenizer[zebra]")
    assert found.tokens == ["parse", "http", "response", "2", "snake", "case", "token", "##izer", "[UNK]"]


def test_words_are_counted_as_the_tokenizer_splits_them() -> None:
    assert words_of(["readFile read_file", "READ2"]) == Counter({"read": 3, "file": 2, "2": 1})


def test_frequent_words_become_pieces() -> None:
    words = Counter({"kwargs": 50, "parse": 40, "zyxwv": 1})
    pieces = pieces_of(words, minilm_tokenizer(), 76)
    assert pieces[:2] == ["a", "b"]
    assert "##9" in pieces[:72]
    assert pieces[72:] == ["##gs", "##war", "k", "kwargs"] or "kwargs" in pieces[72:]
