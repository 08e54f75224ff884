"""Citations in an answer, found while it streams: `[3]`, `[1, 2]`, `[1-3]`, `src/app.py:12-30`, `src/app.py#L12-L30`.

Pure text: does not know which numbers and places exist, nor what is in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from prompts.quoted_names import quoted_names
from prompts.sentences import ALONE, CODE, NUMBERS, Sentence, SentenceSplitter
from prompts.values import Value, stated_values

_WIDEST = 50  # numbers in one `[a-b]`; more is no citation

_LINES = r"\d{1,7}(?:[-–]L?\d{1,7})?"
_TOKEN = re.compile(
    CODE + r"|(?<!\\)\[(?P<numbers>" + NUMBERS + r")\]"
    rf"|(?<![\w.@/#:~\\+-])(?P<path>[\w.@/~+-]++)(?::|\#L)(?P<lines>{_LINES})(?!\d)"
)
_PLACE = re.compile(rf"""(?P<path>[^:#="'<>|*?]++)(?::|\#L)(?P<lines>{_LINES}(?:, ?{_LINES})*)""")
_FILE_NAME = re.compile(r"[^/]*\.(?!(?:com|org|net|io|local)\Z)[A-Za-z]\w{0,9}|[A-Z]\w*file|README|LICENSE|CHANGELOG")
_GLUED = re.compile(r"[A-Za-z0-9_$]\Z|\(\)\Z")


@dataclass(frozen=True, slots=True)
class Citation:
    """Numbers, or a path with lines. Offsets are code points of the whole answer, `end` exclusive."""

    start: int
    end: int
    numbers: tuple[int, ...] = ()
    path: str = ""
    lines: tuple[tuple[int, int], ...] = ()  # 1-based, inclusive
    names: tuple[str, ...] = ()  # names and paths that this citation must support, as spelled
    values: tuple[Value, ...] = ()  # that this citation must support


Stated = tuple[tuple[str, ...], tuple[Value, ...]]  # names and values that a citation must support
Claim = tuple[Citation, ...]  # all citations of one sentence, in order


class CitationParser:
    """Gives the claims of an answer as soon as their sentences are complete, however the text is cut into deltas.

    Fenced code cites nothing; inline code cites only where all of it is a place. A number glued to an identifier
    (`x[1]`) is no citation.
    The next citation must support the names that a sentence quotes in backticks (see `quoted_names`) and the values
    that it states; those after the last citation belong to the last. A citation with nothing new shares with the one
    before it. Numbers that follow a sentence which cites nothing, on its line ("It calls `f`. [1] Then ...") or alone
    on the lines below it, belong to that sentence, as models write them; after an empty line they belong to none.
    """

    def __init__(self, *, proper: bool = False) -> None:
        """`proper`: names of the world are values, too (see `stated_values`)."""
        self._proper = proper
        self._sentences = SentenceSplitter()
        self._uncited: Stated | None = None  # of the sentence before, if it has no citation yet

    def feed(self, text: str) -> list[Claim]:
        return [claim for sentence in self._sentences.feed(text) for claim in self._claims(sentence)]

    def close(self) -> list[Claim]:
        """The claim of the sentence that the answer ends in."""
        return [claim for sentence in self._sentences.close() for claim in self._claims(sentence)]

    def _claims(self, sentence: Sentence) -> list[Claim]:
        before, self._uncited = self._uncited, None
        if sentence.is_code:
            return []
        if not sentence.text.strip():
            self._uncited = None if sentence.begins_line else before
            return []
        cited, rest = _citations(sentence.text, self._proper)
        claims = [cited]
        if before is not None and (leading := _leading(sentence.text, cited, sentence.begins_line)):
            names, values = before
            claims = [
                tuple(replace(citation, names=names, values=values) for citation in cited[:leading]),
                cited[leading:],
            ]
        elif not cited:
            self._uncited = rest
        at = sentence.start
        moved = (tuple(replace(c, start=c.start + at, end=c.end + at) for c in claim) for claim in claims)
        return [claim for claim in moved if claim]


def citations_in(sentence: str) -> Claim:
    """The citations of one sentence; offsets are those of the sentence."""
    return _citations(sentence, proper=False)[0]


def _citations(text: str, proper: bool) -> tuple[Claim, Stated]:
    """The citations of one sentence, and what it states where it has none."""
    found: list[Citation] = []
    names: list[str] = []
    values = stated_values(text, proper=proper)
    for token in _TOKEN.finditer(text):
        if (citation := _citation(text, token, found[-1].end if found else -1)) is not None:
            stated = tuple(value for value in values if value.end <= citation.start)
            values = [value for value in values if value.start >= citation.end]
            new = bool(names or stated)
            shared = (tuple(names), stated) if new or not found else (found[-1].names, found[-1].values)
            found.append(replace(citation, names=shared[0], values=shared[1]))
            names = []
        elif token["code"] is not None:
            names += quoted_names(token["code"])
    if found and (names or values):
        last = found[-1]
        found[-1] = replace(last, names=(*last.names, *names), values=(*last.values, *values))
    return tuple(found), (tuple(names), tuple(values))


def _citation(text: str, token: re.Match[str], last_end: int) -> Citation | None:
    """The token as a citation, if it is one; `last_end` is where the citation before it ends."""
    start, end = token.span()
    if token["numbers"] is not None:
        glued = _GLUED.search(text[max(0, start - 2) : start]) or (text[start - 1 : start] == "]" and start != last_end)
        numbers = tuple(_numbers(token["numbers"]))
        return Citation(start, end, numbers) if numbers and not glued else None
    if token["code"] is not None:
        start, end = token.span("code")
        start += len(token["code"]) - len(token["code"].lstrip())
        end -= len(token["code"]) - len(token["code"].rstrip())
        place = _PLACE.fullmatch(text, start, end)
    else:
        place = token
    if place is None or not _is_file(place["path"]):
        return None
    ranges = tuple(_range(piece) for piece in place["lines"].split(","))
    return Citation(start, end, path=place["path"], lines=ranges) if all(1 <= a <= b for a, b in ranges) else None


def _numbers(text: str) -> Iterator[int]:
    """1, 2, 3 of "1, 2-3"; nothing where it is no list of snippet numbers."""
    pieces = [[int(bound) for bound in re.split("[-–]", piece)] for piece in re.split("[,;]", text)]
    if all(len(piece) <= 2 and 1 <= piece[0] <= piece[-1] < piece[0] + _WIDEST for piece in pieces):
        for piece in pieces:
            yield from range(piece[0], piece[-1] + 1)


def _range(text: str) -> tuple[int, int]:
    bounds = [int(bound.strip(" L")) for bound in re.split("[-–]", text)]
    return bounds[0], bounds[-1]


def _is_file(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return not path.startswith("//") and bool(_FILE_NAME.fullmatch(name) or (folder and re.search("[A-Za-z]", name)))


def _leading(text: str, cited: Claim, line_start: bool) -> int:
    """How many numbers belong to the sentence before: all that stand alone; on its line those before the first word,
    unless they are its subject ("[1] defines").
    """
    if ALONE.fullmatch(text):
        return len(cited)
    if line_start:
        return 0
    end = count = 0
    for citation in cited:
        if not citation.numbers or text[end : citation.start].strip(" \t,;&("):
            break
        end, count = citation.end, count + 1
    return 0 if text[end:].lstrip(" \t")[:1].islower() else count
