"""The citations of stored answers, compared with the disk again. Files change after an answer."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from backend.db.tables import TurnRow
from backend.grounding.checker import INVENTED, cited_sources, worst_status
from backend.grounding.disk import Disk, FindLines
from backend.grounding.sources import Source, add_shown
from prompts.citations import Citation, CitationParser


def current_citations(
    turns: Sequence[TurnRow], roots: Mapping[str, Path], find_lines: FindLines
) -> list[dict[str, Any]]:
    """For each turn of a conversation that cites something: `turn_id` and its `citations`, as their files are now.

    `roots`: the folders of codebases, by their ids. What is invented stays so. Where the cited lines or their codebase
    are not known any more, the status of the answer's moment stays. An answer is compared with what it was made from,
    not with what later turns show: a number or a place can mean another text there.
    """
    find = cache(find_lines)
    disks = {id_: Disk(root, find) for id_, root in roots.items()}
    before: dict[int, Source] = {}  # by number, as the turns before show them
    found = []
    for turn in turns:
        shown = dict(before)
        add_shown(shown, turn)
        if turn.citations:
            citations = _current(turn, list(shown.values()), disks.get(turn.codebase))
            found.append({"turn_id": turn.id, "citations": citations})
        if turn.is_read_later:
            before = shown
    return found


def _current(turn: TurnRow, sources: Sequence[Source], disk: Disk | None) -> list[dict[str, Any]]:
    if disk is None:
        return list(turn.citations)
    parser = CitationParser()
    claims = [*parser.feed(turn.answer), *parser.close()]
    by_place = {(citation.start, citation.end): citation for claim in claims for citation in claim}
    return [
        stored | {"status": _status(by_place.get((stored["start"], stored["end"])), stored["status"], sources, disk)}
        for stored in turn.citations
    ]


def _status(citation: Citation | None, stored: str, sources: Sequence[Source], disk: Disk) -> str:
    if citation is None or stored == INVENTED:
        return stored
    found = cited_sources(citation, sources, disk)
    return worst_status(found) if found and all(source.text for source, _ in found) else stored
