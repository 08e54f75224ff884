"""Checks the citations of an answer: were the lines shown, are they unchanged, do they support the sentence?

Compares one answer with the sources of its conversation, the index and the disk. Citations are parsed by
`prompts.citations` and added to sentences by `attribution`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from backend.extractive.prose import code_span
from backend.grounding.attribution import AttributedText, Attributor, UnsupportedClaim
from backend.grounding.disk import MOVED, OK, STALE, Disk
from backend.grounding.sources import Source, contain
from prompts.citations import Citation, CitationParser, Claim
from prompts.quoted_names import is_path_in
from prompts.task import FACT, answer_instruction
from prompts.values import Numbers, numbers_in
from prompts.visible import one_line

INVENTED = "invented"
STATUSES = (OK, MOVED, STALE, INVENTED)  # best first; the worst of several counts


@dataclass(frozen=True, slots=True)
class GroundedText:
    """The next text of an answer as the user sees it, and the `cite` events that it completes."""

    text: str
    cites: list[dict[str, Any]]


@dataclass(slots=True)
class Grounding:
    """Adds citations to the text of an answer and checks them by the rules of `citation_statuses`."""

    disk: Disk
    sources: Sequence[Source]
    question: str
    is_in_index: Callable[[str], bool]  # whether the codebase has a name anywhere
    is_exact: bool = False  # the text is made from its sources: it has its citations, and its counts are in no source
    is_checked: bool = True  # whether a name or value that is in no source is wrong; False where changes are proposed
    stated: int = 0  # sentences that state something
    grounded: int = 0  # those of them whose citations are all ok
    _values: list[UnsupportedClaim] = field(default_factory=list)
    _parser: CitationParser = field(init=False)
    _attributor: Attributor = field(init=False)
    _work: asyncio.Future[GroundedText] | None = None  # what runs in a thread
    _tail: str = ""  # the last characters of the text

    def __post_init__(self) -> None:
        self._attributor = Attributor(() if self.is_exact else self.sources, self.question)
        self._parser = CitationParser(proper=answer_instruction(self.question) == FACT)

    def set_sources(self, sources: Sequence[Source]) -> None:
        """The text that follows may cite these sources, too."""
        self.sources = sources
        self._attributor.set_sources(() if self.is_exact else sources)

    async def feed(self, text: str) -> GroundedText:
        """Takes the next text of the answer. Files are read in a thread."""
        return await self._in_thread(lambda: self._checked(self._attributor.feed(text)))

    async def close(self) -> GroundedText:
        """Ends the answer. If it stated a value that is in no source, a correction with the closest lines follows."""

        def work() -> GroundedText:
            last = self._checked(self._attributor.close(), final=True)
            counts = self.stated, self.grounded
            correction = self._correction()
            self.is_checked = False  # the correction names the wrong values itself
            corrected = self._checked(AttributedText(correction), final=True)
            self.stated, self.grounded = counts  # the correction does not count
            return _concatenated(last, corrected)

        return await self._in_thread(work)

    async def break_off(self) -> GroundedText:
        """The withheld rest of an answer that ends early, also after a `feed` that was cancelled."""
        before = [await self._work] if self._work else []
        return _concatenated(
            *before, await self._in_thread(lambda: self._checked(self._attributor.close(), final=True))
        )

    async def _in_thread(self, work: Callable[[], GroundedText]) -> GroundedText:
        """Runs `work` in a thread. After a cancel its result is still in `_work`."""
        self._work = asyncio.ensure_future(asyncio.to_thread(work))
        result = await asyncio.shield(self._work)
        self._work = None
        return result

    @property
    def share(self) -> float | None:
        """Of the sentences that state something, the share whose sources were shown and are unchanged."""
        return round(self.grounded / self.stated, 3) if self.stated else None

    def _checked(self, revised: AttributedText, *, final: bool = False) -> GroundedText:
        claims = self._parser.feed(revised.text) + (self._parser.close() if final else [])
        if self.is_exact or not self.is_checked:
            claims, revised = _without_values(claims), AttributedText(revised.text)
        self._tail = (self._tail + revised.text)[-2:]
        judged = [citation_statuses(claim, self.sources, self.disk, self.question) for claim in claims]
        wrong = [item for item in revised.unsupported if item.is_value or not self.is_in_index(item.text)]
        self._values += [item for item in wrong if item.is_value]
        marks = [{"n": [], "start": item.start, "end": item.end, "status": INVENTED} for item in wrong]
        self.stated += len(judged) + revised.uncited
        self.grounded += sum(all(item["status"] == OK for item in items) for items in judged)
        cites = [item for items in judged for item in items] + marks
        return GroundedText(revised.text, _in_order(cites))

    def _correction(self) -> str:
        """A sentence that says which values are not in the code; "" if there are none."""
        if not self._values or not self.sources:
            return ""
        best = self.sources[0]
        stated = ", ".join(dict.fromkeys(code_span(value.text.strip("`")) for value in self._values))
        place = code_span(f"{one_line(best.path)}:{best.start}-{best.end}")
        fence = "\n" * (not self._tail.endswith("\n")) + self._attributor.fence if self._attributor.fence else ""
        gap = "\n\n" if fence else "\n" * (2 - len(self._tail) + len(self._tail.rstrip("\n")))
        return f"{fence}{gap}The code that was read does not say {stated}: see {place} [{best.n}]."


def _concatenated(*parts: GroundedText) -> GroundedText:
    return GroundedText(
        "".join(part.text for part in parts), _in_order([cite for part in parts for cite in part.cites])
    )


def _without_values(claims: Sequence[Claim]) -> list[Claim]:
    return [tuple(replace(citation, values=()) for citation in claim) for claim in claims]


def _in_order(cites: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cites, key=lambda cite: int(cite["start"]))


def citation_statuses(claim: Claim, sources: Sequence[Source], disk: Disk, question: str = "") -> list[dict[str, Any]]:
    """The citations of one sentence as `cite` events: `n` (source numbers), `start`, `end`, `status`.

    invented: no source of this conversation shows the number or a cited line; or a name that the citation supports
    (see `CitationParser`) is in no text, path, symbol or documentation of the sentence's sources and in no path of any
    source; or a value that it supports is in none of the sentence's sources, in any notation, and not in the question.
    stale: the lines are no longer in the file. moved: they are in the file, elsewhere. ok: they are where they were.
    Of several cited sources the worst counts, of several shown versions of the same lines the best. Attachments are
    always unchanged.
    """
    places = {(citation.numbers, citation.path, citation.lines): citation for citation in claim}
    found_at = {place: cited_sources(citation, sources, disk) for place, citation in places.items()}
    cited = [found_at[citation.numbers, citation.path, citation.lines] for citation in claim]
    cited_by_sentence = [source for found in cited for source, _ in found or ()]
    items = []
    for citation, found in zip(claim, cited, strict=True):
        numbers = citation.numbers or tuple(dict.fromkeys(source.n for source, _ in found or ()))
        supported = found and _is_supported(citation, cited_by_sentence, sources, question)
        status = worst_status(found) if found and supported else INVENTED
        items.append({"n": list(numbers), "start": citation.start, "end": citation.end, "status": status})
    return items


def _is_supported(
    citation: Citation, cited_sources: Sequence[Source], sources: Sequence[Source], question: str
) -> bool:
    """Whether the sources of a sentence contain the names and values of a citation; a name may be any source's path."""
    names = all(
        contain(cited_sources, name) or any(is_path_in(name, source.path) for source in sources)
        for name in citation.names
    )
    values = [value for value in citation.values if not value.stands_in(question, _numbers_in(question))]
    return names and all(any(source.states(value) for source in cited_sources) for value in values)


