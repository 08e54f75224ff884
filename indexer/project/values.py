"""Lines of code that give a name a value, and how well each answers a question for a value. Pure text.

`DEFAULT_MAX_REDIRECTS = 20` answers "How many redirects are followed at most?".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexer.parsing.identifiers import stem, word_parts
from indexer.project.assignments import DEFAULT_OF, Assignment, assignments, assignments_at, code
from indexer.project.settings import SettingQuery

_LONGEST = 600  # characters of a line that is looked at
_SIGN = re.compile(r"[=:]|define|able\b|\bset|\$\{|^EXPOSE")  # a line without one gives nothing a value
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d_]*(?:\.\d+)?")
_PORT = re.compile(r"(?<![\w.:-])\d{2,5}(?![\w.:])")
_ADDRESS = re.compile(r"(?<![\d:])(?:[\w.*-]*|\[[\w:]*\]):(\d{1,5})(?![\w.:])")  # host:port, :port
_HIGHEST_PORT = 65535
_LISTENS = re.compile(r"(?:\.[lL]isten(?:AndServe(?:TLS)?)?|::bind)\(\s*(?=(?P<value>[^\s,)][^,)]*))")
_LISTENS_THERE = re.compile(r".*\.(?:[cm]?[jt]sx?|go|rs|dart|php)")  # elsewhere the number is how many may wait
_LISTENED = frozenset({"listen", "expose"})  # a number alone is a port
_NOT_ITSELF = "timeout limit range count max min size interval retry retries delay backlog length"
_ABOUT_PORTS = frozenset(_NOT_ITSELF.split())
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_NUMBER_STRING = re.compile(r".(?:\w+://)?(?:[\w.\[\]*-]*:)?\d[\d_.,]*(?:/\S*)?\s*[a-zA-Z%]{0,9}.")  # with its quotes
_COLLECTION = re.compile(r"\{|\[\s*\d|\[\s*$")
_DURATION = re.compile(
    r"(?i:second|minute|hour|days?\b|milli|duration|time|sec\b|ms\b|ttl|expir|interval|delay|period|wait|backoff|alive)"
    r"|(?<![a-z])age(?![a-z])|Age(?![a-z])|(?<![A-Z])AGE(?![A-Z])|\d\s*\*|\d[smhd]\b"
)
_SIZE = re.compile(r"(?i)size|len|width|depth|height|byte|max|min|limit|length|kb|mb|threshold|capacity")
_TEXT = re.compile(r"[\"'`]([^\"'`]*)[\"'`]|^:\w+")
_SWITCH = re.compile(r"\b(?:true|false|none|null|nil|enabled?|disabled?|on|off)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_EMPTY = re.compile(r"(?:null|none|nil|undefined|\"\"|''|\[\]|\{\})[,;)]*$", re.IGNORECASE)
_NO_LIMIT = re.compile(r"(?:0|-1)[,;)]*$")
_PROSE = re.compile(r".*\.(?:md|mdx|markdown|rst|txt|adoc|html?)", re.IGNORECASE)
_SECRET = re.compile(r"password|passwd|secret|token|api_?key|credential|private_?key|access_?key", re.IGNORECASE)
_ABOUT_SECRET = re.compile(  # TOKEN_HEADER
    r".*(?:header|name|type|url|path|prefix|field|param|cookie|scheme|algorithm"
    r"|ttl|age|expir\w*|lifetime|timeout|length|size|limit|count)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"[\d\s.*_+-]+|true|false|none|null|nil|.*env.*", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(?:#(?!\s*define|\[)|//|\*|/\*|--|;|<!--)")
_CONSTANT = re.compile(r"(?:[A-Z][A-Z0-9_]+|k[A-Z]\w+)$")
_DEFAULT = re.compile(r"default", re.IGNORECASE)
_IS_DEFAULT = re.compile(r"\bdefault(?:_?value)?(?:_t)?\s*[=:]")  # of an option that is named elsewhere
_CONFIGURES = frozenset(
    stem(word) for word in ("config", "configuration", "settings", "setting", "options", "defaults")
)
_UNSIGNED = frozenset({"variable", "port"})
_NUMERIC = frozenset({"number", "size", "duration", "port"})  # a value without a number is none
_COMMON = "default max min maximum minimum limit size count num number config setting value type opt option"
_FILLERS = frozenset(_COMMON.split())

# Worth of a word of the question by where the line or its surroundings have it.
_IN_NAME, _INSIDE_NAME, _SHORT, _IN_LINE, _IN_SYMBOL, _IN_PATH, _BESIDE = 1.0, 0.85, 0.7, 0.5, 0.6, 0.5, 0.3
_HINTS = (0.0, 0.5, 0.8)  # for none, one and two other words of the question's meaning in the name
_MISFIT, _EMPTY_VALUE, _UNLIMITED = 0.45, 0.6, 0.8  # factors
_OTHER_WORD = 0.93  # factor for each word of the name that the question does not have
_HINTED_ONLY = 0.6  # factor where no word of the question itself is in the name
_NEAR = 4  # lines around a line that explain it


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of code in which a value may stand."""

    path: str
    first: int  # line
    symbol: str
    text: str


