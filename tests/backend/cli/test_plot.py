"""Bars in characters and as a picture."""

from pathlib import Path

from PIL import Image

from backend.cli.plot import Bar, bars, draw, lines
from indexer.evaluation.metrics import MetricsRow, Ranks

HALF, NONE = (
    MetricsRow("a", 1, Ranks(1, 1, 0.5), Ranks(1, 0.25, 1), None, 1, 1),
    MetricsRow("a", 1, Ranks(1, 1, 0), None, None, 1, 1),
)
FOUND = [Bar("a, file MRR", "now", 0.5), Bar("a, file MRR", "then", 0.0), Bar("a, function R@10", "now", 0.25)]


def test_bars_of_two_runs_side_by_side() -> None:
    assert bars({"now": [HALF], "then": [NONE]}) == FOUND


def test_lines_name_the_run_where_there_are_several() -> None:
    assert lines(FOUND) == [
        f"a, file MRR      |{'#' * 20:40}|  50.0 now",
        f"                 |{'':40}|   0.0 then",
        f"a, function R@10 |{'#' * 10:40}|  25.0 now",
    ]
    assert lines(FOUND[:1]) == [f"a, file MRR |{'#' * 20:40}|  50.0"]


def test_a_bar_in_the_picture_is_as_long_as_its_share(tmp_path: Path) -> None:
    draw(tmp_path / "p.png", "title", FOUND)
    with Image.open(tmp_path / "p.png") as image:
        pixels = [image.getpixel((x, 105)) for x in range(image.width)]
    assert image.format == "PNG"
    assert pixels.count((0x2A, 0x6F, 0x97)) == 211  # half of 420 and both ends
