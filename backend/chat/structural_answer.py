"""A structural answer in words. The same answer always gives the same text; knows neither index nor wire."""

import re
from collections.abc import Sequence

from indexer.navigation.intent import What
from indexer.navigation.navigator import Location, StructuralAnswer

MODEL = "structure"  # what stands where a turn names its model
_LISTED = 20
_LINE = 160  # characters

# Of one place, with the place or the colon after it; of several.
_SAYS: dict[What, tuple[str, str]] = {
    "definition": ("{name} is defined in", "{name} is defined in {n} places"),
    "signature": ("{name} is defined in", "{name} has {n} definitions"),
    "calls": ("{name} is called in", "{name} is called in {n} places"),
    "uses": ("{name} is used in", "{name} is used in {n} places"),
    "imports": ("{name} is imported in", "{name} is imported in {n} places"),
    "subclasses": ("One type derives from {name}:", "{n} types derive from {name}"),
    "tests": ("One test touches {name}:", "{n} tests touch {name}"),
    "outline": ("{name} contains one definition:", "{name} contains {n} definitions"),
    "routes": ("There is one route:", "There are {n} routes"),
    "commands": ("There is one command:", "There are {n} commands"),
}


def listing(told: StructuralAnswer, first_number: int) -> str:
    """Markdown. `first_number`: under which the first hit is cited."""
    one, several = _SAYS[told.asked.what]
    name, spots = code(told.asked.name), told.spots
    shown = [spot for spot in spots if spot.hit is not None][:_LISTED]  # a place that is cited must be a source
    single = len(spots) == 1 and told.complete
    if single and not one.endswith(":") and _words(told.asked.name) <= _words(f"{spots[0].path} {spots[0].text}"):
        return f"{one.format(name=name)} {_spot(told, spots[0], first_number)}\n"
    if single:
        opening = one.format(name=name) if one.endswith(":") else f"{one.format(name=name)} one place:"
    else:
        n = f"{len(spots)}" if told.complete else f"at least {len(spots)}"
        opening = several.format(name=name, n=n)
        opening = f"{opening[0].upper()}{opening[1:]}:"
    lines = [f"- {_spot(told, spot, first_number)}" for spot in shown]
    rest = [spot for spot in spots if spot not in shown]
    if rest:
        lines.append(f"- and {len(rest)} more in {_files(rest)}")
    return f"{opening}\n\n" + "\n".join(lines) + "\n"


def code(text: str, longest: int = _LINE) -> str:
    """An inline code span that no backtick inside can close; a long text ends after a whole word."""
    flat = " ".join(text.split())
    if len(flat) > longest or flat.endswith("…"):
        flat = re.sub(r"\w*…?$", "", flat[:longest]) + "…"
    return f"`{flat}`" if "`" not in flat else f"`` {flat} ``"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _spot(told: StructuralAnswer, spot: Location, first_number: int) -> str:
    cited = f" [{first_number + spot.hit}]" if spot.hit is not None else ""
    place = f"`{spot.path}:{spot.line}`{cited}"
    if told.asked.what in ("definition", "signature"):
        return f"{place}: {code(_tight(spot.text), longest=len(spot.text) + 1)}"
    if told.asked.what == "outline":
        return f"{code(spot.symbol)}, {spot.kind}, {place}: {code(_tight(spot.text))}"
    around = f" in {code(spot.symbol)}" if spot.symbol else ""
    return f"{place}{around}: {code(spot.text)}"


def _tight(signature: str) -> str:
    """Without the blanks that line breaks have left inside brackets."""
    return re.sub(r"(?<=[(\[]) |,? (?=[)\]])", "", signature)


def _files(spots: Sequence[Location]) -> str:
    paths = list(dict.fromkeys(spot.path for spot in spots))
    return ", ".join(f"`{path}`" for path in paths[:5]) + (f" and {len(paths) - 5} other files" if paths[5:] else "")
