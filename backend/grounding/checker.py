"""Whether the citations of an answer hold: were their places shown, are they unchanged, do they say what is stated.

Judges one answer against the sources of its conversation, the index and the disk. How citations are found is the
business of `prompts.citations`, how sentences get them of `attribution`, who is told of them that of `rag`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.grounding.attribution import Loose, Revised, Reviser
from backend.grounding.sources import Source, holds
from indexer.files.scan import Candidate, read, sha_of
from indexer.types import SourceFile
from models.extractive.prose import code_span
from prompts.citations import Citation, CitationParser, Claim
from prompts.quoted_names import is_path_in
from prompts.task import FACT, task
from prompts.values import numbers_in

OK, MOVED, STALE, INVENTED = "ok", "moved", "stale", "invented"
STATUSES = (OK, MOVED, STALE, INVENTED)  # best first: of several the last one counts


@dataclass(frozen=True, slots=True)
class Grounded:
    """The next words of an answer, as they are shown, and the `cite` events that they complete."""

    text: str
    cites: list[dict[str, Any]]


@dataclass(slots=True)
class Grounding:
    """Gives an answer's text with its citations, and judges them; the rules are those of `judge`."""

    root: Path | None
    sources: Sequence[Source]
    question: str
    is_in_index: Callable[[str], bool]  # whether the codebase has a name anywhere
    is_exact: bool = False  # the text is made from its sources: it has its numbers, and what it counts stands nowhere
    is_checked: bool = True  # whether names and values that no source holds are wrong: not so where they are proposed
    told: int = 0  # sentences that state something
    grounded: int = 0  # of them, those whose citations are all ok
    _values: list[Loose] = field(default_factory=list)
    _parser: CitationParser = field(init=False)
    _reviser: Reviser = field(init=False)
    _work: asyncio.Future[Grounded] | None = None  # in its thread
    _tail: str = ""  # the last of the text that is shown

    def __post_init__(self) -> None:
        self._reviser = Reviser(() if self.is_exact else self.sources, self.question)
        self._parser = CitationParser(proper=task(self.question) == FACT)

    def learn(self, sources: Sequence[Source]) -> None:
        """What comes may rest on these, too."""
        self.sources = sources
        self._reviser.learn(() if self.is_exact else sources)

    async def feed(self, text: str) -> Grounded:
        """The next words of the answer; files are read in a thread."""
        return await self._apart(lambda: self._judged(self._reviser.feed(text)))

    async def close(self) -> Grounded:
        """The end of the answer. Where it stated a value that no source holds, that ends with the place to look at."""

        def work() -> Grounded:
            last = self._judged(self._reviser.close(), final=True)
            counts = self.told, self.grounded
            told = self._judged(Revised(self._correction()), final=True)
            self.told, self.grounded = counts  # of what the answer says
            return _together(last, told)

        return await self._apart(work)

    async def break_off(self) -> Grounded:
        """What is held back of an answer that ends before its end, after a `feed` that was cancelled, too."""
        before = [await self._work] if self._work else []
        return _together(*before, await self._apart(lambda: self._judged(self._reviser.close(), final=True)))

    async def _apart(self, work: Callable[[], Grounded]) -> Grounded:
        """Does it in a thread. Who is cancelled meanwhile finds it in `_work`."""
        self._work = asyncio.ensure_future(asyncio.to_thread(work))
        told = await asyncio.shield(self._work)
        self._work = None
        return told

    @property
    def share(self) -> float | None:
        """Of the sentences that state something, those that rest on what was shown and is unchanged."""
        return round(self.grounded / self.told, 3) if self.told else None

    def _judged(self, revised: Revised, *, final: bool = False) -> Grounded:
        claims = self._parser.feed(revised.text) + (self._parser.close() if final else [])
        if self.is_exact or not self.is_checked:
            claims, revised = _without_values(claims), Revised(revised.text)
        self._tail = (self._tail + revised.text)[-2:]
        judged = [judge(claim, self.sources, self.root, self.question) for claim in claims]
        wrong = [loose for loose in revised.loose if loose.is_value or not self.is_in_index(loose.text)]
        self._values += [loose for loose in wrong if loose.is_value]
        marks = [{"n": [], "start": loose.start, "end": loose.end, "status": INVENTED} for loose in wrong]
        self.told += len(judged) + revised.uncited
        self.grounded += sum(all(item["status"] == OK for item in items) for items in judged)
        cites = [item for items in judged for item in items] + marks
        return Grounded(revised.text, _in_order(cites))

    def _correction(self) -> str:
        """Says that values are not in the code: its own claim is no longer checked for them."""
        if not self._values or not self.sources:
            return ""
        self.is_checked = False
        best = self.sources[0]
        stated = ", ".join(dict.fromkeys(code_span(value.text.strip("`")) for value in self._values))
        place = code_span(f"{best.path}:{best.start}-{best.end}")
        fence = "\n" * (not self._tail.endswith("\n")) + self._reviser.fence if self._reviser.fence else ""
        gap = "\n\n" if fence else "\n" * (2 - len(self._tail) + len(self._tail.rstrip("\n")))
        return f"{fence}{gap}The code that was read does not say {stated}: see {place} [{best.n}]."


