"""Questions for a value -> the lines of the index that give it, best first. Reads only the index."""

import math
import re
from collections.abc import Sequence

from indexer.files.roles import is_test
from indexer.navigation.locations import Location
from indexer.parsing.identifiers import query_terms
from indexer.project.settings import SettingQuery
from indexer.project.values import Place, ValueLine, values_in
from indexer.storage.snapshot import ChunkRow, Snapshot

_POOL = 250  # chunks that are looked through
_SHOWN = 3
_LEAST, _LEAST_HINTED = 0.45, 0.28  # coverage of a line that is told
_CLOSE = 0.6  # of the best score: lines below it are not told
_ASIDE, _DOCUMENTS = 0.5, 0.5  # factors
_ASIDE_PATH = re.compile(
    r"(?:^|/)(?:examples?|samples?|demos?|bench\w*|vendor|third_party|locales?|i18n|changelog|history)\b"
    r"|(?:^|/)(?:package(?:-lock)?\.json|setup\.cfg|tox\.ini|\.[^/]+)$|^\.\w+/",
    re.IGNORECASE,
)
_DOCUMENT = frozenset({"markdown", "rst", "text", "html", "csv"})


def find_values(query: SettingQuery, snapshot: Snapshot) -> list[Location]:
    """At most a few lines, each with a name and a value; none where no line covers the question."""
    terms = list(dict.fromkeys([*query_terms(query.text), *query.words, *query.hints]))
    weights = _weights(query.words, snapshot)
    main = [term for term in terms if term in weights] or terms
    ids = dict.fromkeys(chunk for found in (main, terms) for chunk, _ in snapshot.lexical(found, _POOL))
    rows = snapshot.rows(list(ids)).values()
    told = [row for row in rows if "test" in query.words or not is_test(row.chunk.path)]
    found = [(line, _factor(row)) for row in told for line in values_in(_place(row), query, weights)]
    ranked = sorted(found, key=lambda item: (-item[0].score * item[1], item[0].path, item[0].line))
    covered = [(line, line.score * factor) for line, factor in ranked if line.coverage >= _least(line)]
    best = covered[0][1] if covered else 0.0
    return [_location(line) for line, score in _distinct(covered) if score >= _CLOSE * best][:_SHOWN]


def _least(line: ValueLine) -> float:
    return _LEAST_HINTED if line.is_hinted else _LEAST


def _distinct(lines: Sequence[tuple[ValueLine, float]]) -> list[tuple[ValueLine, float]]:
    """Of lines with the same text, or overlapping chunks, the first."""
    return list({line.text.rstrip(",;"): (line, score) for line, score in reversed(lines)}.values())[::-1]


def _weights(words: Sequence[str], snapshot: Snapshot) -> dict[str, float]:
    """How rare each word is; one that occurs nowhere counts as the rarest."""
    chunks, frequency = max(1, snapshot.chunks), snapshot.frequency(words)
    return {word: math.log(2 + chunks / (1 + frequency.get(word, 0))) for word in words}


def _place(row: ChunkRow) -> Place:
    chunk = row.chunk
    return Place(chunk.path, chunk.start_line, chunk.symbol, chunk.text)


def _factor(row: ChunkRow) -> float:
    factor = _ASIDE if _ASIDE_PATH.search(row.chunk.path) else 1.0
    return factor * (_DOCUMENTS if row.chunk.language in _DOCUMENT else 1.0)


def _location(line: ValueLine) -> Location:
    kind = "option" if line.option else "value"
    return Location(line.path, line.line, line.option or line.symbol, kind, line.text, end=line.end)
