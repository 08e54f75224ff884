"""The citations of stored answers, compared with the disk again. Files change after an answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.db.tables import TurnRow
from backend.grounding.checker import INVENTED, cited_sources, worst_status
from backend.grounding.disk import Disk, FindLines
from backend.grounding.sources import Source, conversation_sources
from prompts.citations import Citation, CitationParser


def current_citations(
    turns: Sequence[TurnRow], roots: Mapping[str, Path], find_lines: FindLines
) -> list[dict[str, Any]]:
    """For each turn of a conversation that cites something: `turn_id` and its `citations`, as their files are now.

    `roots`: the folders of codebases, by their ids. What is invented stays so. Where the cited lines or their codebase
    are not known any more, the status of the answer's moment stays.
    """
    sources = conversation_sources(turns, ())
    disks = {id_: Disk(root, find_lines) for id_, root in roots.items()}
    return [
        {"turn_id": turn.id, "citations": _current(turn, sources, disks.get(turn.codebase))}
        for turn in turns
        if turn.citations
    ]


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
