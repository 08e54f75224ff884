"""A ranking of chunks -> the hits to show: neighbouring chunks merged. Pure."""

from dataclasses import dataclass
from operator import itemgetter

from indexer.search.fusion import Ranked
from indexer.storage.snapshot import ChunkRow

GROUPED = 3  # chunks for each hit
_MERGED_RANKS = 40  # ranks within which neighbours are merged
_GAP = 3  # lines between neighbours, at most
_LINES = 80  # of a hit made of several definitions: what a reader takes in at once
_DEFINITION_LINES = 120  # of a hit made of one definition's parts


@dataclass(frozen=True, slots=True)
class HitGroup:
    """Chunks that stand side by side and are shown as one hit."""

    ranked: Ranked  # the best of them
    best: ChunkRow  # the best of those that belong to a definition, if any does
    parts: tuple[ChunkRow, ...]  # in order of lines


def group_hits(ranked: list[Ranked], rows: dict[int, ChunkRow], k: int, joined: bool) -> list[HitGroup]:
    """The best `k`, each with the other parts of its definition; with `joined` also good definitions beside it.

    `ranked`: the first ones, `GROUPED` for each hit.
    """
    rank = {item.id: position for position, item in enumerate(ranked)}
    groups: list[list[ChunkRow]] = []
    for row in sorted(
        (rows[item.id] for item in ranked), key=lambda row: (row.file.path, row.chunk.start_line, row.id)
    ):
        if groups and _belongs(groups[-1], row, rank, joined):
            groups[-1].append(row)
        else:
            groups.append([row])
    ordered = []
    for rows_of_group in groups:
        first = min(rank[row.id] for row in rows_of_group)
        named = min(rows_of_group, key=lambda row: (not row.chunk.symbol, rank[row.id]))
        ordered.append((first, HitGroup(ranked[first], named, tuple(rows_of_group))))
    return [group for _, group in sorted(ordered, key=itemgetter(0))[:k]]


def _belongs(group: list[ChunkRow], row: ChunkRow, rank: dict[int, int], joined: bool) -> bool:
    """Whether `row` is merged with the group before it in its file."""
    first, last, chunk = group[0].chunk, group[-1].chunk, row.chunk
    if first.path != chunk.path or chunk.start_line <= last.start_line:
        return False
    lines = chunk.end_line - first.start_line + 1
    follows = chunk.start_line == last.end_line + 1
    if chunk.symbol and chunk.symbol == first.symbol and follows:
        return lines <= _DEFINITION_LINES
    both_good = max(rank[row.id], min(rank[part.id] for part in group)) < _MERGED_RANKS
    return joined and both_good and chunk.start_line - last.end_line <= _GAP and lines <= _LINES
