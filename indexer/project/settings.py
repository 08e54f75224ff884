"""Questions for a value, recognised by their wording: a default, a limit, a size, a duration, a name, a port.

Pure text: does not know whether there is such a setting.
"""

import re
from dataclasses import dataclass
from typing import Literal

from indexer.parsing.identifiers import stem, word_parts

Measure = Literal["number", "duration", "size", "text", "switch", "variable", "port", "any"]

_LONGEST = 140  # characters
_THINGS = (
    r"timeout|delay|interval|limit|size|length|depth|width|height|age|lifetime|duration|ttl|expiry|expiration"
    r"|number|count"
    r"|port|host|hostname|address|path|url|uri|prefix|suffix|extension|name|encoding|charset|format|separator"
    r"|delimiter|key"
    r"|value|setting|level|mode|buffer|threshold|capacity|rate|ratio|retries|attempts|backoff|status(?: code)?"
    r"|code|header"
    r"|folder|directory|file|filename|locale|language|method|strategy|policy|algorithm|seed|precision|theme"
    r"|color|colour"
    r"|user agent|environment|env|version|protocol|scheme|weight|priority|indentation|indent|workers?|threads?"
    r"|template"
)
# The first that is found counts.
_TABLE: tuple[tuple[Measure, str], ...] = (
    ("variable", r"\b(?:environment|env) (?:variables?|vars?|settings?)\b"),
    ("port", r"\b(?:which|what)(?: (?:is|are) the)?(?: \w+){0,3} ports?(?: number)?\b"),
    ("size", r"^(?!.*\b(?:kept|live[sd]?|lasts?|stored|valid|cached|remembered|held)\b)"
             r".*\bhow long (?:may|can|must|should|is|are|could) .*\b(?:message|string|name|line|password|url"
             r"|title|text|key|word|comment|description|value|id|identifier|token)s?\b"),
    ("duration", r"\bhow (?:long|often|soon|late|quickly|fast)\b|\b(?:timeout|interval|delay|lifetime|ttl|duration)\b"
                 r"|\bafter (?:how (?:long|many (?:seconds|minutes|hours|days))|what time)\b|\bwhen (?:do|does"
                 r"|will) .* (?:expire|"
                 r"time out)\b|\b(?:how many|number of) (?:milliseconds|seconds|minutes|hours|days)\b"),
    ("size", r"\bhow (?:big|large|small|wide|high|deep|far)\b|\b(?:from|at|above|over|up to|beyond) (?:which|what)"
             r"(?: \w+){0,3} (?:size|length|number)\b|\b(?:maximum|max|minimum|min|default|largest"
             r"|smallest)(?: \w+){0,3} (?:size|length|width|depth)\b|\bhow much (?:memory|data|space)\b"),
    ("number", r"\bhow (?:many|much)\b|\b(?:maximum|minimum|max|min) (?:number|count|amount)\b|\b(?:which"
               r"|what) port\b"
               r"|\b(?:maximum|minimum|upper|lower) limit\b|\bat (?:most|least)\b|\blimit(?:ed)? (?:of|on|for|to)\b"
               r"|\b(?:what|which) (?:is|are) the (?:\w+ ){0,3}(?:limit|maximum|minimum|port|number)\b"),
    ("text", r"\b(?:what|which) (?:is|are) the (?:default )?(?:\w+ ){0,2}(?:name|path|url|prefix|suffix|folder"
             r"|directory|host|extension|encoding|charset|separator|delimiter|header|file|key|address)\b"
             r"|\b(?:which|what) (?:folder|directory|file|path|host|header|cookie|encoding|charset|extension"
             r"|prefix|suffix|address|separator|delimiter|character|name|url|algorithm|method)\b"),
    ("switch", r"^(?:is|are|does|do) .*\b(?:by default|enabled|disabled|on or off)\b"),
    ("any", rf"^(?:what|which) (?:\w+ ){{0,2}}(?:{_THINGS}) (?:is|are) (?:used|set|sent|taken|chosen|applied)\b"),
    ("any", r"^what(?: is|'s) the (?:\w+ ){0,3}(?:timeout|limit|size|length|port|host|interval|delay|threshold"
            r"|capacity|rate|ttl|lifetime|encoding|charset|prefix|suffix|separator|delimiter|url|address)$"),
    ("any", rf"\b(?:what|which) (?:is|are) the (?:\w+ )?default\b|\bby default\b|\bdefaults? (?:to|of|for|value)\b"
            rf"|\b(?:what|which) (?:\w+ ){{0,3}}(?:is|are) (?:used|set|sent|taken|chosen) by default\b"
            rf"|\bdefault (?:\w+ ){{0,2}}(?:{_THINGS})\b|\b(?:what|which) (?:is|are) the (?:\w+ ){{0,3}}(?:{_THINGS})"
            r" (?:of|for|when|if|in)\b|\bwhat does .* default to\b"),
)  # fmt: skip
_PATTERNS = tuple((measure, re.compile(pattern, re.IGNORECASE)) for measure, pattern in _TABLE)
_ASKS = re.compile(
    r"\W*(?:and |so |but )?(?:(?:on|in|at|from|after|under|until|up to|by|to|for|with|above|below) )?(?:the )?"
    r"(?:what|which|how (?:many|much|long|big|large|small|often|soon|late|deep|wide|high|far|fast|quickly)\b"
    r"|when|is|are|does|do|default|maximum|minimum|max|min)",
    re.IGNORECASE,
)
# Words that only ask.
_COMMON = """
    a an and any are at be been before by can could default defaults did do does for from get given has have how i if in
    into is it its long many may much must my no not of off on one or our per setting settings set should since so than
    that the their them then there these they this those to under until up us use used using value was we were what when
    where which while who will with without would you your allowed configured possible often big large small maximum
    minimum max min most least limit limits kind number project code option options library after name folder directory
    look looked enabled disabled enable disable active turned variable variables environment env var vars open opened
    start started keep kept sent accept accepted made stay hold held contain control
    controls take takes run runs running serve served serves"""
