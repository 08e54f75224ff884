"""A text with its syntax tree, or the code of other languages inside it with theirs. Does not query them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from indexer.files.languages import BY_NAME
from indexer.parsing.embedded import embedded
from indexer.parsing.syntax import Match, Span, Tree, matches, parse_tree


@dataclass(frozen=True, slots=True)
class ParsedCode:
    """A parsed text."""

    grammar: str
    source: bytes
    tree: Tree

    def matches(self, query: str, spans: Iterable[Span] = ()) -> Iterator[Match]:
        return matches(self.tree, self.grammar, query, spans)


def parsed(text: str, language: str, grammars: Collection[str], seconds: float) -> Iterator[ParsedCode | None]:
    """The text, or the code of other languages inside it, where it is in one of the grammars; None for one too late."""
    parts = [(part.text, part.language) for part in embedded(text, language)] or [(text, language)]
    for part, name in parts:
        grammar = BY_NAME[name].grammar if name in BY_NAME else ""
        if grammar in grammars:
            source = part.encode("utf-8", "replace")
            tree = parse_tree(source, grammar, seconds)
            yield ParsedCode(grammar, source, tree) if tree else None
