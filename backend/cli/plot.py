"""Bar charts of shares, in characters or as a PNG. Pillow is optional; it is imported to draw a PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.evaluation.metrics import MetricsRow

_WIDTH = 40  # characters of a full bar
_COLOURS = ("#2a6f97", "#e07a1f")
_BAR, _GAP, _LEFT, _FULL = 16, 12, 260, 420  # pixels


@dataclass(frozen=True, slots=True)
class Bar:
    """One share (0 to 1) of one run."""

    label: str  # kind and metric
    run: str
    share: float


def bars(runs: dict[str, list[MetricsRow]]) -> list[Bar]:
    """Two bars for each kind of question (file MRR, function R@10) and run; the runs of one bar are neighbours."""
    kinds = [row.kind for row in next(iter(runs.values()))]
    result: list[Bar] = []
    for kind in kinds:
        of_kind = {run: next(row for row in rows if row.kind == kind) for run, rows in runs.items()}
        result += [Bar(f"{kind}, file MRR", run, row.file.mrr) for run, row in of_kind.items()]
        result += [Bar(f"{kind}, function R@10", run, row.function.r10) for run, row in of_kind.items() if row.function]
    return result


def lines(bars: Sequence[Bar]) -> list[str]:
    """A line for each bar. Of neighbours with the same label only the first shows it."""
    width = max(len(bar.label) for bar in bars)
    several = len({bar.run for bar in bars}) > 1
    rows, last = [], ""
    for bar in bars:
        label, last = "" if bar.label == last else bar.label, bar.label
        run = f" {bar.run}" if several else ""
        rows.append(f"{label:{width}} |{'#' * round(bar.share * _WIDTH):{_WIDTH}}| {100 * bar.share:5.1f}{run}")
    return rows


def draw(file: Path, title: str, bars: Sequence[Bar]) -> None:
    """Writes a PNG, one colour for each run. Raises OSError."""
    from PIL import Image, ImageDraw, ImageFont

    runs = list(dict.fromkeys(bar.run for bar in bars))
    labels = list(dict.fromkeys(bar.label for bar in bars))
    group = _BAR * len(runs) + _GAP
    top = 60 + 20 * len(runs)
    image = Image.new("RGB", (_LEFT + _FULL + 80, top + group * len(labels) + 20), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    pen.text((20, 16), title, "black", font)
    for n, run in enumerate(runs):
        pen.rectangle((20, 48 + 20 * n, 32, 60 + 20 * n), _COLOURS[n])
        pen.text((40, 45 + 20 * n), run, "black", font)
    for bar in bars:
        y = top + group * labels.index(bar.label) + _BAR * runs.index(bar.run)
        if bar.run == runs[0]:
            pen.text((20, y), bar.label, "black", font)
        pen.rectangle((_LEFT, y, _LEFT + round(bar.share * _FULL), y + _BAR - 3), _COLOURS[runs.index(bar.run)])
        pen.text((_LEFT + round(bar.share * _FULL) + 6, y - 2), f"{100 * bar.share:.1f}", "black", font)
    image.save(file, "PNG")
