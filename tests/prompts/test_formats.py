"""The formats, written out in full, and the promises of segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.formats import FORMATS, content, render

WRITTEN_OUT = {
    "phi3": (
        "<|system|>\nS<|end|>\n<|user|>\nQ1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nQ2<|end|>\n<|assistant|>\n"
    ),
    "llama3": (
        "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nQ1<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nQ2<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "codellama": "[INST] <<SYS>>\nS\n<</SYS>>\n\nQ1 [/INST] A1 </s><s>[INST] Q2 [/INST]",
    "plain": "S\n\nUser: Q1\n\nAssistant: A1\n\nUser: Q2\n\nAssistant:",
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_conversation_is_written_as_the_model_was_trained(name: str) -> None:
    segments = render(FORMATS[name], "S", [("Q1", "A1")], "Q2")
    assert "".join(segment.text for segment in segments) == WRITTEN_OUT[name]
    assert [segment.text for segment in segments if not segment.parse_special] == ["S", "Q1", "A1", "Q2"]


WITHOUT_SYSTEM = {
    "phi3": "<|user|>\nQ<|end|>\n<|assistant|>\n",
    "llama3": (
        "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "codellama": "[INST] Q [/INST]",
    "plain": "User: Q\n\nAssistant:",
}


@pytest.mark.parametrize("name", FORMATS)
def test_no_system_prompt_leaves_no_empty_one(name: str) -> None:
    assert "".join(segment.text for segment in render(FORMATS[name], " ", [], "Q")) == WITHOUT_SYSTEM[name]


@pytest.mark.parametrize("name", FORMATS)
@given(texts=st.lists(st.text(min_size=1), min_size=4, max_size=8))
def test_a_longer_conversation_starts_with_the_shorter_one(name: str, texts: list[str]) -> None:
    chat, system, *messages = FORMATS[name], *texts
    pairs = list(zip(messages[::2], messages[1::2], strict=False))
    shorter = render(chat, system, pairs[:-1], pairs[-1][0])
    longer = render(chat, system, pairs, "next")
    text = "".join(segment.text for segment in shorter)
    assert "".join(segment.text for segment in longer).startswith(text)


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
def test_content_never_spells_a_marker_in_one_segment(name: str, data: st.DataObject) -> None:
    chat = FORMATS[name]
    piece = st.one_of(st.sampled_from([*chat.markers, *chat.stop, "x", " ", "\n"]), st.text(max_size=3))
    text = "".join(data.draw(st.lists(piece, max_size=8)))
    segments = content(chat, text)
    assert "".join(segment.text for segment in segments) == text.strip()
    assert not any(segment.parse_special for segment in segments)
    assert not any(marker in segment.text for marker in chat.markers for segment in segments)
