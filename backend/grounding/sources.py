"""The numbered snippets of a conversation and the words they contain. Does not read the disk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from backend.db.tables import TurnRow
from backend.extractive.matching import content_stems
from backend.indexing.attachments import ATTACHED
from indexer.types import Hit
from prompts.quoted_names import is_path_in, own_words
from prompts.snippets import Snippet, shown_text, shown_title
from prompts.values import Numbers, Value, numbers_in


@dataclass(frozen=True)
class Source:
    """A numbered snippet as the conversation shows it."""

    n: int
    path: str
    start: int
    end: int
    sha: str  # of the whole file when it was shown
    text: str
    title: str  # symbol, signature, documentation
    attached: bool  # text from the user, independent of the disk

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"\w+", self._content))

    @cached_property
    def stems(self) -> frozenset[str]:
        return content_stems(self._content)

    @cached_property
    def numbers(self) -> Numbers:
        return numbers_in(f"{self.title} {self.text}")

    @property
    def _content(self) -> str:
        return f"{self.path} {self.title} {self.text}"

    def lines(self, first: int, last: int) -> list[str]:
        """The shown ones of the lines first..last; all lines where the text does not match the lines one to one."""
        lines = self.text.split("\n")
        whole = len(lines) != self.end - self.start + 1
        return lines if whole else lines[max(0, first - self.start) : max(0, last + 1 - self.start)]

    def states(self, value: Value) -> bool:
        return value.stands_in(self.text, self.numbers)


def contain(sources: Sequence[Source], name: str) -> bool:
    """Whether these sources together contain every word of a name, or one of them has it as its path."""
    known = all(any(word in source.words for source in sources) for word in own_words(name))
    return known or any(is_path_in(name, source.path) for source in sources)


def conversation_sources(history: Sequence[TurnRow], snippets: Sequence[Snippet]) -> list[Source]:
    """All numbered snippets of the conversation, those of the newest prompt first."""
    sources = {snippet.n: _of_hit(snippet.n, snippet.hit) for snippet in snippets}
    for row in history:
        add_shown(sources, row)
    return list(sources.values())


def add_shown(sources: dict[int, Source], row: TurnRow) -> None:
    """Adds what a turn shows to `sources`, by number. The first turn that lists a number shows its text."""
    for item in row.sources:
        if item["n"] not in sources:
            sources[item["n"]] = _of_item(item, row.user_message)


def _of_hit(n: int, hit: Hit) -> Source:
    title = f"{hit.symbol} {hit.signature} {hit.doc}"
    return Source(n, hit.path, hit.start_line, hit.end_line, hit.sha, hit.text, title, hit.kind == ATTACHED)


def _of_item(item: dict[str, object], message: str) -> Source:
    n, path, start, end = (item[name] for name in ("n", "path", "start", "end"))
    assert isinstance(n, int) and isinstance(path, str) and isinstance(start, int) and isinstance(end, int)  # noqa: PT018
    text = shown_text(message, n, path, start, end)
    title = f"{item['symbol'] or ''} {shown_title(message, n, path, start, end)}"
    return Source(n, path, start, end, str(item["sha"]), text, title, bool(item.get("attached", False)))
