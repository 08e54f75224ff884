"""The chat formats: what stands between the contents of a conversation, as each model was trained to read it.

A conversation is always system, user, answer, user, answer, ..., user; a format is the five texts between them.
Knows no vocabulary: the engine turns template text into control tokens, and never content.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.types import Segment
from prompts.tools.syntax import ToolFormat


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The template text of one format. A BOS token is not part of it unless it recurs: the engine puts one in front."""

    opening: str  # before the system prompt
    after_system: str  # between the system prompt and the first user message
    after_user: str  # between a user message and the answer: what generation starts from
    answer_lead: str  # what the model itself writes before its answer and the engine strips
    after_answer: str  # between an answer and the next user message
    stop: tuple[str, ...] = ()  # texts that end an answer
    markers: tuple[str, ...] = ()  # template text that is no control token: content must not spell it
    # Before the first user message where there is no system prompt; None: as with a system prompt.
    opening_without_system: str | None = None
    tools: ToolFormat | None = None  # None: the model's template has no tools, or its calls have an unknown form


FORMATS: dict[str, ChatFormat] = {
    "phi3": ChatFormat(
        opening="<|system|>\n",
        after_system="<|end|>\n<|user|>\n",
        after_user="<|end|>\n<|assistant|>\n",
        answer_lead="",
        after_answer="<|end|>\n<|user|>\n",
        stop=("<|end|>", "<|user|>", "<|endoftext|>"),
        opening_without_system="<|user|>\n",
    ),
    "llama3": ChatFormat(
        opening="<|start_header_id|>system<|end_header_id|>\n\n",
        after_system="<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        after_user="<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        answer_lead="",
        after_answer="<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        stop=("<|eot_id|>", "<|end_of_text|>"),
        opening_without_system="<|start_header_id|>user<|end_header_id|>\n\n",
    ),
    "codellama": ChatFormat(
        opening="[INST] <<SYS>>\n",
        after_system="\n<</SYS>>\n\n",
        after_user=" [/INST]",
        answer_lead=" ",
        after_answer=" </s><s>[INST] ",
        stop=("</s>", "[INST]"),
        markers=("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
        opening_without_system="[INST] ",
    ),
    # For a file without a template of its own, and for engines that read plain text.
    "plain": ChatFormat(
        opening="",
        after_system="\n\nUser: ",
        after_user="\n\nAssistant:",
        answer_lead=" ",
        after_answer="\n\nUser: ",
        stop=("\nUser:",),
        markers=("\n\nUser:", "\n\nAssistant:"),
        opening_without_system="User: ",
    ),
}


def render(
    chat: ChatFormat, system: str, exchanges: Sequence[Sequence[str]], question: str, lead: str = ""
) -> tuple[Segment, ...]:
    """The whole conversation as segments: finished exchanges, then the open user message.

    An exchange is `(user, answer)`, or `(user, answer, lead)` where the model went on from a lead; `lead` is what the
    open answer begins with. Append-only by construction: every text depends only on what stands before it.
    """
    segments = list(beginning_of(chat, system))
    for user, answer, *before in exchanges:
        segments += content(chat, user)
        segments.append(Segment(chat.after_user, parse_special=True))
        segments += _answer(chat, answer, "".join(before))
        segments.append(Segment(chat.after_answer, parse_special=True))
    segments += content(chat, question)
    segments.append(Segment(chat.after_user, parse_special=True))
    segments += _begun(chat, lead) if lead else []
    return tuple(segment for segment in segments if segment.text)


def _answer(chat: ChatFormat, answer: str, lead: str) -> list[Segment]:
    if lead:
        return [*_begun(chat, lead), *content(chat, answer, from_model=True, follows_content=True)]
    return [Segment(chat.answer_lead, parse_special=True, from_model=True), *content(chat, answer, from_model=True)]


def _begun(chat: ChatFormat, lead: str) -> list[Segment]:
    """A lead is no text of the model: its tokens are those of the tokenizer."""
    return [Segment(chat.answer_lead, parse_special=True), *content(chat, lead)]


def beginning_of(chat: ChatFormat, system: str) -> tuple[Segment, ...]:
    """What every conversation with this system prompt begins with."""
    if chat.opening_without_system is not None and not system.strip():
        return (Segment(chat.opening_without_system, parse_special=True),)
    return (
        Segment(chat.opening, parse_special=True),
        *content(chat, system),
        Segment(chat.after_system, parse_special=True),
    )


def content(chat: ChatFormat, text: str, *, from_model: bool = False, follows_content: bool = False) -> list[Segment]:
    """`text` as content, cut inside every marker so that it cannot tokenise like template text.

    Outer white space goes: the tokens of the template text next to it must not depend on the content. Text that
    `follows_content` keeps the white space that it begins with.
    """
    return cut(chat, text.rstrip() if follows_content else text.strip(), from_model=from_model)


def cut(chat: ChatFormat, text: str, *, from_model: bool = False) -> list[Segment]:
    """`text` as content in pieces, none of which holds a marker; its white space stays."""
    if not chat.markers:
        return [Segment(text, parse_special=False, from_model=from_model)]
    anywhere = "|".join(re.escape(marker) for marker in chat.markers)
    cuts = [match.start() + 2 for match in re.finditer(anywhere, text)]
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return [Segment(piece, parse_special=False, from_model=from_model) for piece in pieces]
