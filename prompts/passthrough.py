"""A client's own conversation as a prompt: its roles put into the turns that formats know, nothing added to its words.

Knows no retrieval and no system prompt of ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from models.types import Fim, Message, Prompt, Segment
from prompts.formats import ChatFormat, content, render


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said, in turns."""

    system: str
    exchanges: tuple[tuple[str, str], ...]  # user, answer
    question: str  # the open user message
    begun: str = ""  # the beginning of the answer, where the client gives one to be continued


def conversation(messages: Sequence[Message]) -> Conversation:
    """Messages of any order, in turns. Neighbours of one role become one message.

    A system message behind the head is read as the user's: moved to the head it would change what stands before all
    that was already read.
    """
    head = list(takewhile(lambda message: message.role == "system", messages))
    rest = [replace(message, role="user") if message.role == "system" else message for message in messages[len(head) :]]
    turns = [(role, _joined(group)) for role, group in groupby(rest, key=lambda message: message.role)]
    if not turns or turns[0][0] == "assistant":
        turns.insert(0, ("user", ""))
    begun = turns.pop()[1] if turns[-1][0] == "assistant" else ""
    texts = [text for _, text in turns]
    return Conversation(_joined(head), tuple(zip(texts[:-1:2], texts[1::2], strict=True)), texts[-1], begun)


def chat_prompt(chat: ChatFormat, told: Conversation) -> Prompt:
    """The conversation in the model's own format, open for the answer or in the middle of the one that was begun."""
    segments = render(chat, told.system, told.exchanges, told.question)
    begun = (Segment(chat.answer_lead, parse_special=True), *content(chat, told.begun, said=True)) if told.begun else ()
    said = [message for pair in told.exchanges for message in (Message("user", pair[0]), Message("assistant", pair[1]))]
    messages = [Message("system", told.system), *said, Message("user", told.question), Message("assistant", told.begun)]
    return Prompt(
        segments=(*segments, *(segment for segment in begun if segment.text)),
        question=told.question,
        stop=chat.stop,
        is_continuation=bool(told.begun),
        messages=tuple(message for message in messages if message.content),
    )


def raw_prompt(text: str) -> Prompt:
    """Text that a client has rendered itself: its markup may become control tokens, or none of it would work."""
    return Prompt((Segment(text, parse_special=True),), question=text, is_continuation=True)


def fim_prompt(fim: Fim, prefix: str, suffix: str) -> Prompt:
    """What is missing between two pieces of code; neither of them can make a control token."""
    segments = (
        Segment(fim.prefix, parse_special=True),
        Segment(prefix, parse_special=False),
        Segment(fim.suffix, parse_special=True),
        Segment(suffix, parse_special=False),
        Segment(fim.middle, parse_special=True),
    )
    return Prompt(tuple(segment for segment in segments if segment.text), question=prefix, is_continuation=True)


def _joined(messages: Iterable[Message]) -> str:
    return "\n\n".join(message.content for message in messages if message.content)
