"""The vocabulary of a loaded model: text to tokens and tokens to bytes.

Knows the special tokens and llama.cpp's leading space; does not know which text is trusted (`encoding` does).
"""

import ctypes
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import EngineFailed, ModelUnavailable
from models.filters.reasoning import is_reasoning_mark
from models.llama.bindings import last_error, library

# enum llama_token_attr
_UNKNOWN, _CONTROL, _USER_DEFINED, _LSTRIP, _RSTRIP = 1 << 0, 1 << 3, 1 << 4, 1 << 7, 1 << 8
_SPM = 1  # enum llama_vocab_type
# SentencePiece vocabularies hold it as a bare byte, so nothing merges with it.
_SENTINEL = "\x01"
_MARK = re.compile(r"<\S+>")  # a text of this form is meant to be one token


@dataclass(frozen=True, slots=True)
class Special:
    """A token that llama.cpp recognises by its text alone."""

    id: int
    text: str
    control: bool  # False: user-defined or unknown; the former is recognised in any text
    lstrip: bool  # strips the white space on its left
    rstrip: bool


class Vocabulary:
    """One model's tokenizer. May be used from any thread: llama.cpp only reads it; `close` waits for readers."""

    def __init__(self, model: Any) -> None:
        self._api = library()
        self._model = model
        self._free = weakref.finalize(self, self._api.llama_model_free, model)
        self._free.atexit = False
        self._vocab = self._api.llama_model_get_vocab(model)
        self._lock = threading.Lock()
        self.specials = {special.text: special for special in self._find_specials()}
        specials = self.specials.values()
        self.controls = frozenset(special.id for special in specials if special.control)
        self.strips_right = frozenset(special.id for special in specials if special.rstrip)
        self._reasoning = {s.id: s.text.encode() for s in specials if s.control and is_reasoning_mark(s.text)}
        # Besides llama.cpp's end tokens every control token ends an answer: what follows would be a forged turn. Only
        # reasoning marks become text, so that the reasoning between them can be left out.
        ends = {s.id for s in specials if self._api.llama_vocab_is_eog(self._vocab, s.id)}
        self.end_tokens = (self.controls - self._reasoning.keys()) | ends
        self._marks: dict[str, int | None] = {}
        longest_first = sorted(self.specials, key=len, reverse=True)
        self._specials_in = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")
        self.bos = int(self._api.llama_vocab_bos(self._vocab))  # -1: none
        self.eos = int(self._api.llama_vocab_eos(self._vocab))
        self.size = int(self._api.llama_vocab_n_tokens(self._vocab))
        self.fim = self._find_fim()
        self.adds_bos = bool(self._api.llama_vocab_get_add_bos(self._vocab)) and self.bos >= 0
        self._lead = self.tokenize(_SENTINEL) if self._api.llama_vocab_type(self._vocab) == _SPM else []

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        gpu_layers: int = 0,
        only_vocabulary: bool = False,
        extra_buffers: bool = False,
        on_progress: Callable[[float], None] = lambda _share: None,
    ) -> "Vocabulary":
        """Loads a model file, whole or without its weights; `extra_buffers` copies the weights into another layout.

        Raises ModelUnavailable with llama.cpp's own message.
        """
        api = library()
        last_error()
        params = api.llama_model_default_params()
        params.n_gpu_layers, params.vocab_only = gpu_layers, only_vocabulary
        params.use_extra_bufts = extra_buffers

        def report(share: float, _: object) -> bool:
            on_progress(share)
            return True  # go on

        params.progress_callback = callback = api.llama_progress_callback(report)
        model = api.llama_model_load_from_file(os.fsencode(path), params)
        del callback  # kept alive until here: llama.cpp has only its address
        if not model:
            raise ModelUnavailable(f"{path.name} cannot be loaded: {last_error() or 'llama.cpp gave no reason'}")
        return cls(model)

    @property
    def model(self) -> Any:
        """llama.cpp's handle, for making a context."""
        return self._model

    def split(self, text: str) -> list[str | Special]:
        """Scaffold text, split at its special tokens."""
        if not self.specials:
            return [text]
        return [self.specials.get(part, part) for part in self._specials_in.split(text) if part]

    def tokenize(self, text: str) -> list[int]:
        """Tokens of plain text, never a control token. SentencePiece vocabularies put a space in front."""
        tokens = self._tokenize(text)
        if self.controls.isdisjoint(tokens):
            return tokens
        # Merges of ordinary tokens can lead to a control token in odd vocabularies; single characters cannot.
        return self._tokenize(text[:1]) + [token for letter in text[1:] for token in self.tokenize_continuation(letter)]

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")  # lone surrogates come in over JSON
        room = len(data) + 2
        buffer = (self._api.llama_token * room)()
        with self._lock:
            if self._model is None:
                raise EngineFailed("the engine is closed")
            count = self._api.llama_tokenize(self._vocab, data, len(data), buffer, room, False, False)
        if count < 0:
            raise EngineFailed(f"llama.cpp made more than {room} tokens of {len(data)} bytes")
        return list(buffer[:count])

    def tokenize_continuation(self, text: str) -> list[int]:
        """Tokens of plain text that follows other text: as `tokenize`, without the space in front."""
        if not self._lead:
            return self.tokenize(text)
        tokens = self.tokenize(_SENTINEL + text)
        if tokens[: len(self._lead)] != self._lead:
            raise EngineFailed("this vocabulary merges control characters; its prompts cannot be made safe")
        return tokens[len(self._lead) :]

    def end_marks(self, marks: Iterable[str]) -> tuple[frozenset[int], list[str]]:
        """Splits the marks that end an answer into token ids and mere texts. A mark that is a token ends an answer only
        as that token: the same characters in other tokens, as in code about it, are text.
        """
        found = {mark: self._mark(mark) for mark in marks if mark}
        return frozenset(t for t in found.values() if t is not None), [m for m, t in found.items() if t is None]

    def marked(self, texts: Iterable[str]) -> dict[int, bytes]:
        """The tokens with these texts, each with its bytes. A text that is no token is left out."""
        found = {self._mark(text): text.encode() for text in texts}
        return {token: text for token, text in found.items() if token is not None}

    def _mark(self, mark: str) -> int | None:
        """The token with this text. Some files mark their control tokens as ordinary ones."""
        if mark in self.specials:
            return self.specials[mark].id
        if mark not in self._marks:
            tokens = range(self.size) if _MARK.fullmatch(mark) else ()
            self._marks[mark] = next((token for token in tokens if self.text(token) == mark), None)
        return self._marks[mark]

    def piece(self, token: int) -> bytes:
        """The bytes of a token, perhaps part of a character; empty for a control token that is no reasoning mark."""
        if token in self._reasoning:
            return self._reasoning[token]
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            written = self._api.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if written >= 0:
                return buffer.raw[:written]
            size = -written

    def written(self, token: int) -> bytes:
        """The bytes of a token, the text of one that is never shown."""
        return self.text(token).encode() if token in self.controls else self.piece(token)

    def text(self, token: int) -> str:
        """The vocabulary's text of a token, such as "<s>"; "" for a negative one."""
        if token < 0:
            return ""
        written: bytes = self._api.llama_vocab_get_text(self._vocab, token)
        return written.decode("utf-8", "replace")

    def close(self) -> None:
        """Frees the model, which also happens when the object is collected. Its contexts must be closed before."""
        with self._lock:
            self._model = None
        self._free()

    def _find_fim(self) -> tuple[str, ...] | None:
        """The texts of the tokens for filling in the middle, in the order of `models.types.Fim`."""
        names = ("pre", "suf", "mid", "rep", "sep")
        texts = [self.text(getattr(self._api, f"llama_vocab_fim_{name}")(self._vocab)) for name in names]
        return tuple(texts) if all(texts[:3]) else None

    def _find_specials(self) -> list[Special]:
        attributes, vocab = self._api.llama_vocab_get_attr, self._vocab
        found = []
        for token in range(self._api.llama_vocab_n_tokens(vocab)):
            attr = attributes(vocab, token)
            if attr & (_CONTROL | _USER_DEFINED | _UNKNOWN) and (text := self.text(token)):
                found.append(Special(token, text, bool(attr & _CONTROL), bool(attr & _LSTRIP), bool(attr & _RSTRIP)))
        return found
