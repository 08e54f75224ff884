"""The figures as Markdown, beside their targets, which are ratios within one run."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.document import as_table
from benchmarks.engine.rows import Figures

RAW, OURS, LOCKED, SERVER = "raw loop", "raw loop, our parameters", "`Llama`, locked", "llama-server"
SOCKET, HTTP = "Lantern, WebSocket", "Lantern, /v1"
ABSENT = "-"
Columns = dict[str, Figures]  # an engine that is not available has no figures
# Of the figures of Lantern and llama-server, and the seconds of a cold read. KeyError if a figure is missing.
Reached = Callable[[Figures, Figures, float], bool]


class Row(NamedTuple):
    what: str
    figure: str
    unit: str
    reach: str = ""
    reached: Reached | None = None


def _waits(name: str) -> Reached:
    """At most the time of llama-server's follow-up, and 0.15 of a cold read."""
    return lambda ours, theirs, cold_s: ours[name] <= min(theirs["follow-up"], 0.15 * cold_s)


def _together(n: int) -> Reached:
    return lambda ours, theirs, _: ours[f"{n} at once"] >= theirs[f"{n} at once"]


def _last(n: int) -> Reached:
    name = f"{n} at once, last first token"
    return lambda ours, theirs, _: ours[name] < theirs[name]


_WAIT = "llama-server's follow-up, 0.15 of the faster cold read"
ROWS = (
    Row("decode, one stream", "decode", "tok/s"),
    Row(
        "the same, of the faster raw loop's just before and after",
        "decode, of the raw loop",
        "%",
        "97",
        lambda o, *_: o["decode, of the raw loop"] >= 0.97,
    ),
    Row("cold read of system prompt and code", "cold read", "s"),
    Row("first token: first turn", "first turn", "s"),
    Row("follow-up", "follow-up", "s", _WAIT, _waits("follow-up")),
    Row("follow-up, two conversations in turn", "interleaved", "s", _WAIT, _waits("interleaved")),
    Row("follow-up after other conversations", "after others", "s"),
    Row("follow-up after a restart", "after a restart", "s", _WAIT, _waits("after a restart")),
    Row("1 at once: together", "1 at once", "tok/s"),
    Row("4 at once: together", "4 at once", "tok/s", "llama-server's", _together(4)),
    Row("4 at once: first token in the mean", "4 at once, first token", "s"),
    Row("4 at once: last first token", "4 at once, last first token", "s", "before llama-server's", _last(4)),
    Row("8 at once: together", "8 at once", "tok/s", "llama-server's", _together(8)),
    Row("8 at once: first token in the mean", "8 at once, first token", "s"),
    Row("8 at once: last first token", "8 at once, last first token", "s", "before llama-server's", _last(8)),
    Row(
        "longest gap beside a long prompt",
        "longest gap, steps",
        "steps",
        "4",
        lambda o, *_: o["longest gap, steps"] <= 4,
    ),
    Row("first token of that prompt", "first token of the long prompt", "s"),
    Row("cancel inside a read: `end`", "cancel", "s", "0.5", lambda o, *_: o["cancel"] <= 0.5),
    Row("cancel, then a follow-up's first token", "first token after a cancel", "s"),
    Row("memory, 2 conversations", "memory, 2 conversations", "GB"),
    Row("memory at the end", "memory", "GB"),
)


_SHOWN = {"GB": (1e-9, 2), "tok/s": (1, 1), "steps": (1, 1), "%": (100, 1)}  # a unit's scale and digits


def side_by_side(columns: Columns) -> Iterator[str]:
    yield from as_table(["", *columns, "reach", ""], [_cells(row, columns) for row in ROWS])


def _cells(row: Row, columns: Columns) -> list[str]:
    figures = [_figure(of[row.figure], row.unit) if row.figure in of else ABSENT for of in columns.values()]
    return [f"{row.what}, {row.unit}", *figures, row.reach, _verdict(row, columns)]


def _figure(value: float, unit: str) -> str:
    scale, digits = _SHOWN.get(unit, (1, 2))
    return f"{value * scale:.{digits}f}"


def _verdict(row: Row, columns: Columns) -> str:
    if row.reached is None:
        return ""
    try:
        return verdict(row.reached(columns[SOCKET], columns[SERVER], cold_read_s(columns)))
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
        ("", "measured", "reach", ""), [_forecast(measured["forecasts"]), *_kept(measured), *_cache(measured, column)]
    )


def _forecast(figures: Figures) -> list[str]:
    what, reach = "first-token forecast", "within 20 %"
    if not figures:
        return [what, "absent: no `status` carries `eta_ms`", reach, "not judged"]
    n, share, median = (figures[name] for name in ("waits", "within 20 %", "median error"))
    return [what, f"median error {median:.0%}, {share:.0%} of {n:.0f} within 20 %", reach, verdict(median <= 0.2)]


def _kept(measured: dict[str, Figures]) -> Iterator[list[str]]:
    promise, swaps = measured["promises"], measured["swaps"]
    kept, grown = promise["kept"], swaps["grown"]
    text = f"{kept:.0%} of {promise['promised']:.0f}, at worst {promise['worst']:.1f} s"
    yield [f"first token promised in {promise['within_s']:.0f} s, kept", text, "95 %", verdict(kept >= 0.95)]
    text = f"{grown:+.1%}, from {swaps['before'] / 1e6:.0f} to {swaps['after'] / 1e6:.0f} MB"
    what = f"server's RSS, {swaps['swaps']:.0f} swaps of tiny models"
    yield [what, text, "5 % either way", verdict(abs(grown) <= 0.05)]


def _cache(measured: dict[str, Figures], column: Figures) -> Iterator[list[str]]:
    small = measured["smaller cache"]
    if not small:
        yield ["cache in q8_0", "absent: there is no setting KV_TYPE", "", ""]
    for name, unit in (("decode", "tok/s"), ("follow-up", "s"), ("memory, 2 conversations", "GB")) if small else ():
        text = f"{_figure(small[name], unit)} (f16: {_figure(column[name], unit)})"
        yield [f"cache in q8_0: {name}, {unit}", text, "", ""]
