"""A question parsed for retrieval: its terms, the names it mentions, and the earlier questions that it needs.

Pure text; knows no index.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from indexer.files.content.encodings import composed
from indexer.parsing.identifiers import content_words, is_identifier, query_terms

_FEW = 2  # content words below which a question does not stand alone
_CODE_NAMES = 400  # of a question that count
_TURNS = 3  # earlier questions that a follow-up may need

_PRONOUN = re.compile(
    r"\b(?:it|its|it's|they|them|their|theirs|he|she|this|that|these|those|there"
    r"|the (?:same|above|former|latter|first|second))\b",
    re.IGNORECASE,
)
# Pronouns that refer to nothing before: "is it possible", "is there a ...", "this repository".
_NO_REFERENCE = re.compile(
    r"\b(?:is|was|would|isn't) it (?:possible|necessary|safe|ok|okay|true)\b"
    r"|\b(?:is|are|was|were) there\b|\bthere (?:is|are)\b"
    r"|\b(?:this|that|these|those|the same)"
    r" (?:repo|repository|codebase|code base|code|project|package|library|app|tool|folder)\b"
    r"|\bthat (?:is|are|was|were|has|have|does|do|can|will|should|[a-z]+s)\b",
    re.IGNORECASE,
)
# Every expression here reads a character a bounded number of times: a question may have any characters.
_QUOTED = re.compile(r"[`'\"]([^`'\"\s]{2,80})[`'\"]|([\w.]++)(?:(?<=\w)(\s?\())?")
_NAME_START = re.compile(r"\b[^\W\d](?=[\w.])")
_DOTTED = re.compile(r"\b[^\W\d]\w*+(?:(?:\.|::|#)[^\W\d]\w*+)++")
_FILE = re.compile(r"(?<![\w/.-])[\w./-]*[\w-]\.[A-Za-z][A-Za-z0-9]{0,4}\b")
_TESTS = re.compile(
    r"\b(?:which|what|where|how|show|list|find|any|are there)\b[^.?!\n]{0,60}"
    r"\b(?:tests?|tested|testing|specs?|fixtures?)\b"
    r"|\btests? (?:for|of|that|which|cover\w*|check\w*)\b|\bfixtures?\b",
    re.IGNORECASE,
)
_REPORT_LENGTH = 200  # characters from which on a text describes a problem, and does not ask for tests
# Text in reports that is not their author's: comments and checkboxes of a form, code, tracebacks, addresses.
_COMMENT = ("<!--", "-->")
_FORM = re.compile(r"^[^\S\n]*+[-*] \[[ xX]\].*$|<details>|</?summary>", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^([`~]{3,}).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_TRACE = re.compile(
    r'^[^\S\n]*+File "[^"\n]+", line \d+.*(?:\n .*)?$|^[^\S\n]++at \S[^\s(]*+\(.*\)$|^Traceback .*$|^[^\S\n]*+>>> .*$',
    re.MULTILINE,
)
_ADDRESS = re.compile(r"https?://\S+")
_DOCS = re.compile(
    r"\b(?:docs?|documentation|documented|readme|changelog|guide|tutorial|licen[cs]e|install(?:ation|ing)?"
    r"|contribut\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question ready for retrieval, with the earlier questions that it needs."""

    text: str  # to embed: what a person wrote, without code and output of programs
    terms: tuple[str, ...]  # of the first line, in order, each once
    more_terms: tuple[tuple[str, int], ...]  # terms of the other lines only, with their counts
    names: tuple[tuple[str, float], ...]  # possible names of symbols, each with its probability (0 to 1]
    files: tuple[str, ...]  # file names that it mentions
    about_tests: bool
    about_docs: bool
    is_report: bool  # it describes something at length, as a bug report does


def parse_query(question: str, history: Sequence[str] = ()) -> SearchQuery:
    """`history`: the user's earlier questions, oldest first. They are used only if this one does not stand alone."""
    text = _FORM.sub(" ", _without_comments(composed("\n".join([*_needed(question, history), question]))))
    title = text.strip().partition("\n")[0] if not history else text
    terms = query_terms(title)
    rest = Counter(query_terms_with_repeats(text)) if title != text else Counter()
    for term in terms:
        rest.pop(term, None)
    return SearchQuery(
        text=_prose(text),
        terms=tuple(terms),
        more_terms=tuple(rest.items()),
        names=tuple(_names(text).items()),
        files=tuple(dict.fromkeys(_FILE.findall(text))),
        about_tests=len(question) < _REPORT_LENGTH and bool(_TESTS.search(question)),
        about_docs=bool(_DOCS.search(question)),
        is_report=len(question) >= _REPORT_LENGTH,
    )


def stands_alone(question: str) -> bool:
    """Whether it can be understood without the conversation: it has enough words, and no pronoun refers back."""
    pronoun = _PRONOUN.search(_NO_REFERENCE.sub(" ", question))
    return not pronoun and len(content_words(question)) >= _FEW


def query_terms_with_repeats(text: str) -> list[str]:
    return [term for line in text.split("\n") if line.strip() for term in query_terms(line)]


def _needed(question: str, history: Sequence[str]) -> list[str]:
    """The earlier questions that a follow-up needs: back to the last one that stands alone."""
    if stands_alone(question):
        return []
    needed: list[str] = []
    for earlier in reversed(history[-_TURNS:]):
        needed.insert(0, earlier)
        if stands_alone(earlier):
            break
    return needed


def _without_comments(text: str) -> str:
    """Without HTML comments. One that is not closed is text."""
    opening, closing = _COMMENT
    pieces, at = [], 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        pieces += [text[at:start], " "]
        at = end + len(closing)
    return "".join([*pieces, text[at:]])


def _prose(text: str) -> str:
    """What a person wrote; the whole text if that has no content words."""
    prose = text
    for noise in (_FENCED, _TRACE, _ADDRESS):
        prose = noise.sub(" ", prose)
    return prose if content_words(prose) else text


def _written_as_code(text: str) -> Iterator[str]:
    """The last parts of the names that are quoted, called or dotted."""
    for quoted, word, is_called in _QUOTED.findall(text):
        if quoted or (is_called and _NAME_START.search(word)):
            yield (quoted or word).rpartition(".")[2].strip("()")
    for dotted in _DOTTED.findall(text):
        yield re.split(r"\.|::|#", dotted)[-1]


def _names(text: str) -> dict[str, float]:
    """Possible names in lower case, with their probability: 1 if quoted, called, dotted or written as code.

    Plain words, and two neighbouring words as one name, have less.
    """
    names: dict[str, float] = {}
    words = content_words(text)[:60]
    for first, second in pairwise(words):
        for joined in (f"{first}_{second}", f"{first}{second}"):
            names[joined.lower()] = 0.6
    for word in words:
        if len(word) > 2 or not word.isascii():
            names[word.lower()] = 1.0 if is_identifier(word) else 0.3 + 0.2 * word[0].isupper()
    for name in islice(_written_as_code(text), _CODE_NAMES):
        names[name.lower()] = 1.0
    return {name: weight for name, weight in names.items() if name}
