"""Counting tokens of a model that is not loaded, against the golden tokens of llama.cpp."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelError
from models.llama.token_count import counter, encoding
from tests.models.conftest import Llama
from tests.tiny_gguf import ALL, CODELLAMA, LLAMA3, PHI3, Tiny, golden

LLAMA3_ENCODING = encoding(LLAMA3.vocabulary_path)


def test_golden_texts_have_the_golden_tokens() -> None:
    pairs = golden(LLAMA3)
    assert len(pairs) > 40
    for text, tokens in pairs:
        assert LLAMA3_ENCODING.encode_ordinary(text) == tokens


@given(text=st.text(max_size=60))
def test_every_text_comes_back(text: str) -> None:
    assert LLAMA3_ENCODING.decode(LLAMA3_ENCODING.encode_ordinary(text)) == text


def test_control_tokens_are_special_and_plain_in_ordinary_text() -> None:
    assert LLAMA3_ENCODING.encode("<|eot_id|>", allowed_special="all") == [128009]
    assert max(LLAMA3_ENCODING.encode_ordinary("<|eot_id|>")) < 128000


@pytest.mark.parametrize("tiny", [PHI3, CODELLAMA], ids=lambda tiny: tiny.model)
def test_a_sentencepiece_vocabulary_cannot_be_expressed(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match=r"spm vocabulary .* which tiktoken cannot express"):
        encoding(tiny.path)


@pytest.mark.parametrize("tiny", ALL, ids=lambda tiny: tiny.model)
def test_counts_are_those_of_the_golden_tokens(tiny: Tiny) -> None:
    count = counter(tiny.vocabulary_path)
    assert [count(text) for text, _ in golden(tiny)] == [len(tokens) for _, tokens in golden(tiny)]


def test_counts_are_those_of_the_loaded_model(llama: Llama) -> None:
    code = "".join(f"def f{n}(x):\n    return x ** {n}  # ünïcode 🦙\n\n" for n in range(50))
    assert counter(llama.tiny.path)(code) == len(llama.vocabulary.tokenize(code))
