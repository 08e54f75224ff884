"""Segments to tokens, against llama.cpp's own tokenizer on all three vocabularies."""

from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from models.llama.worker.encoding import encode
from models.llama.worker.vocabulary import Vocabulary
from models.types import Segment
from tests.models.conftest import Llama
from tests.tiny_gguf import PHI3, golden

pytestmark = pytest.mark.process

CODE = [path.read_text() for path in sorted(Path("models").rglob("*.py"))][:6]

# What the three templates write: before the first question, after a question, before an answer, after an answer.
SCAFFOLDS = {
    "phi3-mini": ("<|system|>\nBe brief.<|end|>\n<|user|>\n", "<|end|>\n<|assistant|>\n", "", "<|end|>\n<|user|>\n"),
    "codellama-7b": ("[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n", " [/INST]", " ", " </s><s>[INST] "),
    "llama3.1-8b": (
        "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
    ),
}

# SentencePiece writes a space as U+2581 and cannot tell the two apart.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581\x00"), max_size=40)
words = texts.filter(lambda text: text.strip() == text != "")


def template(text: str) -> Segment:
    return Segment(text, True)


def content(text: str) -> Segment:
    return Segment(text, False)


def conversation(llama: Llama, first: str, *others: str) -> tuple[Segment, ...]:
    """Question, answer, question, ... up to where the next answer begins; an odd number of texts."""
    opening, after_user, lead, after_answer = SCAFFOLDS[llama.tiny.model]
    segments = [template(opening), content(first), template(after_user)]
    for answer, question in zip(others[::2], others[1::2], strict=True):
        segments += [template(lead), content(answer), template(after_answer), content(question), template(after_user)]
    return tuple(segments)


def test_golden_texts_have_the_golden_tokens(llama: Llama) -> None:
    pairs = golden(llama.tiny)
    assert len(pairs) > 40
    for text, tokens in pairs:
        assert encode(llama.vocabulary, [content(text)]) == [llama.vocabulary.bos, *tokens]


@pytest.mark.parametrize("code", CODE, ids=range(len(CODE)))
def test_a_prompt_around_real_code_is_tokenised_as_llama_cpp_does_the_whole(llama: Llama, code: str) -> None:
    segments = conversation(llama, f"What does this do?\n```python\n{code}```", "It counts.", "Where?")
    whole = "".join(segment.text for segment in segments)
    assert encode(llama.vocabulary, segments) == llama.whole(whole)


@given(question=texts, answer=texts, again=texts)
@example(question="   indented", answer="\n\n", again=" ")
@settings(max_examples=60)
def test_harmless_content_is_tokenised_as_llama_cpp_does_the_whole(
    llama: Llama, question: str, answer: str, again: str
) -> None:
    segments = conversation(llama, question, answer, again)
    assume(not any(text in question + answer + again for text in llama.vocabulary.specials))
    assert encode(llama.vocabulary, segments) == llama.whole("".join(segment.text for segment in segments))


def test_no_control_text_in_content_becomes_a_control_token(llama: Llama) -> None:
    vocabulary = llama.vocabulary
    ours = [token for token in encode(vocabulary, conversation(llama, "a", "b", "c")) if token in vocabulary.controls]
    for text in vocabulary.specials:
        segments = conversation(llama, f"a {text} b{text}", f"{text}\n", text)
        found = [token for token in encode(vocabulary, segments) if token in vocabulary.controls]
        assert found == ours, text


@given(data=st.data())
@settings(max_examples=60)
def test_content_of_any_control_texts_stays_the_text_it_is(llama: Llama, data: st.DataObject) -> None:
    vocabulary = llama.vocabulary
    specials = st.sampled_from(sorted(vocabulary.specials))
    text = "".join(data.draw(st.lists(st.one_of(specials, texts), min_size=1, max_size=6)))
    tokens = encode(vocabulary, [content(text)])[1:]
    assert vocabulary.controls.isdisjoint(tokens)
    assert llama.text(tokens) == text


@given(question=words, answer=words, again=words)
@settings(max_examples=60)
def test_a_longer_conversation_begins_with_the_tokens_of_the_shorter(
    llama: Llama, question: str, answer: str, again: str
) -> None:
    short = encode(llama.vocabulary, conversation(llama, question))
    long = encode(llama.vocabulary, conversation(llama, question, answer, again))
    assert long[: len(short)] == short


@given(parts=st.lists(texts, min_size=2, max_size=4))
@settings(max_examples=60)
def test_neighbouring_content_is_not_merged_and_nothing_comes_between(llama: Llama, parts: list[str]) -> None:
    vocabulary = llama.vocabulary
    apart = encode(vocabulary, [content(part) for part in parts])[1:]
    assert llama.text(apart) == "".join(parts)
    solid = [part for part in parts if part]
    if solid:
        assert apart == vocabulary.tokenize(solid[0]) + [
            t for p in solid[1:] for t in vocabulary.tokenize_continuation(p)
        ]


def test_a_marker_cut_in_two_has_other_tokens_than_the_marker(llama: Llama) -> None:
    marker = encode(llama.vocabulary, [template("x [INST] y")])
    forged = encode(llama.vocabulary, [content("x [I"), content("NST] y")])
    inner = llama.vocabulary.tokenize("[INST]")[1:]
    assert "".join(map(chr, inner)) in "".join(map(chr, marker))
    assert "".join(map(chr, inner)) not in "".join(map(chr, forged))


def test_bos_comes_once_whether_or_not_the_template_brings_it(llama: Llama) -> None:
    bos = llama.vocabulary.bos
    for segments in ([template(llama.vocabulary.text(bos)), content("x")], [content("x")], [template("x")], []):
        tokens = encode(llama.vocabulary, segments)
        assert tokens[0] == bos
        assert tokens.count(bos) == 1


def test_phi3_swallows_white_space_after_its_turn_tokens() -> None:
    vocabulary = Vocabulary.load(PHI3.path, only_vocabulary=True)
    assert encode(vocabulary, [template("<|user|>\n"), content(" \n hi"), template("<|end|>\n")]) == [
        1, 32010, 7251, 32007,
    ]  # fmt: skip


def test_lone_surrogates_are_replaced(llama: Llama) -> None:
    assert encode(llama.vocabulary, [content("a\ud800b")]) == encode(llama.vocabulary, [content("a?b")])
