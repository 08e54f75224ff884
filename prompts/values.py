"""Values in a text: numbers with their units, versions and quoted literals, and whether another text holds the same.

Pure text. A value counts as the same in another notation: `4_194_304`, 4 MiB and `4 * 1024 * 1024`; 5 and five.
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

_NUMBER = r"\d(?:[\d_]|,(?=\d{3}(?!\d)))*+"
_UNITS: dict[str, tuple[float, ...]] = {
    # unit -> how many of the smallest unit of its kind it is: bytes, milliseconds
    "kb": (1e3, 1024), "kib": (1024,), "k": (1e3, 1024), "kilobytes": (1e3, 1024),
    "mb": (1e6, 1 << 20), "mib": (1 << 20,), "megabytes": (1e6, 1 << 20),
    "gb": (1e9, 1 << 30), "gib": (1 << 30,), "gigabytes": (1e9, 1 << 30),
    "ms": (1, 1e-3), "milliseconds": (1, 1e-3), "s": (1, 1e3), "seconds": (1, 1e3), "second": (1, 1e3),
    "minutes": (1, 60, 6e4), "minute": (1, 60, 6e4), "hours": (1, 60, 3600, 36e5), "hour": (1, 60, 3600, 36e5),
    "days": (1, 24, 86400, 864e5), "day": (1, 24, 86400, 864e5), "weeks": (1, 7, 604800), "week": (1, 7, 604800),
    "%": (1, 0.01), "percent": (1, 0.01),
}  # fmt: skip
_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_STATED = re.compile(
    rf"(?<![\w.\-–/#:@$\[])v?(?P<version>{_NUMBER}(?:\.\d+)+(?:[-.]?(?:a|b|rc|alpha|beta|dev)\.?\d+)?)(?![\w/]|[-–:]\d)"
    rf"|(?<![\w.\-–/#:@$\[])(?P<number>{_NUMBER})(?![\w/]|\.\d|-\w|[:–]\d)(?:\s?(?P<unit>{_UNIT})(?!\w))?"
    rf"|(?<![\w.\-–/#:@$\[])(?P<glued>{_NUMBER})(?P<glued_unit>[kmg]i?b|ms|s|%)(?!\w)",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"`(?P<quote>[\"'])(?P<text>[^\"'`\n]{1,80})(?P=quote)`")
_PROPER = re.compile(r"(?<=[a-z,;:)] )[A-Z][A-Za-z+#]+(?![\w`(/]|\.\w)")  # not the first word of a sentence
_ORDER = re.compile(
    r"\b(?:steps?|pieces?|lines?|snippets?|sections?|options?|points?|parts?|figure|table|chapter|phase|stage|case"
    r"|example|issue|pr|rfc|pep|iso|http|status|status code|windows)\s\Z",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\A[ \t>*_]*\d{1,9}[.)](?=[ \t*_])")  # the number of a list item is no value
_MADE_UP = re.compile(r"\b(?:for (?:example|instance)|e\.g\.|suppose|imagine)(?!\w)", re.IGNORECASE)
_HEX = re.compile(r"(?<!\w)0(?:[xX]_?[\da-fA-F][\da-fA-F_]*|[bB]_?[01][01_]*|[oO]_?[0-7][0-7_]*)(?!\w)")
_PRODUCT = re.compile(rf"(?<![\w.]){_NUMBER}(?:\s*(?:\*\*?|<<)\s*{_NUMBER})+")
_PLAIN = re.compile(rf"(?<![\w.])v?({_NUMBER}(?:\.\d+)*)|(?<=[A-Za-z_=~^>(\[])({_NUMBER}(?:\.\d+)*)")
_ORDER_CHARS = 16  # of the longest word before a number that `_ORDER` knows, and more
_DIGITS = 40  # of a power
_LARGEST = 64  # of an exponent or a shift: more is no constant that somebody wrote


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a sentence states. Offsets are those of the sentence, `end` exclusive."""

    text: str
    start: int
    end: int
    amounts: frozenset[float] = frozenset()  # the number in each unit that may be meant
    literal: str = ""  # what has to stand there as it is

    def stands_in(self, text: str, numbers: "Numbers") -> bool:
        """Whether a text, with the numbers that are in it, holds this value."""
        if any(map(numbers.has_amount, self.amounts)) or ("." in self.literal and numbers.has_version(self.literal)):
            return True
        return bool(self.literal) and not self.amounts and self.literal.casefold() in text.casefold()


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a text, products worked out."""

    amounts: frozenset[float]
    versions: frozenset[str]
    _sorted_amounts: tuple[float, ...] = field(init=False, repr=False)
    _sorted_versions: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        amounts = (amount for amount in self.amounts if not math.isnan(amount))
        object.__setattr__(self, "_sorted_amounts", tuple(sorted(amounts)))
        object.__setattr__(self, "_sorted_versions", tuple(sorted(self.versions)))

    def has_amount(self, amount: float) -> bool:
        """Whether the amount is one of them, up to rounding."""
        at = bisect_left(self._sorted_amounts, amount)
        return any(math.isclose(amount, near, rel_tol=1e-9) for near in self._sorted_amounts[max(0, at - 1) : at + 1])

    def has_version(self, version: str) -> bool:
        """Whether the version, or a longer one that begins with it, is one of them."""
        at = bisect_left(self._sorted_versions, f"{version}.")
        longer = self._sorted_versions[at : at + 1]
        return version in self.versions or (bool(longer) and longer[0].startswith(f"{version}."))


def stated_values(sentence: str, *, proper: bool = False) -> list[Value]:
    """The values that a sentence states, in order; with `proper` also the words in it that begin with a capital (MIT).

    Not the number of a list item, a step or a line, nor what belongs to a name (`utf-8`, `sha256`, `x[1]`);
    nothing of a sentence that only gives an example.
    """
    if _MADE_UP.search(sentence):
        return []
    sentence = _LISTED.sub(lambda number: " " * len(number[0]), sentence)
    found = [
        _stated(match)
        for match in _STATED.finditer(sentence)
        if not _ORDER.search(sentence[max(0, match.start() - _ORDER_CHARS) : match.start()])
    ]
    found += [Value(m[0], m.start(), m.end(), literal=m["text"]) for m in _LITERAL.finditer(sentence)]
    if proper:
        found += [Value(m[0], m.start(), m.end(), literal=m[0]) for m in _PROPER.finditer(sentence)]
    return sorted(found, key=lambda value: value.start)


def numbers_in(text: str) -> Numbers:
    """Every number that a text holds in digits, words or as a product of constants."""
    versions = {match[1] or match[2] for match in _PLAIN.finditer(text)}
    amounts = set(_amounts(versions)) | {float(_WORDS.index(word)) for word in _number_words(text)}
    amounts.update(filter(None, (_product(match[0]) for match in _PRODUCT.finditer(text))))
    amounts.update(
        float(int(match[0].replace("_", ""), 0)) for match in _HEX.finditer(text) if len(match[0]) <= _LARGEST
    )
    return Numbers(frozenset(amounts), frozenset(version.replace("_", "") for version in versions))


def _stated(match: re.Match[str]) -> Value:
    if (version := match["version"]) is not None:
        return Value(match[0], match.start(), match.end(), frozenset(_amounts({version})), version)
    number, unit = match["number"] or match["glued"], (match["unit"] or match["glued_unit"] or "").lower()
    amount = _amount(number)
    return Value(match[0], match.start(), match.end(), frozenset({amount, *(amount * f for f in _UNITS.get(unit, ()))}))


def _amounts(numbers: Set[str]) -> Iterator[float]:
    """Those of them that are one number; `5.2.1` is none."""
    for number in numbers:
        if number.count(".") <= 1:
            yield _amount(number)


def _amount(number: str) -> float:
    return float(number.replace("_", "").replace(",", "")[:300])


def _number_words(text: str) -> Set[str]:
    return set(re.findall(r"[a-z]+", text.lower())).intersection(_WORDS)


def _product(text: str) -> float:
    """`14 * 24 * 60 * 60`, `1 << 20`, `2 ** 10`, from left to right; 0 where it is no constant of a sane size."""
    first, *rest = re.split(r"\s*(\*\*|\*|<<)\s*", text)
    result = _amount(first)
    for operator, factor in zip(rest[::2], map(_amount, rest[1::2]), strict=True):
        if operator == "*":
            result *= factor
        elif factor > _LARGEST or result > 1e6 or factor * math.log10(max(result, 2)) > _DIGITS:
            return 0.0
        else:
            result = result * 2**factor if operator == "<<" else result**factor
    return result
