"""An answer about the project as Markdown: one sentence for each line of a file that tells the fact.

The same answer always gives the same text; knows no index and no protocol.
"""

from collections.abc import Sequence

from backend.extractive.prose import code_span
from indexer.navigation.locations import Location
from indexer.project.answers import ProjectAnswer
from prompts.visible import one_line

_LISTED = 8
_LINE = 400  # characters
# By the kind of a location: {what} is its name, {text} what stands there, {place} its file, line and citation.
_SENTENCES = {
    "key": "{what} is {text} in {place}.",
    "code": "{text} in {place}.",
    "command": "Run {what}, from {place}: it runs {text}.",
    "said": "{text}, as in {place}.",
    "implied": "{what} is the usual command for a project with {place}.",
    "text": "{place} says: {text}",
    "heading": "{place} has a section {what}.",
    "licence": "{place} is the text of the licence {text}.",
    "file": "{place} is a main file.",
    "folder": "{what} has {text}, such as {place}.",
    "list": "{what}, in {place}: {text}.",
    "value": "{text}, in {place}.",
    "option": "{what} has {text}, in {place}.",
}
_WITHOUT_TEXT = frozenset({"key", "command"})


def project_listing(answer: ProjectAnswer, numbers: Sequence[int]) -> str:
    """Markdown. `numbers`: the source numbers of the hits."""
    shown = [location for location in answer.locations if location.hit is not None][:_LISTED]
    first, *others = [_sentence(location, numbers) for location in shown]
    return "\n\n".join(filter(None, (first, "\n".join(f"- {sentence}" for sentence in others))))


def _sentence(location: Location, numbers: Sequence[int]) -> str:
    cited = f" [{numbers[location.hit]}]" if location.hit is not None else ""
    place = f"`{one_line(location.path)}:{location.line}`{cited}"
    pattern = (
        _SENTENCES[location.kind] if location.text or location.kind not in _WITHOUT_TEXT else "{what}, in {place}."
    )
    sentence = pattern.format(what=code_span(location.symbol, _LINE), text=code_span(location.text, _LINE), place=place)
    goes_on = len(location.text) > _LINE and location.end > location.line
    return f"{sentence} It goes on to line {location.end}." if goes_on else sentence
