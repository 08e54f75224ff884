"""Messages in any order become turns that a format can render, and no word is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.types import Fim, Message, Segment
from prompts.formats import FORMATS
from prompts.passthrough import Conversation, chat_prompt, conversation, fim_prompt, raw_prompt, without_notes

ROLES = {"s": "system", "u": "user", "a": "assistant"}


def messages_of(*words: str) -> list[Message]:
    """`u:Hello` is a message of the user."""
    return [Message(ROLES[word[0]], word[2:]) for word in words]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("messages", "turns"),
    [
        (messages_of("u:Q"), Conversation("", (), "Q")),
        (messages_of("s:S", "u:Q1", "a:A1", "u:Q2"), Conversation("S", (("Q1", "A1"),), "Q2")),
        (messages_of("s:S1", "s:S2", "u:a", "u:b"), Conversation("S1\n\nS2", (), "a\n\nb")),
        (messages_of("u:Q1", "a:A1", "s:late", "u:Q2"), Conversation("", (("Q1", "A1"),), "late\n\nQ2")),
        (messages_of("a:Hello!", "u:Q"), Conversation("", (("", "Hello!"),), "Q")),
        (messages_of("u:Q", "a:def "), Conversation("", (), "Q", answer_start="def ")),
        (messages_of("s:Summarise."), Conversation("Summarise.", (), "")),
        ([], Conversation("", (), "")),
    ],
)
def test_turns(messages: list[Message], turns: Conversation) -> None:
    assert conversation(messages) == turns


@given(st.lists(st.sampled_from(["s:x", "u:x", "a:x"]), max_size=12))
def test_no_word_is_lost(words: list[str]) -> None:
    turns = conversation(messages_of(*(f"{word}{n};" for n, word in enumerate(words))))
    prompt = chat_prompt(FORMATS["phi3"], turns)
    for text in (prompt.text, "".join(message.content for message in prompt.messages)):
        places = [text.index(f"x{n};") for n in range(len(words))]
        assert places == sorted(places)


DATE, SKILL = "u:<environment_context>\n  <date>today</date>\n</environment_context>", "u:<skill>Review.</skill>\n"
RULES = "u:# AGENTS.md instructions for /code\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>"


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["s:S", RULES, DATE, "u:Q"], ["u:Q"]),
        ([f"{RULES}\n{DATE[2:]}", "u:Q"], ["u:Q"]),
        (["u:Q", SKILL, "s:reminder"], ["u:Q"]),
        ([DATE, "u:Q1", "a:A1", "s:mode", DATE, "u:Q2"], ["u:Q1", "a:A1", "u:Q2"]),
        (["u:Traceback: ...", "u:Why?"], ["u:Traceback: ...", "u:Why?"]),
        (["u:<b>Why</b> is <i>x</i> empty?", "u:<p>no end"], ["u:<b>Why</b> is <i>x</i> empty?", "u:<p>no end"]),
        (["u:Q1", "a:A1", "a:<b>A2</b>", "u:Q2"], ["u:Q1", "a:A1", "a:<b>A2</b>", "u:Q2"]),
        ([SKILL], [SKILL]),
        ([], []),
    ],
)
def test_notes_of_an_agent_are_no_questions(words: list[str], kept: list[str]) -> None:
    assert without_notes(messages_of(*words)) == messages_of(*kept)


def test_a_prompt_is_in_the_models_own_format_and_out_as_messages() -> None:
    prompt = chat_prompt(FORMATS["phi3"], conversation(messages_of("s:S", "u:Q1", "a:A1", "u:Q2")))
    assert prompt.text == (
        "<|system|>\nS<|end|>\n<|user|>\nQ1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nQ2<|end|>\n<|assistant|>\n"
    )
    assert prompt.messages == tuple(messages_of("s:S", "u:Q1", "a:A1", "u:Q2"))
    assert (prompt.question, prompt.stop) == ("Q2", FORMATS["phi3"].stop)


def test_an_answer_that_has_a_beginning_is_continued() -> None:
    prompt = chat_prompt(FORMATS["codellama"], conversation(messages_of("u:Q", "a:Sure:")))
    assert prompt.text == "[INST] Q [/INST] Sure:"
    assert prompt.segments[-1] == Segment("Sure:", parse_special=False, from_model=True)


def test_raw_text_may_hold_control_tokens_and_code_to_be_filled_may_not() -> None:
    fim = Fim("<PRE>", "<SUF>", "<MID>")
    assert raw_prompt("<PRE>a<SUF>b<MID>").segments == (Segment("<PRE>a<SUF>b<MID>", parse_special=True),)
    prompt = fim_prompt(fim, "a <MID>", "")
    assert prompt.segments == (
        Segment("<PRE>", True),
        Segment("a <MID>", False),
        Segment("<SUF>", True),
        Segment("<MID>", True),
    )
    assert prompt.messages == ()
