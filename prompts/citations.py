"""Citations in an answer, found while it streams: `[3]`, `[1, 2]`, `[1-3]`, `src/app.py:12-30`, `src/app.py#L12-L30`.

Pure text: does not know which numbers and places exist, nor what is in them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from prompts.quotations import quoted_names

LONGEST = 2000  # characters of a sentence; a longer one is cut there, so that no answer makes the parser slow
_WIDEST = 50  # numbers in one `[a-b]`; more is no citation

_LINES = r"\d{1,7}(?:[-–]L?\d{1,7})?"
_NUMBERS = r"\d{1,4}(?:[^\S\n]?[-–,;][^\S\n]?\d{1,4})*"
_CODE = r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>[^\n]*?)(?<!`)(?P=ticks)(?!`)"
_PREFIX = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?[ \t>]*")  # of a quotation or a list item
_MAYBE_FENCE = re.compile(_PREFIX.pattern + r"(?:```|~~~)")
_FENCE = re.compile(_PREFIX.pattern + r"(?P<fence>`{3,}(?=[^`\n]*\Z)|`{3,}(?=[^`\n]*\n)|~{3,})")
_BOUNDARY = re.compile(_CODE + r"|(?P<open>`+)|\n|[.!?][)\"'*_\]]*(?=\s)|[。！？]")
_ALONE_LINE = rf"[ \t\r>,;&().]*(?:\[{_NUMBERS}\][ \t\r>,;&().]*)+"
_ALONE = re.compile(rf"{_ALONE_LINE}(?:\n{_ALONE_LINE})*(?:\n|\Z)")  # lines of nothing but numbers
_MAYBE_ALONE = re.compile(r"[\s>,;&().\d\[\]–-]*")
_TOKEN = re.compile(
    _CODE + r"|(?<!\\)\[(?P<numbers>" + _NUMBERS + r")\]"
    rf"|(?<![\w.@/#:~\\+-])(?P<path>[\w.@/~+-]+)(?::|\#L)(?P<lines>{_LINES})(?!\d)"
)
_PLACE = re.compile(rf"""(?P<path>[^:#="'<>|*?]+)(?::|\#L)(?P<lines>{_LINES}(?:, ?{_LINES})*)""")
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
    names: tuple[str, ...] = ()  # names and paths that the sentence quotes on its account, as it spells them


Claim = tuple[Citation, ...]  # all citations of one sentence, in order


class CitationParser:
    """Gives the claims of an answer as soon as their sentences are complete, however the text is cut into deltas.

    A sentence ends at `.`, `!` or `?` before white space, and with its line. Fenced code cites nothing; inline code
    cites only where all of it is a place. A number glued to an identifier (`x[1]`) is no citation.
    The names that a sentence quotes in backticks (see `quoted_names`) are on the account of the next citation, after
    the last one on that of the last; a citation with nothing new shares with the one before it. Numbers that follow a
    sentence which cites nothing, on its line ("It calls `f`. [1] Then ...") or alone on the lines below it, belong to
    that sentence, as the system prompt asks for; behind an empty line they belong to none.
    """

    def __init__(self) -> None:
        self._text = ""  # not yet taken; begins where a sentence does
        self._offset = 0  # of `_text` in the answer
        self._line_start = True
        self._fence = ""  # what opened the code block that we are in
        self._uncited: tuple[str, ...] | None = None  # names of the sentence before, if it has no citation yet

    def feed(self, text: str) -> list[Claim]:
        self._text += text
        return self._take(final=False)

    def close(self) -> list[Claim]:
        """The claim of the sentence that the answer ends in."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> list[Claim]:
        claims: list[Claim] = []
        at = 0
        while at < len(self._text) and (end := self._sentence_end(at, final)):
            claims += self._sentence(self._text[at:end], self._offset + at)
            at = end
        self._text, self._offset = self._text[at:], self._offset + at
        return claims

    def _sentence_end(self, at: int, final: bool) -> int | None:
        """None while only more text can tell. What is told never depends on text after the answer."""
        window = self._text[at : at + LONGEST]
        whole = final or len(window) == LONGEST
        if self._fence or (self._line_start and _MAYBE_FENCE.match(window)):
            line = window.find("\n") + 1
            return at + line if line else at + len(window) if whole else None
        if not whole and _MAYBE_ALONE.fullmatch(window):
            return None
        if alone := _ALONE.match(window):
            return at + alone.end()
        prefix = _PREFIX.match(window) if self._line_start else None
        for found in _BOUNDARY.finditer(window, prefix.end() if prefix else 0):
            if found["code"] is not None:
                if found.end() == len(window) and not whole:
                    return None  # the run of backticks may go on
            elif found["open"]:
                if "\n" not in window[found.end() :] and not whole:
                    return None
            else:
                return at + found.end()
        return at + len(window) if whole else None

    def _sentence(self, text: str, offset: int) -> list[Claim]:
        line_start, self._line_start = self._line_start, text.endswith("\n")
        before, self._uncited = self._uncited, None
        if self._fence:
            run = text.strip(" \t>\r\n")
            if line_start and run.startswith(self._fence) and not run.strip(self._fence[0]):
                self._fence = ""
            return []
        if line_start and (opening := _FENCE.match(text)):
            self._fence = opening["fence"]
            return []
        if not text.strip():
            self._uncited = None if line_start else before
            return []
        cited, rest = _citations(text)
        claims = [cited]
        if before is not None and (leading := _leading(text, cited, line_start)):
            claims = [tuple(replace(one, names=before) for one in cited[:leading]), cited[leading:]]
        elif not cited:
            self._uncited = rest
        moved = (tuple(replace(c, start=c.start + offset, end=c.end + offset) for c in claim) for claim in claims)
        return [claim for claim in moved if claim]


def _citations(text: str) -> tuple[Claim, tuple[str, ...]]:
    """The citations of one sentence, and its names where it has none."""
    found: list[Citation] = []
    names: list[str] = []
    for token in _TOKEN.finditer(text):
        if (one := _citation(text, token, found[-1].end if found else -1)) is not None:
            shared = found[-1].names if found and not names else tuple(names)
            found.append(replace(one, names=shared))
            names = []
        elif token["code"] is not None:
            names += quoted_names(token["code"])
    if found and names:
        found[-1] = replace(found[-1], names=(*found[-1].names, *names))
    return tuple(found), tuple(names)


def _citation(text: str, token: re.Match[str], last_end: int) -> Citation | None:
    """The token as a citation, if it is one; `last_end` is where the citation before it ends."""
    start, end = token.span()
    if token["numbers"] is not None:
        glued = _GLUED.search(text[max(0, start - 2) : start]) or (text[:start].endswith("]") and start != last_end)
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
    if _ALONE.fullmatch(text):
        return len(cited)
    if line_start:
        return 0
    end = count = 0
    for one in cited:
        if not one.numbers or text[end : one.start].strip(" \t,;&("):
            break
        end, count = one.end, count + 1
    return 0 if text[end:].lstrip(" \t")[:1].islower() else count
