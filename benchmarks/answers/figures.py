"""Metrics of an answer against a reference answer, without a judge.

Pure; knows text, not who answered.
"""

import re
import statistics
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

# In the order of the tables. Shares are 0 to 1, times are seconds; None: the answer has no such figure.
SHARES = ("id_recall", "invented", "rouge_l", "file_hit", "cited", "grounding")
OTHERS = ("first_s", "total_s", "words", "prompt")
Row = dict[str, Any]  # the figures of one answer

_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_PATH = re.compile(r"[\w./-]*\w\.(?:c|cc|cfg|cpp|go|h|java|js|md|py|rs|rst|toml|ts)\b")
_TICKED = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"[A-Za-z_]\w*")
_CODELIKE = re.compile(
    r"\b(?:[A-Za-z_]\w*_\w*[A-Za-z0-9]|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|_[a-z]\w{2,})\b", re.ASCII
)
_CITATION = re.compile(r"\[\d+\]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORDS = 600  # of a text that are compared
_SENTENCE = 5  # words: a shorter text is no sentence


def identifiers(text: str) -> set[str]:
    """Names of code in prose: those in backticks, of three letters or more, and words that look like code."""
    prose = _PATH.sub(" ", _FENCED.sub(" ", text))
    ticked = {name for span in _TICKED.findall(prose) for name in _NAME.findall(span) if len(name) > 2}
    return ticked | set(_CODELIKE.findall(prose))


def vocabulary(files: Iterable[tuple[str, str]]) -> set[str]:
    """Every name in a codebase. `files`: path and text of each."""
    return {name for path, text in files for name in (*_NAME.findall(text), *re.findall(r"\w+", path))}


def id_recall(answer: str, reference: str, names: AbstractSet[str]) -> float | None:
    """Share of the reference's identifiers that the answer names too. Those that the codebase lacks do not count."""
    wanted = identifiers(reference) & names
    return len(wanted & identifiers(answer)) / len(wanted) if wanted else None


def invented(answer: str, names: AbstractSet[str]) -> float:
    """Share of the answer's identifiers that the codebase does not have."""
    named = identifiers(answer)
    return len(named - names) / len(named) if named else 0.0


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L (Lin 2004): F1 of the longest common subsequence of words."""
    ours, theirs = (re.findall(r"\w+", text.lower())[:_WORDS] for text in (answer, reference))
    common = _longest_common(ours, theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, row by row of the table."""
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for i, candidate in enumerate(right, 1):
            diagonal, row[i] = row[i], diagonal + 1 if word == candidate else max(row[i], row[i - 1])
    return row[-1]


def cited(answer: str) -> float:
    """Share of the sentences of prose that carry a citation or a path."""
    parts = _SENTENCE_END.split(_FENCED.sub(" ", answer))
    sentences = [part for part in parts if len(part.split()) >= _SENTENCE]
    return sum(bool(_CITATION.search(text) or _PATH.search(text)) for text in sentences) / max(1, len(sentences))


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of each figure over the answers that have it, and the 95th percentile of the first token's time."""
    values = {name: [float(row[name]) for row in rows if row.get(name) is not None] for name in (*SHARES, *OTHERS)}
    means = {name: statistics.mean(numbers) for name, numbers in values.items() if numbers}
    waits = sorted(values["first_s"])
    return means | ({"first_p95": waits[int(0.95 * (len(waits) - 1) + 0.5)]} if waits else {})
