"""From a ranking to hits: neighbours merged, nothing too long."""

from indexer.search.fusion import Ranked
from indexer.search.grouping import GROUPED, group_hits
from indexer.storage.snapshot import ChunkRow, IndexedFile
from indexer.types import Chunk, Why


def row(i: int, path: str, start: int, end: int, symbol: str = "") -> ChunkRow:
    file = IndexedFile(path, "sha", 1, 1, 1, "recipe")
    return ChunkRow(i, Chunk(path, start, end, symbol or f"f{i}", "function", "python", "", "", "text"), file)


def shown(found: list[ChunkRow], k: int = 10, joined: bool = True) -> list[tuple[str, int, int, int]]:
    """Path, first and last line and best chunk of each group; `found` is in order of rank."""
    ranked = [Ranked(row.id, 100.0 - rank, Why()) for rank, row in enumerate(found)]
    groups = group_hits(ranked[: GROUPED * k], {row.id: row for row in found}, k, joined)
    return [(g.best.file.path, g.parts[0].chunk.start_line, g.parts[-1].chunk.end_line, g.best.id) for g in groups]


def test_neighbours_are_one_group_at_the_better_rank() -> None:
    found = [row(1, "a.py", 20, 30), row(2, "b.py", 1, 9), row(3, "a.py", 33, 40), row(4, "a.py", 60, 70)]
    assert shown(found) == [("a.py", 20, 40, 1), ("b.py", 1, 9, 2), ("a.py", 60, 70, 4)]


def test_without_joining_each_definition_stands_alone() -> None:
    found = [row(1, "a.py", 20, 30), row(3, "a.py", 33, 40), row(4, "a.py", 41, 50, "g")]
    assert shown(found, joined=False) == [("a.py", 20, 30, 1), ("a.py", 33, 40, 3), ("a.py", 41, 50, 4)]
    found = [row(1, "a.py", 20, 30, "long"), row(3, "a.py", 31, 40, "long")]
    assert shown(found, joined=False) == [("a.py", 20, 40, 1)]


def test_joined_definitions_have_at_most_80_lines() -> None:
    assert shown([row(1, "a.py", 1, 40), row(2, "a.py", 42, 80), row(3, "a.py", 82, 90)]) == [
        ("a.py", 1, 80, 1),
        ("a.py", 82, 90, 3),
    ]


def test_parts_of_one_definition_have_at_most_120_lines() -> None:
    parts = [row(i, "a.py", 1 + 40 * i, 40 + 40 * i, "long") for i in range(4)]
    assert shown(parts) == [("a.py", 1, 120, 0), ("a.py", 121, 160, 3)]


def test_a_weak_neighbour_is_left_out() -> None:
    between = [row(100 + i, f"m{i}.py", 1, 5) for i in range(50)]
    assert shown([row(1, "a.py", 1, 10), *between, row(2, "a.py", 12, 20)], k=60)[0] == ("a.py", 1, 10, 1)


def test_slices_of_one_long_line_stay_apart() -> None:
    assert shown([row(1, "a.txt", 1, 1), row(2, "a.txt", 1, 1)]) == [("a.txt", 1, 1, 1), ("a.txt", 1, 1, 2)]


def test_k_counts_groups() -> None:
    assert len(shown([row(i, f"m{i}.py", 1, 5) for i in range(9)], k=4)) == 4


def test_a_group_is_named_after_its_definition_though_an_import_above_it_ranks_better() -> None:
    imports = ChunkRow(
        1, Chunk("a.py", 1, 1, "", "block", "python", "", "", "import b"), IndexedFile("a.py", "", 1, 1, 1, "")
    )
    ranked = [Ranked(1, 9.0, Why()), Ranked(2, 5.0, Why())]
    [group] = group_hits(ranked, {1: imports, 2: row(2, "a.py", 3, 9, "answer")}, 5, joined=True)
    assert (group.best.chunk.symbol, group.ranked.id, len(group.parts)) == ("answer", 1, 2)
