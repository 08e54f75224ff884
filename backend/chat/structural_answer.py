"""A structural answer as Markdown. The same answer always gives the same text; knows no index and no protocol."""

import re
from collections.abc import Sequence

from backend.extractive.project_listing import project_listing
from backend.indexing.retrieval import ExactAnswer
from indexer.navigation.intent import QueryKind
from indexer.navigation.locations import Location
from indexer.navigation.structural_answers import StructuralAnswer
from indexer.project.answers import ProjectAnswer
from prompts.visible import one_line

MODEL = "structure"  # the name in place of a model's
_LISTED = 20
_LINE = 160  # characters

# Sentences for one location, which follows it, and for several.
_SENTENCES: dict[QueryKind, tuple[str, str]] = {
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


def listing(answer: ExactAnswer, first_number: int) -> str:
    """Markdown. `first_number`: the source number of the first hit."""
    if isinstance(answer, ProjectAnswer):
        return project_listing(answer, range(first_number, first_number + len(answer.hits))) + "\n"
    one, several = _SENTENCES[answer.query.kind]
    name, locations = code(answer.query.name), answer.locations
    shown = [location for location in locations if location.hit is not None][
        :_LISTED
    ]  # a location that is cited must be a source
    single = len(locations) == 1 and answer.is_complete
    if (
        single
        and not one.endswith(":")
        and _words(answer.query.name) <= _words(f"{locations[0].path} {locations[0].text}")
    ):
        return f"{one.format(name=name)} {_line(answer, locations[0], first_number)}\n"
    if single:
        opening = one.format(name=name) if one.endswith(":") else f"{one.format(name=name)} one place:"
    else:
        n = f"{len(locations)}" if answer.is_complete else f"at least {len(locations)}"
        opening = several.format(name=name, n=n)
        opening = f"{opening[0].upper()}{opening[1:]}:"
    lines = [f"- {_line(answer, location, first_number)}" for location in shown]
    rest = [location for location in locations if location not in shown]
    if rest:
        lines.append(f"- and {len(rest)} more in {_files(rest)}")
    return f"{opening}\n\n" + "\n".join(lines) + "\n"


def code(text: str, longest: int = _LINE) -> str:
    """An inline code span that no backtick inside can close; a long text is cut after a whole word."""
    flat = one_line(" ".join(text.split()))
    if len(flat) > longest or flat.endswith("…"):
        flat = re.sub(r"\w*…?$", "", flat[:longest]) + "…"
    return f"`{flat}`" if "`" not in flat else f"`` {flat} ``"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _line(answer: StructuralAnswer, location: Location, first_number: int) -> str:
    cited = f" [{first_number + location.hit}]" if location.hit is not None else ""
    place = f"`{one_line(location.path)}:{location.line}`{cited}"
    if answer.query.kind in ("definition", "signature"):
        return f"{place}: {code(_tight(location.text), longest=len(location.text) + 1)}"
    if answer.query.kind == "outline":
        return f"{code(location.symbol)}, {location.kind}, {place}: {code(_tight(location.text))}"
    around = f" in {code(location.symbol)}" if location.symbol else ""
    return f"{place}{around}: {code(location.text)}"


def _tight(signature: str) -> str:
    """A signature without the blanks that line breaks leave inside brackets."""
    return re.sub(r"(?<=[(\[]) |,? (?=[)\]])", "", signature)


def _files(locations: Sequence[Location]) -> str:
    paths = list(dict.fromkeys(location.path for location in locations))
    shown = ", ".join(f"`{one_line(path)}`" for path in paths[:5])
    return shown + (f" and {len(paths) - 5} other files" if paths[5:] else "")
