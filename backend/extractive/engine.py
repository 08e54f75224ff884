"""Answers without a language model: the code that was found, quoted with its own words about itself.

Composes from a prompt's evidence and question only and invents nothing; knows neither the index nor any model.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from backend.extractive.calls import calls
from backend.extractive.excerpt import comment, decisive_lines
from backend.extractive.matching import Kind, Match, Ranking, rank, stems
from backend.extractive.prose import code_span, first_paragraph, first_sentence, name, paragraphs, sentences
from indexer.files.roles import is_test
from models.errors import EngineFailed
from models.tokens import estimate_tokens
from models.types import ContextSnippet, Delta, Fim, Prompt, Rates, Sampling, Segment, StopReason, Usage
from prompts.snippets import code_block

_PIECE = re.compile(r"\s*\S+|\s+")
_RELATED = 5
_NOTHING = "Nothing in this codebase answers that."
_MORE_SENTENCES = 2  # of documentation beyond its first paragraph
_CALLED = 4
_BODIES = frozenset({"function", "method", "class", "interface", "enum", "type", "impl"})
_CLOSE_SECOND = 0.85  # a second definition is shown in full when it matches nearly as well


class ExtractiveEngine:
    """An `Engine` that is always there. Its texts end with the answer, so `Prompt.stop` has nothing to stop."""

    name = "extractive"
    context_length = 1 << 20
    fim: Fim | None = None

    def __init__(self) -> None:
        self._closed = False

    @property
    def rates(self) -> Rates:
        return Rates()

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return 0

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
    if not prompt.evidence:
        paragraphs = [_NOTHING]
    elif prompt.is_answered:
        paragraphs = list(_paragraphs(prompt))
    else:
        places = rank(prompt.question, prompt.evidence).matches[:_RELATED]
        paragraphs = [f"{_NOTHING} The nearest places:", "\n".join(_bullet(match.evidence) for match in places)]
    if prompt.notice:
        paragraphs.append(f"*{prompt.notice}*")
    return "\n\n" * prompt.is_continuation + "\n\n".join(paragraphs) + "\n"


def _paragraphs(prompt: Prompt) -> Iterator[str]:
    ranking = rank(prompt.question, prompt.evidence)
    best, *others = ranking.matches
    shown = [best]
    if ranking.kind is Kind.HOW and others and _is_close_second(others[0], best):
        shown.append(others.pop(0))
    for place, match in enumerate(shown):
        if place or not prompt.is_continuation:  # else the lead has said it
            yield _lead(match.evidence, ranking, first=place == 0, others=prompt.evidence)
        yield _code(match.evidence, ranking.words)
    if related := _related([match.evidence for match in others], best.evidence):
        yield "Related:\n\n" + "\n".join(_bullet(item) for item in related)


def _is_close_second(match: Match, best: Match) -> bool:
    one = match.evidence
    has_a_body = one.kind in _BODIES and one.end_line > one.start_line + 1
    return has_a_body and match.score >= _CLOSE_SECOND * best.score and is_test(one.path) <= is_test(best.evidence.path)


def _related(others: list[ContextSnippet], best: ContextSnippet) -> list[ContextSnippet]:
    """Tests only where the best place is one too, or nothing else is there."""
    code = [item for item in others if not is_test(item.path)]
    return (others if is_test(best.path) or not code else code)[:_RELATED]


def _lead(evidence: ContextSnippet, ranking: Ranking, *, first: bool, others: Sequence[ContextSnippet]) -> str:
    """Names the symbol and its place, then lets its documentation, its comments and its calls speak."""
    what, where = name(evidence.symbol), place(evidence)
    if not evidence.symbol:
        opening = f"The best match is code in {where}."
    elif not first:
        opening = f"A close second is {what}, {article(evidence.kind)} in {where}."
    elif ranking.kind is Kind.WHERE:
        opening = f"{what} is in {where}."
    else:
        opening = f"{what} is {article(evidence.kind)} in {where}."
    return " ".join(filter(None, (opening, _says(evidence, ranking.words), _calls(evidence, others))))


def _says(evidence: ContextSnippet, words: frozenset[str]) -> str:
    """The first paragraph of its documentation and what else there meets the question; without one, a comment."""
    if evidence.kind == "section":
        return ""
    said = first_paragraph(evidence.doc)
    later = [sentence for paragraph in paragraphs(evidence.doc)[1:] for sentence in sentences(paragraph)]
    more = [sentence for sentence in later if words & stems(sentence)][:_MORE_SENTENCES]
    if said:
        return " ".join(ended(sentence) for sentence in (said, *more))
    told = first_paragraph(comment(evidence, words))
    return f"A comment there says: {ended(told)}" if told else ""


def _calls(evidence: ContextSnippet, others: Sequence[ContextSnippet]) -> str:
    """Whom it calls and who calls it, as far as the evidence shows."""
    rest = [item for item in others if (item.path, item.symbol) != (evidence.path, evidence.symbol)]
    called = calls(evidence, rest)[:_CALLED]
    by = [item for item in rest if item.symbol and not is_test(item.path) and evidence in calls(item, [evidence])]
    parts = [f"It calls {_listed(called)}."] if called else []
    if callers := [item for item in by if item not in called][:_CALLED]:
        parts.append(f"It is called by {_listed(callers)}.")
    return " ".join(parts)


def _listed(items: Sequence[ContextSnippet]) -> str:
    *head, last = [f"{name(item.symbol)} [{item.n}]" for item in items]
    return f"{', '.join(head)} and {last}" if head else last


def ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", ".)", "…")) else f"{sentence}."


def _code(evidence: ContextSnippet, words: frozenset[str]) -> str:
    groups = decisive_lines(evidence, words)
    spans = ", ".join(f"{start}-{end}" if end > start else f"{start}" for start, end, _ in groups)
    text = "\n⋮\n".join(lines for _, _, lines in groups)
    language = "" if evidence.language == "text" else evidence.language
    return f"{code_span(f'{evidence.path}:{spans}')}\n\n{code_block(text, language)}"


def _bullet(evidence: ContextSnippet) -> str:
    says = first_sentence(evidence.doc) if evidence.kind != "section" else ""
    what = f"{name(evidence.symbol)}, " if evidence.symbol else ""
    return f"- {what}{place(evidence)}" + (f": {ended(says)}" if says else "")


def place(evidence: ContextSnippet) -> str:
    end = f"-{evidence.end_line}" if evidence.end_line > evidence.start_line else ""
    return f"{code_span(f'{evidence.path}:{evidence.start_line}{end}')} [{evidence.n}]"


def article(kind: str) -> str:
    noun = {"block": "code", "window": "text"}.get(kind, kind or "code")
    if noun in ("code", "text"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' and noun != 'union' else 'a'} {noun}"
