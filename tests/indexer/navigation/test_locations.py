"""Lines of locations."""

from indexer.navigation.locations import _lines, line_text
from indexer.types import SourceFile


def test_the_locations_of_a_file_split_it_once() -> None:
    _lines.cache_clear()
    source = SourceFile("a.py", "1", 12, 0, "python", "a\n  b  \nc")
    assert [line_text(source, line) for line in (1, 2, 3)] == ["a", "b", "c"]
    assert _lines.cache_info().misses == 1
