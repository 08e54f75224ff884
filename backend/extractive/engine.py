"""Answers without a language model: quotes the code that was found and its documentation.

Composes from the snippets and the question of a prompt only; knows neither the index nor any model.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from backend.extractive.calls import calls
from backend.extractive.excerpt import comment, decisive_lines
from backend.extractive.matching import Kind, Match, Ranking, defines, mentions, rank, sought, stems
from backend.extractive.prose import code_span, first_paragraph, first_sentence, join_list, name, paragraphs, sentences
from indexer.files.roles import is_test
from models.errors import EngineFailed
from models.tokens import estimate_tokens
from models.types import AlwaysLoaded, ContextSnippet, Delta, Fim, Prompt, Rates, Sampling, Segment, StopReason, Usage
from prompts.snippets import code_block
from prompts.visible import one_line

_PIECE = re.compile(r"\s*\S+|\s+")
_RELATED = 5
_NOTHING = "Nothing in this codebase answers that."
_MORE_SENTENCES = 2  # of documentation beyond its first paragraph
_CALLED = 4
_BODIES = frozenset({"function", "method", "class", "interface", "enum", "type", "impl"})
_CLOSE_SECOND = 0.85  # a second definition is shown in full when it matches nearly as well


class ExtractiveEngine(AlwaysLoaded):
    """An `Engine` that is always available. It ignores `Prompt.stop`: an answer ends by itself."""

    name = "extractive"
    context_length = 1 << 20
    fim: Fim | None = None
    is_exact = True

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
        generated = 0  # tokens
        reason: StopReason = "stop"
        pieces, total = await asyncio.to_thread(self._pieces, prompt)  # what is attached may be long
        for piece in pieces:
            tokens = estimate_tokens(piece)
            if generated + tokens > sampling.max_tokens:
                reason = "length"
                break
            generated += tokens
            yield Delta(piece)
            await asyncio.sleep(0)
        yield Delta(reason=reason, usage=Usage(total, 0, generated))

    def _pieces(self, prompt: Prompt) -> tuple[list[str], int]:
        """The answer in pieces, and the tokens of the prompt."""
        return _PIECE.findall(compose(prompt)), self.count_tokens(prompt.segments)

    async def close(self) -> None:
        self._closed = True


def compose(prompt: Prompt) -> str:
    """The whole answer as Markdown. The same prompt always gives the same text."""
    wanted = sought(prompt.question)
    if not prompt.snippets:
        paragraphs = [_NOTHING]
    elif wanted and not any(defines(item, wanted) for item in prompt.snippets):
        paragraphs = list(_undefined(prompt, wanted))
    elif prompt.is_answered:
        paragraphs = list(_paragraphs(prompt))
    else:
        paragraphs = [f"{_NOTHING} The nearest places:", _bullets(_matching(prompt))]
    if prompt.notice:
        paragraphs.append(f"*{prompt.notice}*")
    return "\n\n" * prompt.is_continuation + "\n\n".join(paragraphs) + "\n"


def _undefined(prompt: Prompt, wanted: str) -> Iterator[str]:
    """For a question where a name is defined, and no definition was found: where it occurs, else what is near."""
    word = re.compile(rf"(?<![\w$]){re.escape(wanted.rpartition('.')[2])}(?![\w$])")
    matching = _matching(prompt)
    found = [item for item in matching if word.search(item.text)]
    where = "It occurs here:" if found else "The nearest places:"
    yield f"No definition of {code_span(wanted)} was found. {where}"
    yield _bullets(found or matching)


def _matching(prompt: Prompt) -> list[ContextSnippet]:
    return [match.snippet for match in rank(prompt.question, prompt.snippets).matches]


def _bullets(snippets: Sequence[ContextSnippet]) -> str:
    return "\n".join(_bullet(item) for item in snippets[:_RELATED])


def _paragraphs(prompt: Prompt) -> Iterator[str]:
    ranking = rank(prompt.question, prompt.snippets)
    best, *others = ranking.matches
    shown = [best]
    if ranking.kind is Kind.HOW and others and _is_close_second(others[0], best):
        shown.append(others.pop(0))
    for position, match in enumerate(shown):
        if position or not prompt.is_continuation:  # else the lead is in the answer already
            yield _lead(match.snippet, ranking, first=position == 0, others=prompt.snippets)
        yield _code(match.snippet, ranking.words)
    if related := _related([match.snippet for match in others], best.snippet):
        yield "Related:\n\n" + "\n".join(_bullet(item) for item in related)


def _is_close_second(match: Match, best: Match) -> bool:
    code = match.snippet
    has_a_body = code.kind in _BODIES and code.end_line > code.start_line + 1
    return has_a_body and match.score >= _CLOSE_SECOND * best.score and is_test(code.path) <= is_test(best.snippet.path)


def _related(others: list[ContextSnippet], best: ContextSnippet) -> list[ContextSnippet]:
    """The other snippets; without tests, unless the best one is a test or there is nothing else."""
    code = [item for item in others if not is_test(item.path)]
    return (others if is_test(best.path) or not code else code)[:_RELATED]


def _lead(snippet: ContextSnippet, ranking: Ranking, *, first: bool, others: Sequence[ContextSnippet]) -> str:
    """Names the symbol and its location, then quotes its documentation or a comment, and lists its calls."""
    what, where = name(snippet.symbol), location(snippet)
    if ranking.asks_for_name and mentions(snippet, ranking.undefined):
        return f"{code_span(ranking.undefined)} occurs in {where}."
    if not snippet.symbol:
        opening = f"The best match is code in {where}."
    elif not first:
        opening = f"A close second is {what}, {article(snippet.kind)} in {where}."
    elif ranking.asks_for_name:
        opening = f"{code_span(ranking.undefined)} is not in the code that was found. The nearest is {what} in {where}."
    elif ranking.kind is Kind.WHERE:
        opening = f"{what} is in {where}."
    else:
        opening = f"{what} is {article(snippet.kind)} in {where}."
    return " ".join(filter(None, (opening, _documentation(snippet, ranking.words), _calls(snippet, others))))


def _documentation(snippet: ContextSnippet, words: frozenset[str]) -> str:
    """The first paragraph of its documentation and later sentences that match the question; without one, a comment."""
    if snippet.kind == "section":
        return ""
    first = first_paragraph(snippet.doc)
    later = [sentence for paragraph in paragraphs(snippet.doc)[1:] for sentence in sentences(paragraph)]
    more = [sentence for sentence in later if words & stems(sentence)][:_MORE_SENTENCES]
    if first:
        return " ".join(with_full_stop(sentence) for sentence in (first, *more))
    note = first_paragraph(comment(snippet, words))
    return f"A comment there says: {with_full_stop(note)}" if note else ""


def _calls(snippet: ContextSnippet, others: Sequence[ContextSnippet]) -> str:
    """Its callees and callers among the snippets."""
    rest = [item for item in others if (item.path, item.symbol) != (snippet.path, snippet.symbol)]
    called = calls(snippet, rest)[:_CALLED]
    callers = [item for item in rest if item.symbol and not is_test(item.path) and snippet in calls(item, [snippet])]
    parts = [f"It calls {_listed(called)}."] if called else []
    if callers := [item for item in callers if item not in called][:_CALLED]:
        parts.append(f"It is called by {_listed(callers)}.")
    return " ".join(parts)


def _listed(items: Sequence[ContextSnippet]) -> str:
    return join_list([f"{name(item.symbol)} [{item.n}]" for item in items])


def with_full_stop(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", ".)", "…", "。", "！", "？")) else f"{sentence}."


def _code(snippet: ContextSnippet, words: frozenset[str]) -> str:
    groups = decisive_lines(snippet, words)
    spans = ", ".join(f"{start}-{end}" if end > start else f"{start}" for start, end, _ in groups)
    text = "\n⋮\n".join(lines for _, _, lines in groups)
    language = "" if snippet.language == "text" else snippet.language
    return f"{code_span(f'{one_line(snippet.path)}:{spans}')}\n\n{code_block(text, language)}"


def _bullet(snippet: ContextSnippet) -> str:
    summary = first_sentence(snippet.doc) if snippet.kind != "section" else ""
    what = f"{name(snippet.symbol)}, " if snippet.symbol else ""
    return f"- {what}{location(snippet)}" + (f": {with_full_stop(summary)}" if summary else "")


def location(snippet: ContextSnippet) -> str:
    end = f"-{snippet.end_line}" if snippet.end_line > snippet.start_line else ""
    return f"{code_span(f'{one_line(snippet.path)}:{snippet.start_line}{end}')} [{snippet.n}]"


def article(kind: str) -> str:
    noun = {"block": "code", "window": "text"}.get(kind, kind or "code")
    if noun in ("code", "text"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' and noun != 'union' else 'a'} {noun}"
