"""What each sentence of an answer rests on: a sentence without a number gets that of the source that clearly holds its
names and words, one with a wrong number the right one. Nothing is invented to get a number.

Knows the sources of one conversation; whether they still hold on disk is the business of `grounding`.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from backend.grounding.sources import Source, holds
from models.extractive.matching import content_stems
from prompts.citations import Citation, citations_in
from prompts.quoted_names import is_path_in, own_words, quoted_names
from prompts.sentences import ALONE, CODE, MAYBE_ALONE, MAYBE_FENCE, NUMBERS, Sentence, SentenceSplitter
from prompts.task import FACT, task
from prompts.values import Value, numbers_in, stated_values

TOGETHER = 3  # sources that one sentence may rest on
_COVERED = 0.6  # share of a sentence's telling words that its source holds, where it quotes no name
_FEWEST = 3  # words of it, too
_CODE_SPAN = re.compile(CODE)
_BARE_NAME = re.compile(
    r"(?<![\w`./?&-])(?:[a-z]\w*_\w+|__\w+__|_\w+(?<!_)(?![^_\n]*\w_(?!\w))|[a-z]+[A-Z]\w*|[A-Z]\w*_\w+)(?![\w`])"
)  # `_so_` and `_so it is_` are emphasis
_HEADING = re.compile(r"[ \t]*(?:#|\|)")  # of a section, or a row of a table
_GOES_ON = re.compile(r"(?:\be\.g|\bi\.e|\bvs|\bcf)\.\s*\Z")  # what ends so is no whole sentence
_LEADING = re.compile(rf"[ \t]*(?:\[{NUMBERS}\][ \t]*+)++(?![a-z])")  # numbers of the sentence before
_END = re.compile(r"[\s.!?:;,。！？]*\Z")
# What cannot be shown before the sentence is complete: a number that may be another one then, and the end.
_MARKS = r"[\s.!?:;,)\"'*_\]`。！？]"
_HELD = re.compile(rf"(?<![^\S\n])[^\S\n]*\[(?=\d|\Z).*|(?<!{_MARKS}){_MARKS}*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Loose:
    """A name or value of a sentence that none of the sources holds. Offsets are those of the whole answer."""

    text: str
    start: int
    end: int
    is_value: bool


@dataclass(frozen=True, slots=True)
class Revised:
    """The next words of an answer, as they are shown."""

    text: str = ""
    loose: tuple[Loose, ...] = ()
    uncited: int = 0  # sentences in it that state something and rest on nothing


class Reviser:
    """Gives the text of an answer as it comes, each sentence with its numbers once it is complete."""

    def __init__(self, sources: Sequence[Source], question: str) -> None:
        self._shown = 0  # code points
        self._proper = task(question) == FACT  # an answer in a word may be wrong in that word
        self._question, self._asked_numbers = question, numbers_in(question)
        self._asked = frozenset(re.findall(r"\w+", question))
        self.learn(sources)
        self._splitter = SentenceSplitter()
        self._ahead = 0  # code points of the sentence that is not complete which have been given
        self._is_numbered = False  # the sentence before has its numbers

    def learn(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._frequency = Counter(chain.from_iterable(source.stems for source in sources))

    @property
    def fence(self) -> str:
        """What closes the code block that the answer is in; "" outside of one."""
        return self._splitter.fence

    def feed(self, text: str) -> Revised:
        sentences = self._splitter.feed(text)
        revised = self._joined(self._revised(sentence) for sentence in sentences)
        rest = self._splitter.rest
        held = _HELD.search(rest)
        if self._splitter.rest_is_code or not self._sources:
            safe = len(rest)
        elif MAYBE_ALONE.fullmatch(rest):
            safe = 0
        else:
            safe = min(self._splitter.settled, held.start() if held else len(rest))
        more = rest[self._ahead : safe]
        self._ahead, self._shown = max(self._ahead, safe), self._shown + len(more)
        return Revised(revised.text + more, revised.loose, revised.uncited)

    def close(self) -> Revised:
        return self._joined(self._revised(sentence) for sentence in self._splitter.close())

    def _joined(self, parts: Iterable[Revised]) -> Revised:
        done = list(parts)
        loose = tuple(chain.from_iterable(part.loose for part in done))
        return Revised("".join(part.text for part in done), loose, sum(part.uncited for part in done))

    def _revised(self, whole: Sentence) -> Revised:
        """What is still to be shown of a whole sentence, and what of it nothing holds."""
        given = min(self._ahead, len(whole.text))  # code points of it that have been shown
        begins = self._shown - self._ahead
        names: list[str] = []
        values: list[Value] = []
        text = whole.text
        was_shown = whole.begins_line and MAYBE_FENCE.match(text)  # as the code that it might have become
        if not whole.is_code and self._sources and text.strip() and not was_shown:
            text = self._without_leading(whole)
            names, values = self._stated(text)
            text = self._numbered(text, names, values)
            if text[:given] != whole.text[:given] or given == len(whole.text):
                text = whole.text  # what has been shown stays
            self._is_numbered = bool(citations_in(text))
        self._ahead -= given
        self._shown += len(text) - given
        loose = tuple(self._loose(text, names, values, begins))
        is_whole = not (_HEADING.match(text) or _GOES_ON.search(text))
        uncited = bool((names or values) and is_whole and not citations_in(text))
        return Revised(text[given:], loose, uncited)

    def _without_leading(self, whole: Sentence) -> str:
        """A sentence without the numbers that it begins with, where these are of the one before, which has its own."""
        text = whole.text
        if self._is_numbered and ALONE.fullmatch(text):
            return ""
        if self._is_numbered and not whole.begins_line and (leading := _LEADING.match(text)):
            return " " * (text[0] == " ") + text[leading.end() :]
        return text

    def _stated(self, sentence: str) -> tuple[list[str], list[Value]]:
        """The names of a sentence, and its values but for those of the question."""
        quoted = [name for span in _CODE_SPAN.finditer(sentence) for name in quoted_names(span["code"])]
        bare = _BARE_NAME.findall(_CODE_SPAN.sub(" ", sentence))
        places = citations_in(sentence)
        values = [
            v
            for v in stated_values(sentence, proper=self._proper)
            if not any(p.start <= v.start < p.end for p in places)
        ]
        return list(dict.fromkeys([*quoted, *bare])), [
            value for value in values if not value.stands_in(self._question, self._asked_numbers)
        ]

    def _numbered(self, sentence: str, names: Sequence[str], values: Sequence[Value]) -> str:
        """The sentence with the numbers of what it rests on, as it was where nothing clearly holds it."""
        places = citations_in(sentence)
        cited = [one for one in places if one.numbers]
        if (
            len(cited) < len(places)
            or _HEADING.match(sentence)
            or _GOES_ON.search(sentence)
            or (cited and self._is_held(cited, names, values))
        ):
            return sentence
        if not (resting := self._resting(sentence, names, values)):
            return sentence
        for one in reversed(cited):
            sentence = sentence[: one.start].rstrip(" ") + sentence[one.end :]
        numbers = "".join(f"[{source.n}]" for source in resting)
        body = _END.sub("", sentence, count=1)
        return f"{body} {numbers}{sentence[len(body) :]}"

    def _is_held(self, cited: Sequence[Citation], names: Sequence[str], values: Sequence[Value]) -> bool:
        numbers = {n for one in cited for n in one.numbers}
        meant = [source for source in self._sources if source.n in numbers]
        if len(meant) < len(numbers):
            return False
        named = all(holds(meant, name) or any(is_path_in(name, one.path) for one in self._sources) for name in names)
        return named and all(any(source.states(value) for source in meant) for value in values)

    def _resting(self, sentence: str, names: Sequence[str], values: Sequence[Value]) -> list[Source]:
        """The fewest sources that hold every name and every value that any source holds; the most alike of several."""
        stems = content_stems(_CODE_SPAN.sub(" ", sentence))
        if names or values:
            needed = [name for name in names if holds(self._sources, name)]
            stated = [value for value in values if any(source.states(value) for source in self._sources)]
            strange = [name for name in names if name not in needed and not self._is_asked(name)]
            if strange or not (needed or stated):
                return []
            near = self._sources if needed or not stems else [one for one in self._sources if stems & one.stems]
            if not all(any(source.states(value) for source in near) for value in stated):
                return []  # a number alone may stand anywhere
            return self._covering(needed, stated, stems, near)
        weight = {stem: self._weight(stem) for stem in stems}
        best = max(self._sources, key=lambda source: sum(weight[stem] for stem in stems & source.stems))
        held = stems & best.stems
        share = sum(weight[stem] for stem in held) / (sum(weight.values()) or 1.0)
        return [best] if len(held) >= _FEWEST and share >= _COVERED else []

    def _covering(
        self, names: Sequence[str], values: Sequence[Value], stems: frozenset[str], sources: Sequence[Source]
    ) -> list[Source]:
        chosen: list[Source] = []
        names, values = list(names), list(values)
        while (names or values) and len(chosen) < TOGETHER:
            best = max(sources, key=lambda source: self._worth(source, names, values, stems))
            chosen.append(best)
            left = [name for name in names if not holds(chosen, name)]
            values_left = [value for value in values if not best.states(value)]
            if (len(left), len(values_left)) == (len(names), len(values)):
                return []
            names, values = left, values_left
        return [] if names or values else sorted(chosen, key=lambda source: source.n)

    def _worth(
        self, source: Source, names: Sequence[str], values: Sequence[Value], stems: frozenset[str]
    ) -> tuple[float, float]:
        held = sum(holds([source], name) for name in names) + sum(source.states(value) for value in values)
        return held, sum(self._weight(stem) for stem in stems & source.stems)

    def _is_asked(self, name: str) -> bool:
        return self._asked >= set(own_words(name))

    def _weight(self, stem: str) -> float:
        """A word that few sources hold tells more; one that none holds is left to count against all of them."""
        return math.log(1 + len(self._sources) / max(1, self._frequency[stem]))

    def _loose(self, text: str, names: Sequence[str], values: Sequence[Value], begins: int) -> Iterable[Loose]:
        for name in names:
            if (
                not self._is_asked(name)
                and not _is_standard(name)
                and not holds(self._sources, name)
                and (at := text.find(name)) >= 0
            ):
                yield Loose(name, begins + at, begins + at + len(name), is_value=False)
        for value in values:
            if not any(source.states(value) for source in self._sources) and (at := text.find(value.text)) >= 0:
                yield Loose(value.text, begins + at, begins + at + len(value.text), is_value=True)


def _is_standard(name: str) -> bool:
    """Whether it is reached through a module of Python's own library, which an answer may name without a source."""
    module, dot, _ = name.partition(".")
    return bool(dot) and module in sys.stdlib_module_names
