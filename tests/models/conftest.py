"""Real vocabularies and engines on the tiny random models. Nothing here is faked."""

import ctypes
from collections.abc import Iterator

import pytest

from models.llama.bindings import library
from models.llama.worker.vocabulary import Vocabulary
from tests.tiny_gguf import ALL, Tiny


class Llama:
    """A vocabulary beside llama.cpp's own view of whole texts: the oracle."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny
        self.vocabulary = Vocabulary.load(tiny.path, only_vocabulary=True)

    def whole(self, text: str, *, special: bool = True) -> list[int]:
        """llama_tokenize of a rendered prompt, with BOS and control tokens."""
        api, data = library(), text.encode()
        buffer = (api.llama_token * (len(data) + 8))()
        vocab = api.llama_model_get_vocab(self.vocabulary.model)
        return list(buffer[: api.llama_tokenize(vocab, data, len(data), buffer, len(buffer), special, special)])

    def text(self, tokens: list[int]) -> str:
        """llama.cpp's pieces of the tokens, control tokens shown, SentencePiece's leading space removed.

        Not llama_detokenize: for some vocabularies it also removes spaces before punctuation.
        """
        api, buffer = library(), ctypes.create_string_buffer(256)
        vocab = api.llama_model_get_vocab(self.vocabulary.model)
        leading = int(api.llama_vocab_type(vocab) == api.LLAMA_VOCAB_TYPE_SPM)
        pieces: list[bytes] = []
        for token in tokens:
            size = api.llama_token_to_piece(vocab, token, buffer, len(buffer), 0 if pieces else leading, True)
            pieces.append(buffer.raw[:size])
        return b"".join(pieces).decode()


@pytest.fixture(scope="session", params=ALL, ids=lambda tiny: tiny.model)
def llama(request: pytest.FixtureRequest) -> Iterator[Llama]:
    found = Llama(request.param)
    yield found
    found.vocabulary.close()
