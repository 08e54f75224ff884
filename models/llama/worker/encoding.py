"""Encodes the segments of a prompt: control tokens come from template text only, never from content.

For content without control texts the result is, token for token, what llama.cpp makes of the whole rendered text.
Two adjacent content segments are never merged across their border, and nothing is put between them.
An answer of the model is encoded as the tokens that the model generated, where these are still stored.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from models.llama.worker.vocabulary import Vocabulary
from models.types import Segment

# (tokens of the prompt, text of the answer) -> the tokens that the model generated, None where they are not stored
FindAnswer = Callable[[Sequence[int], str], list[int] | None]

_SPACE = " \t\n\v\f\r"  # isspace() of the C locale, which llama.cpp strips by


@dataclass(slots=True)
class _Run:
    """Plain text between two special tokens, in pieces that are tokenised separately."""

    pieces: list[str] = field(default_factory=list)
    ends_in_content: bool = False
    is_continuation: bool = False  # after other plain tokens

    def add(self, text: str, *, content: bool) -> None:
        if not text:
            return
        if self.pieces and not (content and self.ends_in_content):
            self.pieces[-1] += text
        else:
            self.pieces.append(text)
        self.ends_in_content = content

    def strip_left(self) -> None:
        while self.pieces:
            self.pieces[0] = self.pieces[0].lstrip(_SPACE)
            if self.pieces[0]:
                return
            del self.pieces[0]

    def strip_right(self) -> None:
        while self.pieces:
            self.pieces[-1] = self.pieces[-1].rstrip(_SPACE)
            if self.pieces[-1]:
                return
            del self.pieces[-1]


def encode(
    vocabulary: Vocabulary, segments: Iterable[Segment], find_answer: FindAnswer = lambda _prompt, _text: None
) -> list[int]:
    """Tokens of these segments as a prompt, with exactly one BOS in front where the vocabulary wants one.

    White space beside a special token that strips it (Phi-3's, on their right) is dropped, in content too: the model
    was trained that way. SentencePiece's leading space goes before the first text after each special token.
    """
    tokens: list[int] = []
    run = _Run()
    for from_model, group in groupby(segments, key=lambda segment: segment.from_model):
        answer = list(group)
        if from_model:
            before = tokens + _plain(vocabulary, tokens, run)
            text = "".join(segment.text for segment in answer if not segment.parse_special)
            if (own := find_answer(_with_bos(vocabulary, before), text)) is not None:
                tokens, run = before + own, _Run(is_continuation=True)
                continue
        for segment in answer:
            if not segment.parse_special:
                run.add(segment.text, content=True)
                continue
            for part in vocabulary.split(segment.text):
                if isinstance(part, str):
                    run.add(part, content=False)
                    continue
                if part.lstrip:
                    run.strip_right()
                tokens += _plain(vocabulary, tokens, run)
                tokens.append(part.id)
                run = _Run()
    return _with_bos(vocabulary, tokens + _plain(vocabulary, tokens, run))


def _with_bos(vocabulary: Vocabulary, tokens: list[int]) -> list[int]:
    if vocabulary.adds_bos and tokens[:1] != [vocabulary.bos]:
        return [vocabulary.bos, *tokens]
    return tokens


def _plain(vocabulary: Vocabulary, before: list[int], run: _Run) -> list[int]:
    """Tokens of a run that follows `before`, which is empty or ends in a special token unless the run continues it."""
    if before and before[-1] in vocabulary.strips_right:
        run.strip_left()
    if not run.pieces:
        return []
    first, *others = run.pieces
    tokens = vocabulary.tokenize_continuation(first) if run.is_continuation else vocabulary.tokenize(first)
    for piece in others:
        tokens += vocabulary.tokenize_continuation(piece)
    return tokens
