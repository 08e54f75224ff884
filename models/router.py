"""Routes a question to a tier of models: a difficulty score from 1 to 10 by stated features, and the tiers to try.

Pure: knows words and counts, not the models. The words are English; a question in another language is scored by its
length, its code and the files of its snippets alone.

Every question has 1 point; `FEATURES` add or take points. 1-3 is small, 4-6 medium, 7-10 remote.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

TIERS = ("small", "medium", "remote")
SMALL_BYTES = 3_500_000_000  # a model file below this is small, where its entry states no tier
MEDIUM_SCORE, REMOTE_SCORE = 4, 7

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_IDENTIFIER = re.compile(  # `optimize_plan` orders nothing
    r"`[^`]*`|(?<!\w)(?:[^\W_]*+_\w*+|\w++\.\w++|[a-z]++[A-Z]\w*+|\w++\(\))"
)
_TRACE = re.compile(
    r"^(?:Traceback \(most recent|[^\S\n]++at \S[^\s(]*+\(|[^\S\n]*+File \".+\", line \d+|panic: "
    r"|thread '.+' panicked)",
    re.M,
)
_WORD = re.compile(r"\w+")
_CLAUSE = re.compile(r"[.?!;:,\n]+|\b(?:and|then|also)\b")
_ASKS = re.compile(
    r"\W*+(?:\d++\W++)?+(?:please\s++)?(?:what|why|how|where|when|which|who|whether|can|could|should|would|does|do|is|are|"
    r"explain|describe|show|list|find|tell|summari[sz]e|compare|write|add|make|change|fix|move|remove|implement|create|"
    r"refactor|rewrite|design|propose|suggest|recommend|review|check|test|document|optimi[sz]e|migrate|debug)\b"
)


@dataclass(frozen=True, slots=True)
class RoutingFeatures:
    """What of a question decides its difficulty."""

    text: str = ""
    files: int = 0  # that its snippets come from
    lines: int = 0  # of attached code


class Feature(NamedTuple):
    name: str
    points: int
    holds: Callable[[RoutingFeatures], bool]


def _says(pattern: str) -> Callable[[RoutingFeatures], bool]:
    compiled = re.compile(rf"\b(?:{pattern})", re.IGNORECASE)
    return lambda features: compiled.search(_prose(features)) is not None


_REASON = r"why\b|how\b|explain|reason|understand|walk me"
_WEIGH = r"compar|trade-?offs?\b|versus\b|vs\b|alternative|pros and cons|better\b|recommend|review"
_CHANGE = (
    r"refactor|rewrit|implement|migrat|convert|port\s++(?:\w++\s++){1,12}?to\b|optimi[sz]|fix\b|write\b|add\b|rename\b|"
    r"replace\b|extend\b"
)
_WIDE = (
    r"overview|everywhere|across\b|(?:whole|entire) (?:code|project|system)|"
    r"(?:each|every|all) (?:of the )?(?:file|module|place)"
)
_DESIGN = r"design|architect|strategy|scal(?:e|ing|able|ability)\b|propos"
_FAULT = r"race condition|deadlock|memory leak|leaks?\b|concurren|vulnerab|debug|flaky"
_LOOKUP = r"where (?:is|are|do|does)\b|which (?:file|line|module|class|function)\b|find\b"

FEATURES = (
    Feature("more than 25 words", 1, lambda features: _words(features) > 25),
    Feature("more than 80 words", 1, lambda features: _words(features) > 80),
    Feature("asks two things", 1, lambda features: request_count(features) >= 2),
    Feature("asks four things", 1, lambda features: request_count(features) >= 4),
    Feature("wants a reason or a way", 1, _says(_REASON)),
    Feature("weighs one thing against another", 2, _says(_WEIGH)),
    Feature("changes code", 2, _says(_CHANGE)),
    Feature("ranges over the codebase", 1, _says(_WIDE)),
    Feature("designs", 2, _says(_DESIGN)),
    Feature("hunts a hard fault", 2, _says(_FAULT)),
    Feature("brings code or a trace", 1, lambda features: _code_lines(features) > 0),
    Feature("brings more than 100 lines", 1, lambda features: _code_lines(features) > 100),
    Feature("evidence from six files", 1, lambda features: features.files >= 6),
    Feature("looks something up", -1, _says(_LOOKUP)),
)


def score(features: RoutingFeatures) -> int:
    """The difficulty of a question, from 1 to 10."""
    return min(10, max(1, 1 + sum(feature.points for feature in FEATURES if feature.holds(features))))


def tier_for(points: int) -> str:
    """The tier for a score."""
    return "remote" if points >= REMOTE_SCORE else "medium" if points >= MEDIUM_SCORE else "small"


def model_tier(stated: str, size_bytes: int) -> str:
    """The tier of a model: that of its catalogue entry, else by the size of its file."""
    return stated or ("small" if size_bytes < SMALL_BYTES else "medium")


def fallback_order(wanted: str, available: Collection[str]) -> list[str]:
    """The tiers to try, in order: the wanted one, those below it downwards, then those above it upwards."""
    at = TIERS.index(wanted)
    return [name for name in (*reversed(TIERS[: at + 1]), *TIERS[at + 1 :]) if name in available]


def request_count(features: RoutingFeatures) -> int:
    """The number of requests in a question: clauses that begin as a question or an order does."""
    return sum(_ASKS.match(clause) is not None for clause in _CLAUSE.split(_prose(features).lower()))


def _prose(features: RoutingFeatures) -> str:
    """The user's own words; each code name is replaced by a word without a meaning."""
    return _without_code(features.text)


@lru_cache(maxsize=8)  # each feature asks for it
def _without_code(text: str) -> str:
    return _IDENTIFIER.sub("x", _FENCE.sub(" ", text))


def _words(features: RoutingFeatures) -> int:
    return len(_WORD.findall(_prose(features)))


def _code_lines(features: RoutingFeatures) -> int:
    """Lines of code, attached or fenced, or of a stack trace."""
    fenced: int = sum(max(1, fence.count("\n") - 1) for fence in _FENCE.findall(features.text))
    return features.lines + fenced + len(_TRACE.findall(features.text))
