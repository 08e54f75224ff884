"""The prompt builder: one prompt from a conversation and what was found; pure, append-only, never over its limit.

The path: fixed parts -> as much history as the limit allows, whole exchanges, oldest dropped first and several
at a time -> the best evidence that fits the limit and the budget -> one count of the rendered whole.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from indexer.types import Hit
from models.types import Message, Prompt, Segment
from prompts.errors import QuestionTooLarge
from prompts.formats import ChatFormat, render
from prompts.pack import pack
from prompts.snippets import Piece, Place, Snippet, evidence, fenced, frame, number, place, user_message
from prompts.task import task

CountTokens = Callable[[tuple[Segment, ...]], int]
Budget = Callable[[tuple[Segment, ...], int], int]  # segments and their tokens -> tokens

# Once history has to give way it gives way to half of the limit, so that the next turns append again
# instead of every turn dropping one exchange and re-reading all the others.
HISTORY_AFTER_DROP = 0.5
FLOOR = 128  # tokens of evidence that a budget never takes away: an answer needs something
BEST = 2  # places that a budget does not cut either, as far as they need no more than
BEST_TOKENS = 800
_ANY = 99  # a number as long as most
_REFERENCE = 6  # tokens of a number that refers to what was shown before, at most


@dataclass(frozen=True, slots=True)
class Exchange:
    """A finished turn as the model saw it."""

    user: str  # the whole user message, snippets included
    answer: str  # as the model wrote it
    shown: tuple[tuple[int, Place], ...]  # what the user message showed in full, under which numbers
    lead: str = ""  # what stood before the model's own words


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """A prompt and what has to be remembered of it for the next turn."""

    prompt: Prompt
    user: str  # the last user message as rendered
    snippets: tuple[Snippet, ...]  # what the prompt really holds, best first
    dropped: int  # oldest exchanges of the given history that are not in it
    tokens: int
    is_excerpt: bool  # it has less code than its best places need


@dataclass(frozen=True, slots=True)
class _Layout:
    """What every attempt at a prompt has in common; how much history and code it holds is still open."""

    chat: ChatFormat
    system: str
    question: str
    is_answered: bool
    lead: str

    def user(self, snippets: Sequence[Snippet]) -> str:
        return user_message(snippets, self.question, self.is_answered, task(self.question))

    def segments(self, kept: Sequence[Exchange] = (), snippets: Sequence[Snippet] = ()) -> tuple[Segment, ...]:
        past = [(exchange.user, exchange.answer, exchange.lead) for exchange in kept]
        return render(self.chat, self.system, past, self.user(snippets), self.lead)

    def prompt(self, kept: Sequence[Exchange], snippets: Sequence[Snippet]) -> Prompt:
        return Prompt(
            segments=self.segments(kept, snippets),
            question=self.question,
            messages=_messages(self.system, kept, self.user(snippets), self.lead),
            evidence=tuple(evidence(snippet) for snippet in snippets),
            is_answered=self.is_answered,
            stop=self.chat.stop,
            is_continuation=bool(self.lead),
        )


def build_prompt(
    *,
    chat: ChatFormat,
    system: str,
    history: Sequence[Exchange],
    hits: Sequence[Hit],
    question: str,
    count: CountTokens,
    limit: int,
    budget: Budget | None = None,
    given: Sequence[Hit] = (),
    first_number: int = 1,
    is_answered: bool = True,
    lead: str = "",
) -> BuiltPrompt:
    """Builds the prompt of one turn so that it keeps within the context window: at most `limit` tokens.

    History gives way first, whole exchanges from the oldest. `given` is what the user attached or `lead` speaks of:
    each whole, as far as the limit allows. Then the best of `hits` (see `pack`), as far as the budget allows too:
    `budget` tells from the prompt without any code how many tokens the whole may have; the best `BEST` places may have
    what they need in any case. `first_number` is the number of the first snippet that the conversation has not shown
    before; `is_answered` False says that the hits are no nearer to the question than chance; `lead` is what the answer
    begins with.
    Raises `QuestionTooLarge` when system prompt and question alone exceed the limit.
    """
    layout = _Layout(chat, system, question, is_answered, lead)
    bare = count(layout.segments())
    if bare > limit:
        raise QuestionTooLarge(bare, limit)
    kept = _fitting_history(history, lambda exchanges: count(layout.segments(exchanges)), limit)
    shown = {where: n for exchange in kept for n, where in exchange.shown}
    without = layout.segments(kept)
    around = frame(is_answered, task(question))
    tokens = count(without) if kept else bare
    used = tokens + count((Segment(around, parse_special=False),))
    allowed = budget(without, tokens) if budget else limit
    pieces, most = _code(given, hits, question, shown, _cost(count, shown), used, allowed, limit)
    snippets = number(pieces, shown, first_number)
    while (tokens := count(layout.segments(kept, snippets))) > most and snippets:
        snippets.pop()  # what the pieces cost together is an estimate
    prompt = layout.prompt(kept, snippets)
    is_cut = len(snippets) < min(BEST, len(given) + len(hits))
    return BuiltPrompt(prompt, layout.user(snippets), tuple(snippets), len(history) - len(kept), tokens, is_cut)


def _code(
    given: Sequence[Hit],
    hits: Sequence[Hit],
    question: str,
    shown: Mapping[Place, int],
    cost: Callable[[Piece], int],
    used: int,
    allowed: int,
    limit: int,
) -> tuple[list[Piece], int]:
    """The code for a prompt that has `used` tokens without it, and the most tokens that the prompt may have with it."""
    pieces = [Piece(hit) for hit in given]
    used += sum(map(cost, pieces))
    best = sum(cost(Piece(hit)) for hit in hits[: max(0, BEST - len(given))])
    most = min(limit, max(allowed, used + max(FLOOR, min(best, BEST_TOKENS))))
    return pieces + pack(hits, question, most - used, cost, shown), most


def _messages(system: str, kept: Sequence[Exchange], user: str, lead: str) -> tuple[Message, ...]:
    past = [(Message("user", one.user), Message("assistant", one.lead + one.answer)) for one in kept]
    begun = (Message("assistant", lead),) if lead else ()
    return (Message("system", system), *(message for pair in past for message in pair), Message("user", user), *begun)


def _fitting_history(
    history: Sequence[Exchange], tokens: Callable[[Sequence[Exchange]], int], limit: int
) -> Sequence[Exchange]:
    """All of the history while three quarters of the limit hold it, else its newest exchanges."""
    if not history or tokens(history) <= limit * 3 // 4:
        return history
    room = int(limit * HISTORY_AFTER_DROP)
    starts = range(1, len(history))
    return history[1 + bisect_left(starts, True, key=lambda start: tokens(history[start:]) <= room) :]


def _cost(count: CountTokens, shown: Mapping[Place, int]) -> Callable[[Piece], int]:
    """About the tokens of a piece in a user message. The first form of a hit is counted, others go by their length:
    counting may be a question to another process.
    """
    per_character: dict[tuple[str, int], float] = {}

    def cost(piece: Piece) -> int:
        if place(piece.hit) in shown:
            return _REFERENCE
        text = fenced(Snippet(_ANY, piece.hit, False, piece.is_excerpt)) + "\n\n"
        key = piece.hit.path, piece.hit.chunk_id
        if key not in per_character:
            per_character[key] = count((Segment(text, parse_special=False),)) / len(text)
        return math.ceil(len(text) * per_character[key])

    return cost
