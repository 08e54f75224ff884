"""A client's own conversation as a prompt: its messages as the turns of a chat format, with nothing added.

Knows no retrieval and no system prompt of Lantern.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from models.types import Fim, Message, Prompt, Segment
from prompts.formats import ChatFormat, content, render

# Elements of markup, one after another, as Codex sends them. Nothing is matched twice.
_NOTE = re.compile(r"(?>\s*(?:# AGENTS\.md [^\n]*\n\s*)?<([\w-]++)[^<>]*+>.*?</\1>)++\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in turns."""

    system: str
    exchanges: tuple[tuple[str, str], ...]  # user, answer
    question: str  # the open user message
    answer_start: str = ""  # the beginning of the answer, if the client gives one to be continued


def conversation(messages: Sequence[Message]) -> Conversation:
    """Messages of any order, in turns. Neighbours of one role become one message, calls and their results text."""
    head = list(takewhile(lambda message: message.role == "system", messages))
    rest = [_as_text(message) for message in messages[len(head) :]]
    turns = [(role, _joined(group)) for role, group in groupby(rest, key=lambda message: message.role)]
    if not turns or turns[0][0] == "assistant":
        turns.insert(0, ("user", ""))
    answer_start = turns.pop()[1] if turns[-1][0] == "assistant" else ""
    texts = [text for _, text in turns]
    return Conversation(_joined(head), tuple(zip(texts[:-1:2], texts[1::2], strict=True)), texts[-1], answer_start)


def without_notes(messages: Sequence[Message]) -> list[Message]:
    """The messages without the system's, and without the notes that an agent puts beside a question of its user.

    Notes are elements of markup: the date and the folder, the rules of the project, a skill. A search with their words
    would find other code.
    """
    of_both = (message for message in messages if message.role != "system")
    kept: list[Message] = []
    for role, group in groupby(of_both, key=lambda message: message.role):
        neighbours = list(group)
        words = [message for message in neighbours if role != "user" or not _NOTE.fullmatch(message.content)]
        kept += words or neighbours
    return kept


def in_order(messages: Sequence[Message]) -> list[Message]:
    """Messages with one system message at the head, and a user's neighbours as one message. At least one is left."""
    head = list(takewhile(lambda message: message.role == "system", messages))
    rest = [replace(message, role="user") if message.role == "system" else message for message in messages[len(head) :]]
    turns = [Message("system", _joined(head))] if head else []
    for message in rest or [Message("user", "")]:
        if message.role == "user" and turns and turns[-1].role == "user":
            turns[-1] = replace(turns[-1], content=_joined([turns[-1], message]))
        else:
            turns.append(message)
    return turns


def _as_text(message: Message) -> Message:
    """A message in a role that every format has.

    A system message after the head becomes a user message: moved to the head it would change the prefix of all that
    has been evaluated.
    """
    calls = (f"{call.name}({call.arguments})" for call in message.calls)
    text = "\n".join(filter(None, (message.content, *calls)))
    return Message("assistant" if message.role == "assistant" else "user", text)


def chat_prompt(chat: ChatFormat, turns: Conversation) -> Prompt:
    """The conversation in the model's own format, open for an answer or inside the one that is to be continued."""
    segments = list(render(chat, turns.system, turns.exchanges, turns.question))
    if turns.answer_start:
        segments += [Segment(chat.answer_lead, parse_special=True), *content(chat, turns.answer_start, from_model=True)]
    messages = [Message("system", turns.system)]
    for user, answer in turns.exchanges:
        messages += [Message("user", user), Message("assistant", answer)]
    messages += [Message("user", turns.question), Message("assistant", turns.answer_start)]
    return Prompt(
        segments=tuple(segment for segment in segments if segment.text),
        question=turns.question,
        stop=chat.stop,
        is_continuation=bool(turns.answer_start),
        messages=tuple(message for message in messages if message.content),
    )


def raw_prompt(text: str) -> Prompt:
    """Text that a client has rendered itself: its markup becomes control tokens."""
    return Prompt((Segment(text, parse_special=True),), question=text, is_continuation=True)


def fim_prompt(fim: Fim, prefix: str, suffix: str, others: Sequence[tuple[str, str]] = (), middle: str = "") -> Prompt:
    """Fill in the middle between two pieces of code; no piece can make a control token.

    `others` are pieces of other files, each with its path, as Qwen2.5-Coder's report (section 3.2) puts them before
    the file. `middle` is the beginning of what is to be filled in.
    """
    segments: list[Segment] = []
    if others and fim.file:
        segments += [Segment(f"{fim.repository}project\n" if fim.repository else "", parse_special=True)]
        for path, text in (*others, ("file", "")):
            segments += [Segment(fim.file, parse_special=True), Segment(f"{path}\n{text}", parse_special=False)]
            segments += [Segment("\n", parse_special=True)] if text and not text.endswith("\n") else []
    segments += [
        Segment(fim.prefix, parse_special=True),
        Segment(prefix, parse_special=False),
        Segment(fim.suffix, parse_special=True),
        Segment(suffix, parse_special=False),
        Segment(fim.middle, parse_special=True),
        Segment(middle, parse_special=False),
    ]
    return Prompt(tuple(segment for segment in segments if segment.text), question=prefix, is_continuation=True)


def _joined(messages: Iterable[Message]) -> str:
    return "\n\n".join(message.content for message in messages if message.content)