# Of these, those that name something where nothing else does: "What is the default environment?"
_WEAK = frozenset(stem(word) for word in ["environment", "name", "folder", "directory", "limit", "code", "kind"])
_ASKING = frozenset(stem(word) for word in _COMMON.split())
# Words of a question -> how a name or a comment says it.
_MEANS = (
    (
        r"at most|maximum|max|up to|limit\w*|largest|longest|may|can|allowed|how (?:many|big|large|deep|long)",
        "max maximum limit",
    ),
    (r"at least|minimum|min|from (?:which|what)|smallest|shortest|above (?:which|what)", "min minimum threshold"),
    (
        r"live[sd]?|last|lasts|expires?|valid|kept|keep|stay|remembered|how long",
        "age ttl expire expiration lifetime expiry retention",
    ),
    (r"live[sd]?|kept|keep|stay", "alive keep"),
    (r"wait\w*|give up|times? out|how long", "timeout wait delay"),
    (r"how often|again|every", "interval period frequency"),
    (r"tries|tried|retried", "retry attempt retries"),
    (r"folder|directory", "dir path"),
    (r"how big|how large|memory|size|capacity", "size bytes length capacity"),
    (r"sent", "send"),
    (r"parallel|concurrent\w*|same time|at once|simultaneous\w*", "concurrency workers parallel max"),
    (r"listen\w*", "port host bind"),
    (r"environment variable|env var", "env environ getenv"),
    (r"threads?", "worker"),
    (r"wide", "width"),
    (r"deep\w*", "depth"),
    (r"high", "height"),
)
_PORT = ("listen", "bind", "addr", "address", "expose")
_MEANING = tuple((re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), words.split()) for pattern, words in _MEANS)


@dataclass(frozen=True, slots=True)
class SettingQuery:
    """A question for a value."""

    measure: Measure  # what the value is like
    words: tuple[str, ...]  # stems of what it is about, each once
    hints: tuple[str, ...]  # stems of other words for what it asks
    text: str

    @property
    def asks_default(self) -> bool:
        return "default" in self.text.lower()


def parse_setting_query(question: str) -> SettingQuery | None:
    """None for a question that does not ask for a value."""
    text = question.strip().rstrip("?!. ")
    if len(text) > _LONGEST or "\n" in text or not _ASKS.match(text):
        return None
    measure = next((measure for measure, pattern in _PATTERNS if pattern.search(text)), None)
    stems = [word for word in _stems(text) if len(word) > 1]
    words = tuple(word for word in stems if word not in _ASKING) or tuple(word for word in stems if word in _WEAK)
    if measure is None or not words:
        return None
    meant = [(match[0], others) for pattern, others in _MEANING for match in pattern.finditer(text)]
    said = {word for phrase, _ in meant for word in _stems(phrase)}
    others = [*(word for _, words in meant for word in words), *(_PORT if measure == "port" else ())]
    hints = dict.fromkeys(stem(word) for word in others)
    return SettingQuery(measure, tuple(word for word in words if word not in said) or words, tuple(hints), text)


def _stems(text: str) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(stem(word.lower()) for word in word_parts(text)))
