"""Scores of definitions that a question names, by the name of what they are in."""

from pathlib import Path

import pytest

from indexer.search.query import parse_query
from indexer.search.symbol_match import match_symbols
from tests.indexer.harness import World

GUIDE = (
    "# The first steps\n\nBegin.\n\n## Installation\n\nCopy the archive.\n\n"
    "# In a container\n\nBegin.\n\n## Installation\n\nCopy the archive.\n"
)


@pytest.mark.parametrize("heading", ["The first steps", "In a container"])
def test_a_section_below_the_heading_that_the_question_names_scores_more(tmp_path: Path, heading: str) -> None:
    world = World(tmp_path, {"guide.md": GUIDE})
    world.refresh()
    with world.store.read() as snapshot:
        scores = match_symbols(parse_query(f'"Installation" below {heading}?'), snapshot, None)
        by_symbol = {row.chunk.symbol: scores[row.id] for row in snapshot.rows(list(scores)).values()}
    installations = {name: score for name, score in by_symbol.items() if name.endswith(".Installation")}
    assert max(installations, key=installations.__getitem__) == f"{heading}.Installation"
    assert sorted(installations.values()) == pytest.approx([0.4 / 2**0.5, 1.5 * 0.4 / 2**0.5])


def test_a_name_that_only_code_without_definitions_has_is_found_by_its_whole(tmp_path: Path) -> None:
    files = {"a.xyz": "sub drawTurtle { }\n", "b.py": "def draw_table():\n    pass\n\ndef turtle():\n    pass\n"}
    world = World(tmp_path, files)
    world.refresh()
    with world.store.read() as snapshot:
        scores = match_symbols(parse_query("where is drawTurtle defined"), snapshot, None)
        by_path = {row.chunk.path: scores[row.id] for row in snapshot.rows(list(scores)).values()}
    assert by_path == {"a.xyz": 0.9}
