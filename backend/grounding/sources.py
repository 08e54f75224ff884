"""The pieces of code that a conversation shows under a number, and what they say. Knows rows and snippets, no disk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from backend.db.tables import TurnRow
from backend.indexing.attachments import ATTACHED
from indexer.types import Hit
from models.extractive.matching import content_stems
from prompts.quoted_names import is_path_in, own_words
from prompts.snippets import Snippet, shown_text, shown_title
from prompts.values import Numbers, Value, numbers_in


@dataclass(frozen=True)
class Source:
    """A numbered piece of code as the conversation shows it."""

    n: int
    path: str
    start: int
    end: int
    sha: str  # of the whole file then
    text: str
    title: str  # what it says of itself beside its text: symbol, signature, documentation
    attached: bool  # the user's own text, which is what it is whatever the disk holds
    words: frozenset[str] = field(init=False)
    stems: frozenset[str] = field(init=False)
    numbers: Numbers = field(init=False)

    def __post_init__(self) -> None:
        said = f"{self.path} {self.title} {self.text}"
        object.__setattr__(self, "words", frozenset(re.findall(r"\w+", said)))
        object.__setattr__(self, "stems", content_stems(said))
        object.__setattr__(self, "numbers", numbers_in(f"{self.title} {self.text}"))

    def lines(self, first: int, last: int) -> list[str]:
        """Those of the lines first..last that it shows; all where the text is not the lines one to one."""
        lines = self.text.split("\n")
        whole = len(lines) != self.end - self.start + 1
        return lines if whole else lines[max(0, first - self.start) : max(0, last + 1 - self.start)]

    def states(self, value: Value) -> bool:
        return value.stands_in(self.text, self.numbers)


def holds(sources: Sequence[Source], name: str) -> bool:
    """Whether these sources, together, show every word of a name, or are the path that it is."""
    words = set(chain.from_iterable(source.words for source in sources))
    return words >= set(own_words(name)) or any(is_path_in(name, source.path) for source in sources)


def known_sources(past: Sequence[TurnRow], snippets: Sequence[Snippet]) -> list[Source]:
    """Everything that the conversation shows under a number, the newest prompt first."""
    known = {snippet.n: _of_hit(snippet.n, snippet.hit) for snippet in snippets}
    for row in past:
        for item in row.sources:  # the first turn that lists a number shows its text
            if item["n"] not in known:
                known[item["n"]] = _of_item(item, row.user_message)
    return list(known.values())


def _of_hit(n: int, hit: Hit) -> Source:
    title = f"{hit.symbol} {hit.signature} {hit.doc}"
    return Source(n, hit.path, hit.start_line, hit.end_line, hit.sha, hit.text, title, hit.kind == ATTACHED)


def _of_item(item: dict[str, object], message: str) -> Source:
    n, path, start, end = (item[name] for name in ("n", "path", "start", "end"))
    assert isinstance(n, int) and isinstance(path, str) and isinstance(start, int) and isinstance(end, int)  # noqa: PT018
    text = shown_text(message, n, path, start, end)
    title = f"{item['symbol'] or ''} {shown_title(message, n, path, start, end)}"
    return Source(n, path, start, end, str(item["sha"]), text, title, bool(item.get("attached", False)))
