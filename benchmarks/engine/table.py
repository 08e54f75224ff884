"""The figures as Markdown, beside their targets, which are ratios within one run."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.document import as_table
from benchmarks.engine.rows import Figures

RAW, OURS, LOCKED, SERVER = "raw loop", "raw loop, Lantern's parameters", "`Llama` with a lock", "llama-server"
SOCKET, HTTP = "Lantern, WebSocket", "Lantern, /v1"
ABSENT = "-"
Columns = dict[str, Figures]  # an engine that is not available has no figures
# Of the figures of Lantern and llama-server, and the seconds of a cold read. KeyError if a figure is missing.
IsMet = Callable[[Figures, Figures, float], bool]


class Row(NamedTuple):
    what: str
    figure: str
    unit: str
    target: str = ""
    is_met: IsMet | None = None


def _waits(name: str) -> IsMet:
    """At most the time of llama-server's follow-up, and 0.15 of a cold read."""
    return lambda ours, theirs, cold_s: ours[name] <= min(theirs["follow-up"], 0.15 * cold_s)


def _together(n: int) -> IsMet:
    return lambda ours, theirs, _: ours[f"{n} at once"] >= theirs[f"{n} at once"]


def _last(n: int) -> IsMet:
    name = f"{n} at once, last first token"
    return lambda ours, theirs, _: ours[name] < theirs[name]


_WAIT = "at most llama-server's follow-up, 0.15 of the faster cold prefill"
ROWS = (
    Row("decode, one stream", "decode", "tok/s"),
    Row(
        "decode, share of the faster raw loop's just before and after",
        "decode, of the raw loop",
        "%",
        "at least 97",
        lambda o, *_: o["decode, of the raw loop"] >= 0.97,
    ),
    Row("cold prefill of system prompt and code", "cold read", "s"),
    Row("TTFT: first turn", "first turn", "s"),
    Row("TTFT: follow-up", "follow-up", "s", _WAIT, _waits("follow-up")),
    Row(
        "TTFT: follow-up, two conversations alternating",
        "interleaved",
        "s",
        _WAIT,
        _waits("interleaved"),
    ),
    Row("TTFT: follow-up after other conversations", "after others", "s"),
    Row("TTFT: follow-up after a restart", "after a restart", "s", _WAIT, _waits("after a restart")),
    Row("1 at once: total rate", "1 at once", "tok/s"),
    Row("4 at once: total rate", "4 at once", "tok/s", "at least llama-server's", _together(4)),
    Row("4 at once: mean TTFT", "4 at once, first token", "s"),
    Row("4 at once: longest TTFT", "4 at once, last first token", "s", "below llama-server's", _last(4)),
    Row("8 at once: total rate", "8 at once", "tok/s", "at least llama-server's", _together(8)),
    Row("8 at once: mean TTFT", "8 at once, first token", "s"),
    Row("8 at once: longest TTFT", "8 at once, last first token", "s", "below llama-server's", _last(8)),
    Row(
        "longest pause beside a long prompt",
        "longest gap, steps",
        "steps",
        "at most 4",
        lambda o, *_: o["longest gap, steps"] <= 4,
    ),
    Row("TTFT of that prompt", "first token of the long prompt", "s"),
    Row("cancel during prefill: time to `end`", "cancel", "s", "at most 0.5", lambda o, *_: o["cancel"] <= 0.5),
    Row("from that cancel to a follow-up's first token", "first token after a cancel", "s"),
    Row("memory, 2 conversations", "memory, 2 conversations", "GB"),
    Row("memory at the end", "memory", "GB"),
)


_SHOWN = {"GB": (1e-9, 2), "tok/s": (1, 1), "steps": (1, 1), "%": (100, 1)}  # a unit's scale and digits


def side_by_side(columns: Columns) -> Iterator[str]:
    yield from as_table(["", *columns, "target", ""], [_cells(row, columns) for row in ROWS])


def _cells(row: Row, columns: Columns) -> list[str]:
    figures = [_figure(of[row.figure], row.unit) if row.figure in of else ABSENT for of in columns.values()]
    return [f"{row.what}, {row.unit}", *figures, row.target, _verdict(row, columns)]


def _figure(value: float, unit: str) -> str:
    scale, digits = _SHOWN.get(unit, (1, 2))
    return f"{value * scale:.{digits}f}"


def _verdict(row: Row, columns: Columns) -> str:
    if row.is_met is None:
        return ""
    try:
        return verdict(row.is_met(columns[SOCKET], columns[SERVER], cold_read_s(columns)))
    except KeyError:  # a figure is missing
        return "not judged"


def cold_read_s(columns: Columns) -> float:
    """Of the faster raw loop."""
    return min(columns[RAW]["cold read"], columns[OURS]["cold read"])


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def alone(measured: dict[str, Figures], column: Figures) -> Iterator[str]:
    """The measurements of Lantern alone. `column`: its column of the table above."""
    yield from as_table(
        ("", "measured", "target", ""),
        [_forecast(measured["forecasts"]), *_budget_and_swaps(measured), *_cache(measured, column)],
    )


def _forecast(figures: Figures) -> list[str]:
    what, target = "forecast of the TTFT", "within 20 %"
    if not figures:
        return [what, "absent: no `status` has `eta_ms`", target, "not judged"]
    n, share, median = (figures[name] for name in ("waits", "within 20 %", "median error"))
    return [what, f"median error {median:.0%}, {share:.0%} of {n:.0f} within 20 %", target, verdict(median <= 0.2)]


def _budget_and_swaps(measured: dict[str, Figures]) -> Iterator[list[str]]:
    budget, swaps = measured["ttft budget"], measured["swaps"]
    within, grown = budget["within"], swaps["grown"]
    text = f"{within:.0%} of {budget['turns']:.0f}, at worst {budget['worst']:.1f} s"
    what = f"TTFT within a budget of {budget['budget_s']:.0f} s"
    yield [what, text, "at least 95 %", verdict(within >= 0.95)]
    text = f"{grown:+.1%}, from {swaps['before'] / 1e6:.0f} to {swaps['after'] / 1e6:.0f} MB"
    what = f"server's RSS, {swaps['swaps']:.0f} swaps of tiny models"
    yield [what, text, "within 5 %", verdict(abs(grown) <= 0.05)]


def _cache(measured: dict[str, Figures], column: Figures) -> Iterator[list[str]]:
    small = measured["smaller cache"]
    if not small:
        yield ["cache in q8_0", "absent: there is no setting KV_TYPE", "", ""]
    for name, unit in (("decode", "tok/s"), ("follow-up", "s"), ("memory, 2 conversations", "GB")) if small else ():
        text = f"{_figure(small[name], unit)} (f16: {_figure(column[name], unit)})"
        yield [f"cache in q8_0: {name}, {unit}", text, "", ""]
