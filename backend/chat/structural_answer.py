"""A structural answer as Markdown. The same answer always gives the same text; knows no index and no protocol."""

import re
from collections.abc import Iterable, Iterator, Sequence

from backend.extractive.project_listing import project_listing
from backend.extractive.prose import code_span
from backend.indexing.retrieval import ExactAnswer
from indexer.navigation.doubts import Doubt, DoubtKind
from indexer.navigation.intent import QueryKind
from indexer.navigation.locations import Location
from indexer.navigation.structural_answers import Group
from indexer.project.answers import ProjectAnswer
from prompts.visible import one_line

MODEL = "structure"  # the name in place of a model's
_LISTED = 20  # locations of an answer; of each definition, where there are several, its share but at least:
_LISTED_EACH = 5
_LINE = 160  # characters

# What is said of one location and of several.
_OPENINGS: dict[QueryKind, tuple[str, str]] = {
    "definition": ("{name} is defined in {n} place", "{name} is defined in {n} places"),
    "signature": ("{name} has {n} definition", "{name} has {n} definitions"),
    "calls": ("{name} is called in {n} place", "{name} is called in {n} places"),
    "uses": ("{name} is used in {n} place", "{name} is used in {n} places"),
    "imports": ("{name} is imported in {n} place", "{name} is imported in {n} places"),
    "subclasses": ("{n} type derives from {name}", "{n} types derive from {name}"),
    "tests": ("{n} test touches {name}", "{n} tests touch {name}"),
    "outline": ("{name} contains {n} definition", "{name} contains {n} definitions"),
    "routes": ("there is {n} route", "there are {n} routes"),
    "commands": ("there is {n} command", "there are {n} commands"),
}
# What precedes the only location where it makes a sentence.
_SENTENCES: dict[QueryKind, str] = {
    "definition": "is defined in",
    "signature": "is defined in",
    "calls": "is called in",
    "uses": "is used in",
    "imports": "is imported in",
}
_NOUNS: dict[QueryKind, str] = {
    "calls": "call",
    "uses": "use",
    "imports": "import",
    "subclasses": "subtype",
    "outline": "member",
}
# Why there may be more: what one file does, what several do. Where no file is to blame, one text.
_DOUBTS: dict[DoubtKind, tuple[str, str]] = {
    "language": ("has the name and was not understood", "have the name and were not understood"),
    "damaged": ("could not be parsed in full", "could not be parsed in full"),
    "syntax": ("has the name in a syntax error", "have the name in a syntax error"),
    "meaning": ("has the name, but it is not clear for what", "have the name, but it is not clear for what"),
    "types": ("types are not inferred", ""),
    "time": ("not every file with the name was read in time", ""),
    "files": ("too many files have the name", ""),
    "places": ("there are too many places to list", ""),
}