@dataclass(frozen=True, slots=True)
class ValueLine:
    """A line that gives a name a value."""

    path: str
    line: int
    symbol: str  # the definition around it
    text: str  # the line, with those to which its value goes on
    score: float
    coverage: float  # share of the question's words that it and its surroundings have, by their weight
    is_hinted: bool  # another word of what the question means is in the name
    end: int = 0  # last line of a value that spans several
    option: str = ""  # what a line with "default = " alone is the default of


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What is around a line."""

    symbol: frozenset[str]  # stems
    path: frozenset[str]
    near: tuple[str, ...]  # lines


def values_in(place: Place, query: SettingQuery, weights: Mapping[str, float]) -> Iterator[ValueLine]:
    """The lines whose name has a word of the question. `weights`: of the words."""
    rows = place.text.split("\n")
    symbol, path = _stems(place.symbol), _stems(place.path.replace("/", " "))
    is_code = not _PROSE.fullmatch(place.path)
    beginnings = tuple(word[:3] for word in (*query.words, *query.hints))
    for at, row in enumerate(rows):
        if len(row) > _LONGEST or not (query.measure in _UNSIGNED or _SIGN.search(row)):
            continue
        low = row.lower()
        if is_code and _COMMENT.match(row):
            continue
        if not any(word in low for word in beginnings) and not _IS_DEFAULT.search(low):
            continue
        around = _Surroundings(symbol, path, tuple(rows[max(0, at - _NEAR) : at + 2]))
        scored = [
            (*_score(found, row, around, query, weights), end, found.name)
            for found, end in _named(rows, at, place, query)
            if not _tells_secret(found)
        ]
        score, coverage, is_hinted, end, name = max(scored, default=(0.0, 0.0, False, at, ""))
        if score:
            text = " ".join(part.strip() for part in rows[at : end + 1])
            last = place.first + end if end > at else 0
            option = name.removeprefix(DEFAULT_OF) if name.startswith(DEFAULT_OF) else ""
            yield ValueLine(place.path, place.first + at, place.symbol, text, score, coverage, is_hinted, last, option)


def _named(rows: Sequence[str], at: int, place: Place, query: SettingQuery) -> Iterator[tuple[Assignment, int]]:
    if query.measure == "variable":
        yield from ((found, at) for found in assignments(rows[at], variables=True))
        return
    yield from assignments_at(rows, at, place.symbol)
    if query.measure == "port" and _LISTENS_THERE.fullmatch(place.path):
        calls = _LISTENS.finditer(code(rows[at]))
        yield from ((Assignment("listen", "", call["value"], 1.0), at) for call in calls)


def _score(
    found: Assignment, row: str, around: _Surroundings, query: SettingQuery, weights: Mapping[str, float]
) -> tuple[float, float, bool]:
    """`score`, `coverage` and `is_hinted` of a line; 0 for one that names nothing of the question."""
    own, flat = _stems(found.name), found.name.lower()
    worth = {word: _worth(word, own, flat, row, around) for word in query.words}
    hints = sum(word in own or (len(word) > 3 and word in flat) for word in query.hints if word not in query.words)
    if query.measure == "port" and hints and _is_port(found):
        worth["port"] = max(worth.get("port", 0.0), _INSIDE_NAME)  # listen = "0.0.0.0:8080"
    is_named = any(value >= _SHORT for value in worth.values())
    if not hints and not is_named:
        return 0.0, 0.0, False
    total = sum(weights[word] for word in query.words)
    shared = sum(weights[word] * value for word, value in worth.items()) / total
    coverage = sum(weights[word] for word, value in worth.items() if value >= _BESIDE) / total
    is_default = query.asks_default and bool(_DEFAULT.search(f"{found.name} {row}") or "default" in around.symbol)
    is_setting = query.asks_default and not _CONFIGURES.isdisjoint(around.symbol | around.path)
    hinted = _HINTS[min(hints, 2)] * (1.0 if is_named else _HINTED_ONLY)
    bonus = (
        hinted
        + 0.3 * (is_default and is_named)
        + 0.15 * is_setting
        + 0.2 * bool(_CONSTANT.match(found.name.rpartition(".")[2]))
    )
    others = len(own - set(query.words) - set(query.hints) - _FILLERS)
    factor = _fits(query, found) * found.certainty * _OTHER_WORD**others
    return (shared + bonus) * factor, coverage, hints > 0 or (query.measure == "port" and is_named)


def _worth(word: str, own: frozenset[str], flat: str, row: str, around: _Surroundings) -> float:
    """The best place in which a word of the question stands."""
    if word in own:
        return _IN_NAME
    if len(word) > 3 and word in flat:
        return _INSIDE_NAME
    if any(len(part) > 2 and word.startswith(part) for part in own):  # `buf` for buffer
        return _SHORT
    if word in around.symbol:
        return _IN_SYMBOL
    if word in _stems(row) or (len(word) > 3 and word in row.lower()):
        return _IN_LINE
    if word in around.path or (len(word) > 3 and any(word in part for part in around.path)):
        return _IN_PATH
    return _BESIDE if any(word in _stems(line) for line in around.near) else 0.0


def _tells_secret(found: Assignment) -> bool:
    """Whether the name is that of a password and its like, with a value that may be one."""
    is_named = _SECRET.search(found.name) and not _ABOUT_SECRET.fullmatch(found.name)
    return bool(is_named) and not _NO_SECRET.fullmatch(found.value.strip())


def _unquoted(value: str) -> str:
    """Without the strings that are no number: the digits of "{0}-{1}.conf" count nothing."""
    return _STRING.sub(lambda text: text[0][1:-1] if _NUMBER_STRING.fullmatch(text[0]) else "", value)


def _is_port(found: Assignment) -> bool:
    """Whether it is a number under the name of a port, or an address with a port."""
    value, parts = _unquoted(found.value), {part.lower() for part in word_parts(found.name)}
    if _COLLECTION.match(found.value) or not _ABOUT_PORTS.isdisjoint(parts):
        return False
    is_named = not parts.isdisjoint({"port", "ports"}) or found.name.lower() in _LISTENED
    numbers = _ADDRESS.findall(value) + (_PORT.findall(value) if is_named else [])
    return any(0 < int(number) <= _HIGHEST_PORT for number in numbers)


def _fits(query: SettingQuery, found: Assignment) -> float:
    """Whether the value is of the kind that the question asks for."""
    value, has_number = found.value, bool(_NUMBER.search(_unquoted(found.value)))
    is_text, is_switch = bool(_TEXT.search(value)), bool(_SWITCH.search(value))
    if query.measure in _NUMERIC and not has_number:
        return 0.0
    fits = {
        "number": has_number,
        "port": query.measure == "port" and _is_port(found),
        "size": bool(_SIZE.search(found.name)),
        "duration": bool(_DURATION.search(f"{found.name} {found.type} {value}")),
        "text": is_text,
        "switch": is_switch,
        "variable": bool(_VARIABLE.search(found.name)),
        "any": has_number or is_text or is_switch,
    }
    if query.measure in ("duration", "size", "port") and not fits[query.measure]:
        return 0.0
    if query.measure != "switch" and _EMPTY.match(value.strip()):
        return _EMPTY_VALUE
    fit = 1.0 if fits[query.measure] else _MISFIT
    return fit * (_UNLIMITED if _NO_LIMIT.match(value.strip()) else 1.0)


@lru_cache(maxsize=8192)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word.lower()) for word in word_parts(text))
