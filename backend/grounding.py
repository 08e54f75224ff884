"""Whether the citations of an answer hold: were their places shown, are they unchanged, do they say what is quoted.

Judges one answer against the sources of its conversation and the disk. How citations are found is the business of
`prompts.citations`, who is told of them that of `rag`.
"""

import asyncio
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.attached import ATTACHED
from backend.tables import TurnRow
from indexer.scan import Candidate, read, sha_of
from indexer.types import SourceFile
from prompts.citations import Citation, CitationParser, Claim
from prompts.quotations import is_path_in, own_words
from prompts.snippets import Snippet, shown_text, shown_title

OK, MOVED, STALE, INVENTED = "ok", "moved", "stale", "invented"
STATUSES = (OK, MOVED, STALE, INVENTED)  # best first: of several the last one counts


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered piece of code as the conversation shows it."""

    n: int
    path: str
    start: int
    end: int
    sha: str  # of the whole file then
    text: str
    words: str  # what it says of itself beside its text: symbol, signature, documentation
    attached: bool  # the user's own text, which is what it is whatever the disk holds

    def lines(self, first: int, last: int) -> list[str]:
        """Those of the lines first..last that it shows; all where the text is not the lines one to one."""
        lines = self.text.split("\n")
        whole = len(lines) != self.end - self.start + 1
        return lines if whole else lines[max(0, first - self.start) : max(0, last + 1 - self.start)]


class Grounding:
    """Finds and judges the citations of one answer; the rules are those of `judge`."""

    def __init__(self, root: Path | None, past: Sequence[TurnRow], snippets: Sequence[Snippet]) -> None:
        self._root, self._past, self._snippets = root, past, snippets
        self._parser = CitationParser()
        self._sources: list[Source] | None = None  # made for the first citation, in its thread

    async def feed(self, text: str) -> list[dict[str, Any]]:
        """The `cite` events that these next words of the answer complete; files are read in a thread."""
        return await self._judged(self._parser.feed(text))

    async def close(self) -> list[dict[str, Any]]:
        """The `cite` events of the answer's last sentence."""
        return await self._judged(self._parser.close())

    async def _judged(self, claims: Sequence[Claim]) -> list[dict[str, Any]]:
        def work() -> list[dict[str, Any]]:
            self._sources = sources = self._sources or known_sources(self._past, self._snippets)
            return [item for claim in claims for item in judge(claim, sources, self._root)]

        return await asyncio.to_thread(work) if claims else []


def judge(claim: Claim, sources: Sequence[Source], root: Path | None) -> list[dict[str, Any]]:
    """The citations of one sentence as `cite` events: `n` (the sources meant), `start`, `end`, `status`.

    invented: a number, or a line of a place, that no source of this conversation shows; or a name on the citation's
    account (see `CitationParser`) that is in the text, path, symbol or documentation of none of the sentence's
    sources, nor the path of any source. stale: the lines are not in the file any more. moved: they are, elsewhere.
    ok: they are where they were. A citation of several sources is as good as the worst; a place shown in several
    versions as good as the best.
    A path may be absolute or shortened to its last parts. What the user attached is always unchanged.
    """
    meant = [_meant(citation, sources, root) for citation in claim]
    words = {word for found in meant for source, _ in found or () for word in _words(source)}
    items = []
    for citation, found in zip(claim, meant, strict=True):
        numbers = citation.numbers or tuple(dict.fromkeys(source.n for source, _ in found or ()))
        supported = found and all(_is_shown(name, words, sources) for name in citation.names)
        status = max((status for _, status in found), key=STATUSES.index) if found and supported else INVENTED
        items.append({"n": list(numbers), "start": citation.start, "end": citation.end, "status": status})
    return items


def _is_shown(name: str, words: Set[str], sources: Sequence[Source]) -> bool:
    return words >= set(own_words(name)) or any(is_path_in(name, source.path) for source in sources)


def known_sources(past: Sequence[TurnRow], snippets: Sequence[Snippet]) -> list[Source]:
    """Everything that the conversation shows under a number, the newest prompt first."""
    known = {snippet.n: _of_snippet(snippet) for snippet in snippets}
    for row in past:
        for item in row.sources:  # the first turn that lists a number shows its text
            if item["n"] not in known:
                known[item["n"]] = _of_item(item, row.user_message)
    return list(known.values())


def _of_snippet(snippet: Snippet) -> Source:
    hit = snippet.hit
    words = f"{hit.symbol} {hit.signature} {hit.doc}"
    place = (hit.path, hit.start_line, hit.end_line)
    return Source(snippet.n, *place, hit.sha, hit.text, words, hit.kind == ATTACHED)


def _of_item(item: dict[str, Any], message: str) -> Source:
    n, path, start, end = item["n"], item["path"], item["start"], item["end"]
    text = shown_text(message, n, path, start, end)
    words = f"{item['symbol'] or ''} {shown_title(message, n, path, start, end)}"
    return Source(n, path, start, end, item["sha"], text, words, item.get("attached", False))


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


def _words(source: Source) -> list[str]:
    return re.findall(r"\w+", f"{source.path} {source.words} {source.text}")


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