def listing(answer: ExactAnswer, first_number: int) -> str:
    """Markdown. `first_number`: the source number of the first hit."""
    if isinstance(answer, ProjectAnswer):
        return project_listing(answer, range(first_number, first_number + len(answer.hits))) + "\n"
    kind, name, groups = answer.query.kind, answer.query.name, answer.groups
    defined = [group for group in groups if group.definition is not None]
    limit = max(_LISTED_EACH, _LISTED // len(groups))
    paragraphs = [f"{_code(name)} has {len(defined)} definitions."] if defined else []
    for group in groups:
        if defined and group.definition is None:
            places = "one place" if len(group.locations) == 1 else f"{len(group.locations)} places"
            paragraphs.append(f"Which {_code(name)} is meant is not clear in {places}:")
            paragraphs.append(_list(kind, group.locations, limit, first_number))
        else:
            paragraphs += _of_one(kind, name, group, limit, first_number)
            paragraphs += _uses(name, group, limit, first_number) if group.uses else ()
    doubts = dict.fromkeys(doubt for group in groups for doubt in group.doubts)
    if len(groups) > len(defined) > 0:  # what may mean another definition is listed
        doubts = {doubt: None for doubt in doubts if doubt.kind != "meaning"}
    return "\n\n".join([*paragraphs, *reasons(doubts)]) + "\n"


def _of_one(kind: QueryKind, name: str, group: Group, limit: int, first_number: int) -> Iterator[str]:
    """The paragraphs for one definition."""
    locations = group.locations
    what = _what(name, group, first_number)
    if not locations:
        yield f"No {_NOUNS.get(kind, kind.rstrip('s'))} of {what} was found."
        return
    one, several = _OPENINGS[kind]
    if len(locations) == 1 and not group.doubts and kind in _SENTENCES:
        (location,) = locations
        if _words(name) <= _words(f"{location.path} {location.text}"):
            yield f"{what} {_SENTENCES[kind]} {_line(kind, location, first_number)}"
            return
    n = "one" if len(locations) == 1 else f"{len(locations)}"
    n = f"at least {n}" if group.doubts else n
    opening = (one if len(locations) == 1 else several).format(name=what, n=n)
    yield f"{opening[0].upper()}{opening[1:]}:"
    yield _list(kind, locations, limit, first_number)


def _uses(name: str, group: Group, limit: int, first_number: int) -> Iterator[str]:
    """The paragraphs for what is no call of a function, though it may lead to one."""
    n = "one place" if len(group.uses) == 1 else f"{len(group.uses)} places"
    n = f"at least {n}" if group.doubts else n
    yield f"{_what(name, group, first_number)} is used without a call in {n}, by its name:"
    yield _list("uses", group.uses, limit, first_number)


def _what(name: str, group: Group, first_number: int) -> str:
    definition = group.definition
    if definition is None:
        return _code(name)
    return f"{_code(definition.symbol)} in {_place(definition, first_number)}"


def _place(location: Location, first_number: int) -> str:
    """The line, cited, if it is in a source; else the file."""
    if location.hit is None:
        return f"`{one_line(location.path)}`"
    return f"`{one_line(location.path)}:{location.line}` [{first_number + location.hit}]"


def _list(kind: QueryKind, locations: Sequence[Location], limit: int, first_number: int) -> str:
    """A location that is cited must be a source; of the others, the files."""
    shown = [location for location in locations if location.hit is not None][:limit]
    rest = [location for location in locations if location not in shown]
    lines = [f"- {_line(kind, location, first_number)}" for location in shown]
    if rest:
        lines.append(f"- and {len(rest)} more in {_files(rest)}")
    return "\n".join(lines)


def reasons(doubts: Iterable[Doubt]) -> Iterator[str]:
    """Why there may be more."""
    paths: dict[DoubtKind, list[str]] = {}
    for doubt in doubts:
        paths.setdefault(doubt.kind, []).extend([doubt.path] if doubt.path else [])
    reasons = []
    for kind, blamed in paths.items():
        one, several = _DOUBTS[kind]
        reasons.append(f"{_paths(blamed) or 'a file'} {several if blamed[1:] else one}" if several else one)
    if reasons:
        yield f"There may be more: {'; '.join(reasons)}."


def _code(text: str) -> str:
    return code_span(text, _LINE)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _line(kind: QueryKind, location: Location, first_number: int) -> str:
    place = _place(location, first_number)
    if kind in ("definition", "signature"):
        return f"{place}: {code_span(_tight(location.text), len(location.text) + 1)}"
    if kind == "outline":
        return f"{_code(location.symbol)}, {location.kind}, {place}: {_code(_tight(location.text))}"
    around = f" in {_code(location.symbol)}" if location.symbol else ""
    return f"{place}{around}: {_code(location.text)}"


def _tight(signature: str) -> str:
    """A signature without the blanks that line breaks leave inside brackets."""
    return re.sub(r"(?<=[(\[]) |,? (?=[)\]])", "", signature)


def _files(locations: Sequence[Location]) -> str:
    return _paths(list(dict.fromkeys(location.path for location in locations)))


def _paths(paths: Sequence[str]) -> str:
    shown = ", ".join(f"`{one_line(path)}`" for path in paths[:5])
    return shown + (f" and {len(paths) - 5} other files" if paths[5:] else "")
