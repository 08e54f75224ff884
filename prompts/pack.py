"""Packs code into a token budget: of each hit nothing, its signature, an excerpt or all of it, the most valuable first.

Pure: knows hits and the cost of a piece, not how a prompt shows them.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence, Set
from dataclasses import replace

from indexer.parsing.identifiers import word_parts
from indexer.types import Hit
from prompts.snippets import Piece, Place, place, words

# Chosen on the development repositories, where all four have a flat best (docs/benchmarks.md has what it gives).
EXCERPT_SHARE = 0.6  # share of a hit's lines: more than half, so that what was looked for is mostly there
EXCERPT_VALUE = 0.8  # of an excerpt where the whole hit is worth 1; what is left of that is a signature's worth too
SCORE_DECAY = 4.0  # a hit with half of the best hit's score is worth exp(-SCORE_DECAY / 2) of it
MIN_LINES_TO_CUT = 8  # lines; what is shorter is shown whole or not at all

_SENTENCE = re.compile(r".*?[.!?](?=\s|\Z)", re.DOTALL)
_PREFIX = 5  # letters by which words count as the same: connect, connection, connecting
_SHORTEST = 3  # letters


def pack(
    hits: Sequence[Hit], question: str, room: int, cost: Callable[[Piece], int], shown: Collection[Place] = ()
) -> list[Piece]:
    """Pieces of `hits`, in their order, that cost at most `room` together.

    A hit is worth what its score is (`SCORE_DECAY`), its excerpt 0.8 of that, the rest or its signature alone 0.2. What
    is worth most is taken first, and passed over where it does not fit: a hit is whole once the excerpts of all that
    are worth a quarter of it are in. With more room the pieces never cost less. Half of a hit or more that was `shown`
    before is its excerpt.
    """
    chosen: dict[int, Piece] = {}
    left = room
    for rank, piece in _by_worth(hits, _prefixes(question), shown):
        current = chosen.get(rank)
        if current and _lines(piece) <= _lines(current):
            continue
        price = max(0, cost(piece) - cost(current)) if current else cost(piece)
        if price <= left:
            chosen[rank] = piece
            left -= price
    return [chosen[rank] for rank in sorted(chosen)]


def _by_worth(hits: Sequence[Hit], prefixes: Set[str], shown: Collection[Place]) -> list[tuple[int, Piece]]:
    """Every form of every hit with its rank, what is worth most first; the better hit where they are alike."""
    best = max((hit.score for hit in hits), default=0.0)
    ranked = [
        (share * (math.exp(SCORE_DECAY * (hit.score / best - 1)) if best > 0 else 1.0), rank, piece)
        for rank, hit in enumerate({place(hit): hit for hit in hits}.values())
        for share, piece in _forms(hit, prefixes, shown)
    ]
    return [(rank, piece) for _, rank, piece in sorted(ranked, key=lambda step: -step[0])]


def _forms(hit: Hit, prefixes: Set[str], shown: Collection[Place]) -> Iterator[tuple[float, Piece]]:
    """What can be shown of a hit and what that adds, where the hit is worth 1."""
    lines = hit.text.split("\n")
    is_plain = len(lines) == hit.end_line - hit.start_line + 1  # else the text is not the lines one to one
    if place(hit) in shown or not is_plain or len(lines) < MIN_LINES_TO_CUT:
        yield 1.0, Piece(hit)
        return
    in_head = _prefixes(f"{hit.symbol} {hit.signature}")  # the head of every piece shows these
    yield EXCERPT_VALUE, _shown_within(hit, shown) or slice_hit(hit, *_densest(lines, prefixes - in_head))
    yield 1 - EXCERPT_VALUE, Piece(hit)
    if head := _head(hit, lines):
        yield 1 - EXCERPT_VALUE, slice_hit(hit, 0, head)


def _lines(piece: Piece) -> int:
    return piece.hit.end_line - piece.hit.start_line + 1


def slice_hit(hit: Hit, first: int, end: int) -> Piece:
    """Lines first..end of a hit, from 0, `end` exclusive."""
    lines = hit.text.split("\n")
    start_line, end_line, text = hit.start_line + first, hit.start_line + end - 1, "\n".join(lines[first:end])
    doc = hit.doc if first == 0 else ""  # what is not shown must not vouch for a citation
    return Piece(
        replace(hit, start_line=start_line, end_line=end_line, text=text, doc=doc), is_excerpt=end - first < len(lines)
    )


def _shown_within(hit: Hit, shown: Collection[Place]) -> Piece | None:
    """The longest part of a hit, half of it or more, that was shown before."""
    inside = [
        (end - start + 1, start, end)
        for path, start, end, sha in shown
        if (path, sha) == (hit.path, hit.sha) and hit.start_line <= start <= end <= hit.end_line
    ]
    length, start, end = max(inside, default=(0, 0, 0))
    if 2 * length < hit.end_line - hit.start_line + 1:
        return None
    return slice_hit(hit, start - hit.start_line, end - hit.start_line + 1)


def _densest(lines: Sequence[str], prefixes: Set[str]) -> tuple[int, int]:
    """The excerpt of these lines that holds most of the question: each of its words counts 1, shared by its lines."""
    on_lines = [_prefixes(line) & prefixes for line in lines]
    counts = Counter(word for on_line in on_lines for word in on_line)
    weights = [sum(1 / counts[word] for word in on_line) for on_line in on_lines]
    length = math.ceil(EXCERPT_SHARE * len(lines))
    starts = [at for at in range(len(lines) - length + 1) if lines[at].strip()] or [0]
    start = max(starts, key=lambda at: (round(sum(weights[at : at + length]), 6), -at))
    end = start + length
    while end < len(lines) and not lines[end - 1].strip():
        end += 1
    return start, end


def _head(hit: Hit, lines: Sequence[str]) -> int:
    """How many lines from the first on hold the signature, and the first sentence of its documentation if a few do."""
    sentence = _SENTENCE.match(hit.doc)
    wanted = words(sentence[0] if sentence else hit.doc)
    head, text, signature = 0, "", words(hit.signature)
    for end in range(1, len(lines) // 2 + 1):
        text = f"{text} {words(lines[end - 1])}".strip()
        if hit.signature and signature in text:
            head = head or end
            if wanted in text:
                return end
    return head


def _prefixes(text: str) -> set[str]:
    """The first letters of each word: coarser than a stem, which would choose other excerpts."""
    return {word.lower()[:_PREFIX] for word in word_parts(text) if len(word) >= _SHORTEST}
