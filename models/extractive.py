"""Answers without a language model: the code that was found, quoted with its own words about itself.

Composes from a prompt's evidence and question only and invents nothing; knows neither the index nor any model.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator

from models.errors import EngineFailed
from models.excerpt import decisive_lines, fenced, first_paragraph, first_sentence
from models.matching import Kind, rank
from models.types import Delta, Evidence, Prompt, Sampling, Segment, StopReason, Usage

_PIECE = re.compile(r"\s*\S+|\s+")
_RELATED = 5
_CLOSE_SECOND = 0.75  # a second definition is shown in full when it matches nearly as well


def estimate_tokens(text: str) -> int:
    """An estimate for engines without a vocabulary: four bytes of UTF-8 to a token, rounded up."""
    return -(-len(text.encode("utf-8", "replace")) // 4)


class ExtractiveEngine:
    """An `Engine` that is always there. Its texts end with the answer, so `Prompt.stop` has nothing to stop."""

    name = "extractive"
    context_length = 1 << 20

    def __init__(self) -> None:
        self._closed = False

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return estimate_tokens("".join(segment.text for segment in segments))

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._closed:
            raise EngineFailed("the extractive engine is closed")
        said = 0
        reason: StopReason = "stop"
        total = self.count_tokens(prompt.segments)
        for piece in _PIECE.findall(compose(prompt)):
            tokens = estimate_tokens(piece)
            if said + tokens > sampling.max_tokens:
                reason = "length"
                break
            said += tokens
            yield Delta(piece)
            await asyncio.sleep(0)
        yield Delta(reason=reason, usage=Usage(total, 0, said))

    async def close(self) -> None:
        self._closed = True


def compose(prompt: Prompt) -> str:
    """The whole answer as Markdown. The same prompt always gives the same text."""
    paragraphs = list(_paragraphs(prompt)) if prompt.evidence else ["Nothing in the index answers that."]
    if prompt.notice:
        paragraphs.append(f"*{prompt.notice}*")
    return "\n\n".join(paragraphs) + "\n"


def _paragraphs(prompt: Prompt) -> Iterator[str]:
    ranking = rank(prompt.question, prompt.evidence)
    best, *others = ranking.matches
    shown = [best]
    if ranking.kind is Kind.HOW and others and others[0].score >= _CLOSE_SECOND * best.score:
        shown.append(others.pop(0))
    for place, match in enumerate(shown):
        yield _lead(match.evidence, ranking.kind, first=place == 0, sure=ranking.sure)
        yield _code(match.evidence, ranking.words)
    if others:
        yield "Related:\n\n" + "\n".join(_bullet(match.evidence) for match in others[:_RELATED])


def _lead(evidence: Evidence, kind: Kind, *, first: bool, sure: bool) -> str:
    """Names the symbol and its place, then lets its documentation speak."""
    what, where, doc = _name(evidence), _place(evidence), first_paragraph(evidence.doc)
    if not first:
        opening = f"A close second is {what}, {_article(evidence.kind)} in {where}."
    elif not sure:
        opening = f"Nothing in the index clearly answers that; the closest code is {what} in {where}."
    elif kind is Kind.WHERE:
        opening = f"{what} is in {where}."
    else:
        opening = f"{what} is {_article(evidence.kind)} in {where}."
    return f"{opening} {doc}" if doc else opening


def _code(evidence: Evidence, words: frozenset[str]) -> str:
    groups = decisive_lines(evidence, words)
    spans = ", ".join(f"{start}-{end}" if end > start else f"{start}" for start, end, _ in groups)
    text = "\n⋮\n".join(lines for _, _, lines in groups)
    return f"`{evidence.path}:{spans}`\n\n{fenced(text, evidence.language)}"


def _bullet(evidence: Evidence) -> str:
    says = first_sentence(evidence.doc)
    return f"- {_name(evidence)}, {_place(evidence)}" + (f": {says}" if says else "")


def _name(evidence: Evidence) -> str:
    return f"`{evidence.symbol}`" if evidence.symbol else "The code"


def _place(evidence: Evidence) -> str:
    return f"`{evidence.path}:{evidence.start_line}-{evidence.end_line}` [{evidence.n}]"


def _article(kind: str) -> str:
    noun = {"block": "code", "window": "text", "section": "section"}.get(kind, kind or "code")
    if noun in ("code", "text"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
