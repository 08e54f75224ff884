"""The prompt builder: one prompt from a conversation and what was found; pure, append-only, never over its limit.

Steps: fixed parts; as much history as the limit allows, whole exchanges, the oldest dropped first and several at a
time; the best code that fits the limit and the budget; one count of the rendered prompt.
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
from prompts.snippets import Piece, Place, Snippet, context_snippet, fenced, frame, number, place, user_message
from prompts.task import answer_instruction

CountTokens = Callable[[tuple[Segment, ...]], int]
Budget = Callable[[tuple[Segment, ...], int], int]  # segments and their tokens -> tokens

# History that no longer fits is cut to half of the limit, so that the next turns append again
# instead of every turn dropping one exchange and evaluating all the others anew.
HISTORY_AFTER_DROP = 0.5
MIN_CODE_TOKENS = 128  # tokens of code that a budget never takes away: an answer needs something
GUARANTEED_HITS = 2  # hits that a budget does not cut either, as far as they need at most GUARANTEED_TOKENS
GUARANTEED_TOKENS = 800
_ANY_NUMBER = 99  # stands for the number of a snippet while its tokens are estimated
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
    """A prompt and what the next turn needs of it."""

    prompt: Prompt
    user: str  # the last user message as rendered
    snippets: tuple[Snippet, ...]  # what the prompt holds, best first
    dropped: int  # oldest exchanges of the history that are not in it
    tokens: int
    is_excerpt: bool  # it has less code than its best places need


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What the prompt of one turn is built from."""

    chat: ChatFormat
    system: str
    question: str
    history: Sequence[Exchange] = ()  # oldest first
    hits: Sequence[Hit] = ()  # best first
    pinned: Sequence[Hit] = ()  # what the user attached or `lead` names: shown whole, before the hits
    first_number: int = 1  # of the first snippet that the conversation has not shown before
    is_answered: bool = True  # False: the hits are no nearer to the question than chance
    lead: str = ""  # what the answer begins with

    def user(self, snippets: Sequence[Snippet]) -> str:
        return user_message(snippets, self.question, self.is_answered, answer_instruction(self.question))

    def segments(self, kept: Sequence[Exchange] = (), snippets: Sequence[Snippet] = ()) -> tuple[Segment, ...]:
        past = [(exchange.user, exchange.answer, exchange.lead) for exchange in kept]
        return render(self.chat, self.system, past, self.user(snippets), self.lead)

    def prompt(self, kept: Sequence[Exchange], snippets: Sequence[Snippet]) -> Prompt:
        return Prompt(
            segments=self.segments(kept, snippets),
            question=self.question,
            messages=_messages(self.system, kept, self.user(snippets), self.lead),
            snippets=tuple(context_snippet(snippet) for snippet in snippets),
            is_answered=self.is_answered,
            stop=self.chat.stop,
            is_continuation=bool(self.lead),
        )


def build_prompt(request: PromptRequest, count: CountTokens, limit: int, budget: Budget | None = None) -> BuiltPrompt:
    """Builds the prompt of one turn so that it keeps within the context window: at most `limit` tokens.

    History is dropped first, whole exchanges from the oldest. Then come the pinned hits as far as the limit allows,
    and the best of the others (see `pack`) as far as the budget allows too: `budget` gives, from the prompt without
    any code, how many tokens the prompt may have; the best `GUARANTEED_HITS` hits may have what they need in any case.
    Raises `QuestionTooLarge` when system prompt and question alone exceed the limit.
    """
    fixed = count(request.segments())
    if fixed > limit:
        raise QuestionTooLarge(fixed, limit)
    kept = _fitting_history(request.history, lambda exchanges: count(request.segments(exchanges)), limit)
    shown = {where: n for exchange in kept for n, where in exchange.shown}
    without_code = request.segments(kept)
    tokens = count(without_code) if kept else fixed
    used = tokens + count(
        (Segment(frame(request.is_answered, answer_instruction(request.question)), parse_special=False),)
    )
    allowed = budget(without_code, tokens) if budget else limit
    pieces, max_tokens = _code(request, shown, _cost(count, shown), used, allowed, limit)
    snippets = number(pieces, shown, request.first_number)
    while (tokens := count(request.segments(kept, snippets))) > max_tokens and snippets:
        snippets.pop()  # what the pieces cost together is an estimate
    return BuiltPrompt(
        prompt=request.prompt(kept, snippets),
        user=request.user(snippets),
        snippets=tuple(snippets),
        dropped=len(request.history) - len(kept),
        tokens=tokens,
        is_excerpt=len(snippets) < min(GUARANTEED_HITS, len(request.pinned) + len(request.hits)),
    )


def _code(
    request: PromptRequest,
    shown: Mapping[Place, int],
    cost: Callable[[Piece], int],
    used: int,
    allowed: int,
    limit: int,
) -> tuple[list[Piece], int]:
    """The code for a prompt that has `used` tokens without it, and the most tokens that the prompt may have with it."""
    pinned, hits = [Piece(hit) for hit in request.pinned], request.hits
    used += sum(map(cost, pinned))
    best = sum(cost(Piece(hit)) for hit in hits[: max(0, GUARANTEED_HITS - len(pinned))])
    max_tokens = min(limit, max(allowed, used + max(MIN_CODE_TOKENS, min(best, GUARANTEED_TOKENS))))
    return pinned + pack(hits, request.question, max_tokens - used, cost, shown), max_tokens


def _messages(system: str, kept: Sequence[Exchange], user: str, lead: str) -> tuple[Message, ...]:
    past = [(Message("user", turn.user), Message("assistant", turn.lead + turn.answer)) for turn in kept]
    opening = (Message("assistant", lead),) if lead else ()
    return (Message("system", system), *(message for pair in past for message in pair), Message("user", user), *opening)


def _fitting_history(
    history: Sequence[Exchange], tokens: Callable[[Sequence[Exchange]], int], limit: int
) -> Sequence[Exchange]:
    """All of the history while it fits three quarters of the limit, else its newest exchanges."""
    if not history or tokens(history) <= limit * 3 // 4:
        return history
    room = int(limit * HISTORY_AFTER_DROP)
    starts = range(1, len(history))
    return history[1 + bisect_left(starts, True, key=lambda start: tokens(history[start:]) <= room) :]


def _cost(count: CountTokens, shown: Mapping[Place, int]) -> Callable[[Piece], int]:
    """The estimated tokens of a piece in a user message. The first form of a hit is counted, others are scaled by
    length: counting may be a call to another process.
    """
    per_character: dict[tuple[str, int], float] = {}

    def cost(piece: Piece) -> int:
        if place(piece.hit) in shown:
            return _REFERENCE
        text = fenced(Snippet(_ANY_NUMBER, piece.hit, False, piece.is_excerpt)) + "\n\n"
        key = piece.hit.path, piece.hit.chunk_id
        if key not in per_character:
            per_character[key] = count((Segment(text, parse_special=False),)) / len(text)
        return math.ceil(len(text) * per_character[key])

    return cost
