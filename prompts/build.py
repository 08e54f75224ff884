"""The prompt builder: one prompt from a conversation and what was found; pure, append-only, never over its limit.

The path: fixed parts -> as much history as the limit allows, whole exchanges, oldest dropped first and several
at a time -> snippets, best first, while they fit -> one count of the rendered whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.types import Hit
from models.types import Message, Prompt, Segment
from prompts.errors import QuestionTooLarge
from prompts.formats import ChatFormat, render
from prompts.snippets import Place, Snippet, evidence, number, place, user_message

CountTokens = Callable[[tuple[Segment, ...]], int]

# Once history has to give way it gives way to half of the limit, so that the next turns append again
# instead of every turn dropping one exchange and re-reading all the others.
HISTORY_AFTER_DROP = 0.5


@dataclass(frozen=True, slots=True)
class Exchange:
    """A finished turn as the model saw it."""

    user: str  # the whole user message, snippets included
    answer: str
    shown: tuple[tuple[int, Place], ...]  # what the user message showed in full, under which numbers


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """A prompt and what has to be remembered of it for the next turn."""

    prompt: Prompt
    user: str  # the last user message as rendered
    snippets: tuple[Snippet, ...]  # what the prompt really holds, best first
    dropped: int  # oldest exchanges of the given history that are not in it
    tokens: int


def build_prompt(
    *,
    chat: ChatFormat,
    system: str,
    history: Sequence[Exchange],
    hits: Sequence[Hit],
    question: str,
    count: CountTokens,
    limit: int,
    first_number: int = 1,
    is_answered: bool = True,
) -> BuiltPrompt:
    """Builds the prompt of one turn so that it keeps within the context window: at most `limit` tokens.

    History gives way first, whole exchanges from the oldest; then snippets are taken, best first, while they fit.
    `first_number` is the number of the first snippet that the conversation has not shown before; `is_answered` False
    says that the hits are no nearer to the question than chance.
    Raises `QuestionTooLarge` when system prompt and question alone exceed the limit.
    """

    def tokens(kept: Sequence[Exchange], snippets: Sequence[Snippet]) -> int:
        return count(segments(kept, snippets))

    def segments(kept: Sequence[Exchange], snippets: Sequence[Snippet]) -> tuple[Segment, ...]:
        past = [(exchange.user, exchange.answer) for exchange in kept]
        return render(chat, system, past, user_message(snippets, question, is_answered))

    bare = tokens([], [])
    if bare > limit:
        raise QuestionTooLarge(bare, limit)
    kept = _fitting_history(history, lambda exchanges: tokens(exchanges, []), limit)
    snippets = _fitting_snippets(kept, hits, first_number, lambda chosen: tokens(kept, chosen), limit)
    rendered = segments(kept, snippets)
    user = user_message(snippets, question, is_answered)
    prompt = Prompt(
        segments=rendered,
        question=question,
        messages=_messages(system, kept, user),
        evidence=tuple(evidence(snippet) for snippet in snippets),
        is_answered=is_answered,
        stop=chat.stop,
    )
    return BuiltPrompt(
        prompt,
        user,
        tuple(snippets),
        len(history) - len(kept),
        count(rendered),
    )


def _messages(system: str, kept: Sequence[Exchange], user: str) -> tuple[Message, ...]:
    said = [(Message("user", exchange.user), Message("assistant", exchange.answer)) for exchange in kept]
    return (Message("system", system), *(message for pair in said for message in pair), Message("user", user))


def _fitting_history(
    history: Sequence[Exchange], tokens: Callable[[Sequence[Exchange]], int], limit: int
) -> Sequence[Exchange]:
    """All of the history while three quarters of the limit hold it, else its newest exchanges."""
    if tokens(history) <= limit * 3 // 4:
        return history
    room = int(limit * HISTORY_AFTER_DROP)
    for start in range(1, len(history)):
        if tokens(history[start:]) <= room:
            return history[start:]
    return []


def _fitting_snippets(
    kept: Sequence[Exchange],
    hits: Sequence[Hit],
    first_number: int,
    tokens: Callable[[Sequence[Snippet]], int],
    limit: int,
) -> list[Snippet]:
    """The longest list of best hits that fits; a hit too large for what is left makes way for smaller ones."""
    shown = {where: n for exchange in kept for n, where in exchange.shown}
    chosen: list[Hit] = []
    for hit in hits:
        if any(place(hit) == place(other) for other in chosen):
            continue
        if tokens(number([*chosen, hit], shown, first_number)) <= limit:
            chosen.append(hit)
    return number(chosen, shown, first_number)