def _together(*parts: Grounded) -> Grounded:
    return Grounded("".join(part.text for part in parts), _in_order([cite for part in parts for cite in part.cites]))


def _without_values(claims: Sequence[Claim]) -> list[Claim]:
    return [tuple(replace(citation, values=()) for citation in claim) for claim in claims]


def _in_order(cites: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cites, key=lambda cite: int(cite["start"]))


def judge(claim: Claim, sources: Sequence[Source], root: Path | None, question: str = "") -> list[dict[str, Any]]:
    """The citations of one sentence as `cite` events: `n` (the sources meant), `start`, `end`, `status`.

    invented: a number, or a line of a place, that no source of this conversation shows; or a name on the citation's
    account (see `CitationParser`) that is in the text, path, symbol or documentation of none of the sentence's
    sources, nor the path of any source. stale: the lines are not in the file any more. moved: they are, elsewhere.
    ok: they are where they were. A value of a citation's account has to stand in one of the sentence's sources, in
    whatever notation, unless the question says it. A citation of several sources is as good as the worst; a place shown
    in several versions as good as the best.
    A path may be absolute or shortened to its last parts. What the user attached is always unchanged.
    """
    meant = [_meant(citation, sources, root) for citation in claim]
    together = [source for found in meant for source, _ in found or ()]
    items = []
    for citation, found in zip(claim, meant, strict=True):
        numbers = citation.numbers or tuple(dict.fromkeys(source.n for source, _ in found or ()))
        supported = found and _is_said(citation, together, sources, question)
        status = max((status for _, status in found), key=STATUSES.index) if found and supported else INVENTED
        items.append({"n": list(numbers), "start": citation.start, "end": citation.end, "status": status})
    return items


def _is_said(citation: Citation, together: Sequence[Source], sources: Sequence[Source], question: str) -> bool:
    """Whether a sentence's sources hold what it states on the account of a citation; any source's path will do."""
    names = all(
        holds(together, name) or any(is_path_in(name, source.path) for source in sources) for name in citation.names
    )
    asked = numbers_in(question)
    values = [value for value in citation.values if not value.stands_in(question, asked)]
    return names and all(any(source.states(value) for source in together) for value in values)


def _meant(citation: Citation, sources: Sequence[Source], root: Path | None) -> list[tuple[Source, str]] | None:
    """The sources that a citation stands on, each with the status of the cited lines; None if one is not known."""
    if citation.numbers:
        by_number = {source.n: source for source in sources}
        if not by_number.keys() >= set(citation.numbers):
            return None
        named = [by_number[n] for n in citation.numbers]
        return [(source, _status(source, source.start, source.end, root)) for source in named]
    same = [source for source in sources if _is_path_of(citation.path, source.path, root)]
    found: list[tuple[Source, str]] = []
    for first, last in citation.lines:
        around = [source for source in same if source.start <= first and last <= source.end]
        if around:
            judged = [(source, _status(source, first, last, root)) for source in around]
            found.append(min(judged, key=lambda pair: STATUSES.index(pair[1])))
            continue
        parts = [source for source in same if source.start <= last and first <= source.end]
        if not _cover(parts, first, last):
            return None
        found += [(source, _status(source, first, last, root)) for source in parts]
    return found


def _cover(parts: Sequence[Source], first: int, last: int) -> bool:
    """Whether each line of first..last is in one of them."""
    for part in sorted(parts, key=lambda part: part.start):
        if part.start <= first <= part.end:
            first = part.end + 1
    return first > last


def _is_path_of(cited: str, path: str, root: Path | None) -> bool:
    return cited == f"{root}/{path}" or f"/{path}".endswith(f"/{cited.removeprefix('./')}")


def _status(source: Source, first: int, last: int, root: Path | None) -> str:
    """Of the lines first..last of a source, as the disk is now."""
    if source.attached:
        return OK
    if root is None:
        return STALE
    if sha_of(root, source.path) == source.sha:
        return OK
    now = read(root, Candidate(source.path, 0, 0))  # decoded and masked as the index did
    lines = source.lines(first, last)
    if not isinstance(now, SourceFile) or not any(line.strip() for line in lines):
        return STALE
    there, start = now.text.split("\n"), max(first, source.start) - 1
    if there[start : start + len(lines)] == lines:
        return OK
    starts = range(len(there) - len(lines) + 1)
    return MOVED if any(there[at] == lines[0] and there[at : at + len(lines)] == lines for at in starts) else STALE
