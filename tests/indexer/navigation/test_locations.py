"""Lines of locations."""

from indexer.navigation.locations import Location, _lines, line_text, one_per_line
from indexer.types import SourceFile


def test_the_locations_of_a_file_split_it_once() -> None:
    _lines.cache_clear()
    source = SourceFile("a.py", "1", 12, 0, "python", "a\n  b  \nc")
    assert [line_text(source, line) for line in (1, 2, 3)] == ["a", "b", "c"]
    assert _lines.cache_info().misses == 1


def test_one_location_per_line_in_order_of_files_with_tests_last() -> None:
    def at(path: str, line: int, kind: str) -> Location:
        return Location(path, line, "", kind, "")

    found = [at("tests/t.py", 1, "call"), at("b.py", 2, "call"), at("b.py", 2, "use"), at("a.py", 10, "use")]
    found += [at("a.py", 9, "use"), at("a.py", 9, "inherit")]
    assert one_per_line(found) == [found[5], found[3], found[1], found[0]]
