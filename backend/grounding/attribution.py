"""Attribution: a sentence without a citation gets the number of the source that clearly contains its names and words; a
sentence with a wrong number gets the right one. A sentence that no source clearly supports gets none.

Knows the sources of one conversation. Whether they are still the same on disk is checked by `checker`.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from backend.extractive.matching import content_stems
from backend.grounding.sources import Source, contain
from prompts.citations import Citation, citations_in
from prompts.quoted_names import is_path_in, own_words, quoted_names
from prompts.sentences import ALONE, CODE, MAYBE_ALONE, MAYBE_FENCE, NUMBERS, Sentence, SentenceSplitter
from prompts.task import FACT, answer_instruction
from prompts.values import Value, numbers_in, stated_values

MOST_SOURCES = 3  # of one sentence
MIN_WORD_SHARE = 0.6  # share of a sentence's weighted words that its source must contain if it quotes no name
MIN_SHARED_WORDS = 3  # such words
_CODE_SPAN = re.compile(CODE)
_BARE_NAME = re.compile(
    r"(?<![\w`./?&-])(?:[a-z][^\W_]*+_\w++|__\w+__|_\w++(?<!_)(?![^_\n]*\w_(?!\w))|[a-z]++[A-Z]\w*+|[A-Z][^\W_]*+_\w++)(?![\w`])"
)  # `_so_` and `_so it is_` are emphasis
_HEADING = re.compile(r"[ \t]*(?:#|\|)")  # of a section, or a row of a table
_ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bvs|\bcf)\.\s*\Z")  # a sentence does not end here
_LEADING = re.compile(rf"[ \t]*(?:\[{NUMBERS}\][ \t]*+)++(?![a-z])")  # numbers of the sentence before
_STOPS = r"[\s.!?:;,。！？]"
_END = re.compile(rf"(?<!{_STOPS}){_STOPS}*+\Z")
# Withheld until the sentence is complete: a number that may be corrected, with the stops before it, and the end.
_MARKS = r"[\s.!?:;,)\"'*_\]`。！？]"
_WITHHELD = re.compile(rf"(?<!{_STOPS}){_STOPS}*+\[(?=\d|\Z).*|(?<!{_MARKS}){_MARKS}*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UnsupportedClaim:
    """A name or value of a sentence that is in no source. Offsets are code points of the whole answer."""

    text: str
    start: int
    end: int
    is_value: bool


@dataclass(frozen=True, slots=True)
class AttributedText:
    """The next text of an answer as the user sees it."""

    text: str = ""
    unsupported: tuple[UnsupportedClaim, ...] = ()
    uncited: int = 0  # its sentences that state something and have no source


class Attributor:
    """Passes on the text of an answer, each sentence with its citations once it is complete."""

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self._shown = 0  # code points
        self._proper = answer_instruction(question) == FACT  # of a fact, a bare word can be the wrong answer
        self._question, self._question_numbers = question, numbers_in(question)
        self._question_words = frozenset(re.findall(r"\w+", question))
        self.set_sources(sources)
        self._splitter = SentenceSplitter()
        self._ahead = 0  # code points of the incomplete sentence that were passed on
        self._is_numbered = False  # the last sentence has citations

    def set_sources(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._frequency = Counter(chain.from_iterable(source.stems for source in sources))

    @property
    def fence(self) -> str:
        """The fence that closes the current code block; "" outside of one."""
        return self._splitter.fence

    def feed(self, text: str) -> AttributedText:
        sentences = self._splitter.feed(text)
        revised = self._joined(self._revised(sentence) for sentence in sentences)
        rest = self._splitter.rest
        withheld = _WITHHELD.search(rest)
        if self._splitter.rest_is_code or not self._sources:
            safe = len(rest)
        elif MAYBE_ALONE.fullmatch(rest):
            safe = 0
        else:
            safe = min(self._splitter.settled, withheld.start() if withheld else len(rest))
        more = rest[self._ahead : safe]
        self._ahead, self._shown = max(self._ahead, safe), self._shown + len(more)
        return AttributedText(revised.text + more, revised.unsupported, revised.uncited)

    def close(self) -> AttributedText:
        return self._joined(self._revised(sentence) for sentence in self._splitter.close())

    def _joined(self, parts: Iterable[AttributedText]) -> AttributedText:
        done = list(parts)
        unsupported = tuple(chain.from_iterable(part.unsupported for part in done))
        return AttributedText("".join(part.text for part in done), unsupported, sum(part.uncited for part in done))

    def _revised(self, whole: Sentence) -> AttributedText:
        """The rest of a complete sentence, and what of it no source supports."""
        given = min(self._ahead, len(whole.text))  # code points of it that were passed on
        begins = self._shown - self._ahead
        names: list[str] = []
        values: list[Value] = []
        text = whole.text
        was_shown = whole.begins_line and MAYBE_FENCE.match(text)  # passed on as a possible code block
        if not whole.is_code and self._sources and text.strip() and not was_shown:
            text = self._without_leading(whole)
            names, values = self._stated(text)
            text = self._numbered(text, names, values)
            if text[:given] != whole.text[:given] or given == len(whole.text):
                text = whole.text  # what was passed on cannot change
            self._is_numbered = bool(citations_in(text))
        self._ahead -= given
        self._shown += len(text) - given
        unsupported = tuple(self._unsupported(text, names, values, begins))
        is_whole = not (_HEADING.match(text) or _ABBREVIATION.search(text))
        uncited = bool((names or values) and is_whole and not citations_in(text))
        return AttributedText(text[given:], unsupported, uncited)

    def _without_leading(self, whole: Sentence) -> str:
        """A sentence without leading numbers that belong to the sentence before, which has its own."""
        text = whole.text
        if self._is_numbered and ALONE.fullmatch(text):
            return ""
        if self._is_numbered and not whole.begins_line and (leading := _LEADING.match(text)):
            return " " * (text[0] == " ") + text[leading.end() :]
        return text

    def _stated(self, sentence: str) -> tuple[list[str], list[Value]]:
        """The names of a sentence, and its values that are not in the question."""
        quoted = [name for span in _CODE_SPAN.finditer(sentence) for name in quoted_names(span["code"])]
        bare = _BARE_NAME.findall(_CODE_SPAN.sub(" ", sentence))
        places = citations_in(sentence)
        values = [
            v
            for v in stated_values(sentence, proper=self._proper)
            if not any(p.start <= v.start < p.end for p in places)
        ]
        return list(dict.fromkeys([*quoted, *bare])), [
            value for value in values if not value.stands_in(self._question, self._question_numbers)
        ]

    def _numbered(self, sentence: str, names: Sequence[str], values: Sequence[Value]) -> str:
        """The sentence with the numbers of its sources; unchanged if none clearly supports it."""
        places = citations_in(sentence)
        cited = [place for place in places if place.numbers]
        if (
            len(cited) < len(places)
            or _HEADING.match(sentence)
            or _ABBREVIATION.search(sentence)
            or (cited and self._are_supported(cited, names, values))
        ):
            return sentence
        if not (supporting := self._supporting_sources(sentence, names, values)):
            return sentence
        for citation in reversed(cited):
            sentence = sentence[: citation.start].rstrip(" ") + sentence[citation.end :]
        numbers = "".join(f"[{source.n}]" for source in supporting)
        body = _END.sub("", sentence, count=1)
        return f"{body} {numbers}{sentence[len(body) :]}"

    def _are_supported(self, cited: Sequence[Citation], names: Sequence[str], values: Sequence[Value]) -> bool:
        numbers = {n for one in cited for n in one.numbers}
        meant = [source for source in self._sources if source.n in numbers]
        if len(meant) < len(numbers):
            return False
        named = all(contain(meant, name) or any(is_path_in(name, one.path) for one in self._sources) for name in names)
        return named and all(any(source.states(value) for source in meant) for value in values)

    def _supporting_sources(self, sentence: str, names: Sequence[str], values: Sequence[Value]) -> list[Source]:
        """The fewest sources that contain every name and value that any source contains; the most similar ones."""
        stems = content_stems(_CODE_SPAN.sub(" ", sentence))
        if names or values:
            needed = [name for name in names if contain(self._sources, name)]
            stated = [value for value in values if any(source.states(value) for source in self._sources)]
            unknown = [name for name in names if name not in needed and not self._is_in_question(name)]
            if unknown or not (needed or stated):
                return []
            near = self._sources if needed or not stems else [one for one in self._sources if stems & one.stems]
            if not all(any(source.states(value) for source in near) for value in stated):
                return []  # a number alone proves nothing
            return self._smallest_cover(needed, stated, stems, near)
        weight = {stem: self._weight(stem) for stem in stems}
        best = max(self._sources, key=lambda source: sum(weight[stem] for stem in stems & source.stems))
        shared = stems & best.stems
        share = sum(weight[stem] for stem in shared) / (sum(weight.values()) or 1.0)
        return [best] if len(shared) >= MIN_SHARED_WORDS and share >= MIN_WORD_SHARE else []

    def _smallest_cover(
        self, names: Sequence[str], values: Sequence[Value], stems: frozenset[str], sources: Sequence[Source]
    ) -> list[Source]:
        chosen: list[Source] = []
        names, values = list(names), list(values)
        while (names or values) and len(chosen) < MOST_SOURCES:
            best = max(sources, key=lambda source: self._coverage(source, names, values, stems))
            chosen.append(best)
            left = [name for name in names if not contain(chosen, name)]
            values_left = [value for value in values if not best.states(value)]
            if (len(left), len(values_left)) == (len(names), len(values)):
                return []
            names, values = left, values_left
        return [] if names or values else sorted(chosen, key=lambda source: source.n)

    def _coverage(
        self, source: Source, names: Sequence[str], values: Sequence[Value], stems: frozenset[str]
    ) -> tuple[float, float]:
        contained = sum(contain([source], name) for name in names) + sum(source.states(value) for value in values)
        return contained, sum(self._weight(stem) for stem in stems & source.stems)

    def _is_in_question(self, name: str) -> bool:
        return self._question_words >= set(own_words(name))

    def _weight(self, stem: str) -> float:
        """Inverse frequency: a word in few sources weighs more; a word in none counts against all of them."""
        return math.log(1 + len(self._sources) / max(1, self._frequency[stem]))

    def _unsupported(
        self, text: str, names: Sequence[str], values: Sequence[Value], begins: int
    ) -> Iterable[UnsupportedClaim]:
        for name in names:
            if (
                not self._is_in_question(name)
                and not _is_standard(name)
                and not contain(self._sources, name)
                and (at := text.find(name)) >= 0
            ):
                yield UnsupportedClaim(name, begins + at, begins + at + len(name), is_value=False)
        for value in values:
            if not any(source.states(value) for source in self._sources) and (at := text.find(value.text)) >= 0:
                yield UnsupportedClaim(value.text, begins + at, begins + at + len(value.text), is_value=True)


def _is_standard(name: str) -> bool:
    """Whether a name belongs to a module of Python's standard library, which needs no source."""
    module, dot, _ = name.partition(".")
    return bool(dot) and module in sys.stdlib_module_names