@lru_cache(maxsize=16)  # a question, for all citations of its answer
def _numbers_in(question: str) -> Numbers:
    return numbers_in(question)


def cited_sources(citation: Citation, sources: Sequence[Source], disk: Disk) -> list[tuple[Source, str]] | None:
    """The sources of a citation, each with the status of the cited lines; None if no source shows one of them."""
    if citation.numbers:
        by_number = {source.n: source for source in sources}
        if not by_number.keys() >= set(citation.numbers):
            return None
        named = [by_number[n] for n in citation.numbers]
        return [(source, disk.status(source, source.start, source.end)) for source in named]
    same = [source for source in sources if disk.is_path_of(citation.path, source.path)]
    found: list[tuple[Source, str]] = []
    for first, last in citation.lines:
        around = [source for source in same if source.start <= first and last <= source.end]
        if around:
            judged = [(source, disk.status(source, first, last)) for source in around]
            found.append(min(judged, key=lambda pair: STATUSES.index(pair[1])))
            continue
        parts = [source for source in same if source.start <= last and first <= source.end]
        if not _cover(parts, first, last):
            return None
        found += [(source, disk.status(source, first, last)) for source in parts]
    return found


def worst_status(found: Sequence[tuple[Source, str]]) -> str:
    return max((status for _, status in found), key=STATUSES.index)


def _cover(parts: Sequence[Source], first: int, last: int) -> bool:
    """Whether each line of first..last is in one of `parts`."""
    for part in sorted(parts, key=lambda part: part.start):
        if part.start <= first <= part.end:
            first = part.end + 1
    return first > last
