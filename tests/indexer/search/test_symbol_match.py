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
