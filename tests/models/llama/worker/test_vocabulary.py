"""The vocabulary alone: pieces, special tokens, damage, and merges that lead to control tokens."""

from pathlib import Path

import pytest
from gguf import GGUFWriter

from models.errors import EngineFailed, ModelUnavailable
from models.gguf.reader import read_numbers, read_texts
from models.llama.worker.vocabulary import Vocabulary
from tests.models.conftest import Llama
from tests.tiny_gguf import CODELLAMA, PHI3

pytestmark = pytest.mark.process

ENDS = {
    "phi3-mini": {"</s>", "<|end|>", "<|endoftext|>", "<|user|>", "<|assistant|>"},
    "codellama-7b": {"</s>", "<s>"},
    "llama3.1-8b": {"<|eot_id|>", "<|end_of_text|>", "<|start_header_id|>"},
}


def test_end_tokens_and_every_control_token_end_an_answer(llama: Llama) -> None:
    ends = {llama.vocabulary.text(token) for token in llama.vocabulary.end_tokens}
    assert ends >= ENDS[llama.tiny.model]
    assert llama.vocabulary.controls <= llama.vocabulary.end_tokens


def test_marks_that_are_tokens_end_an_answer_as_tokens_only(llama: Llama) -> None:
    own, texts = llama.vocabulary.end_marks([*sorted(ENDS[llama.tiny.model]), "", "\nUser:", "[INST]", "<|nothing|>"])
    assert own <= llama.vocabulary.end_tokens
    assert {llama.vocabulary.text(token) for token in own} == ENDS[llama.tiny.model]
    assert texts == ["\nUser:", "[INST]", "<|nothing|>"]


@pytest.mark.parametrize("kind", [1, 4], ids=["ordinary", "user-defined"])
def test_a_mark_stored_as_an_ordinary_token_is_found(tmp_path: Path, kind: int) -> None:
    vocabulary = Vocabulary.load(_with_token(tmp_path / "odd.gguf", b"<|fin|>", kind), only_vocabulary=True)
    last = vocabulary.size - 1
    assert last not in vocabulary.end_tokens
    assert vocabulary.end_marks(["<|fin|>", "fin"]) == (frozenset({last}), ["fin"])


@pytest.mark.parametrize("text", [b"<think>", b"</think>", b"<|channel>"])
def test_reasoning_marks_become_text(tmp_path: Path, text: bytes) -> None:
    vocabulary = Vocabulary.load(_with_token(tmp_path / "thinks.gguf", text, 3), only_vocabulary=True)
    last = vocabulary.size - 1
    assert last in vocabulary.controls - vocabulary.end_tokens
    assert vocabulary.piece(last) == text
    assert last not in vocabulary.tokenize(f"a {text.decode()} b")


def test_marks_of_tool_calls_are_found_with_their_bytes(tmp_path: Path) -> None:
    vocabulary = Vocabulary.load(_with_token(tmp_path / "calls.gguf", b"[TOOL_CALLS]", 3), only_vocabulary=True)
    last = vocabulary.size - 1
    assert vocabulary.marked(["[TOOL_CALLS]", "[CALLS]"]) == {last: b"[TOOL_CALLS]"}
    assert (vocabulary.piece(last), vocabulary.written(last)) == (b"", b"[TOOL_CALLS]")
    assert last in vocabulary.end_tokens  # unless an answer may have calls


def test_pieces_of_a_text_are_its_bytes(llama: Llama) -> None:
    vocabulary = llama.vocabulary
    text = "def größe(): return '🦙'\n\tpass  # 完"
    pieces = b"".join(vocabulary.piece(token) for token in vocabulary.tokenize(text))
    assert pieces.decode().removeprefix(" ") == text


def test_control_tokens_have_no_bytes(llama: Llama) -> None:
    assert {llama.vocabulary.piece(token) for token in llama.vocabulary.controls} == {b""}


def test_a_continuation_gets_no_space_in_front(llama: Llama) -> None:
    vocabulary = llama.vocabulary
    assert b"".join(vocabulary.piece(token) for token in vocabulary.tokenize_continuation("NST] x")) == b"NST] x"


def test_merges_that_lead_to_a_control_token_are_undone(tmp_path: Path) -> None:
    odd = Vocabulary.load(_with_token(tmp_path / "odd.gguf", b"<s"), only_vocabulary=True)
    assert odd.controls.isdisjoint(odd.tokenize("a<s> b"))
    assert b"".join(odd.piece(token) for token in odd.tokenize("a<s> b")) == b" a<s> b"


def test_a_closed_vocabulary_raises() -> None:
    vocabulary = Vocabulary.load(PHI3.path, only_vocabulary=True)
    vocabulary.close()
    vocabulary.close()
    with pytest.raises(EngineFailed, match="closed"):
        vocabulary.tokenize("x")


def test_a_refused_file_has_the_message_of_llama_cpp(tmp_path: Path) -> None:
    file = tmp_path / "no.gguf"
    file.write_bytes(b"no model at all")
    with pytest.raises(ModelUnavailable, match=r"no\.gguf cannot be loaded: .*failed"):
        Vocabulary.load(file)


def _with_token(path: Path, text: bytes, kind: int = 1) -> Path:
    """Llama 2's vocabulary with its last token replaced; `<s` + `>` would merge to the control token `<s>`."""
    source = CODELLAMA.vocabulary_path
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*read_texts(source, "tokenizer.ggml.tokens")[:-1], text])
    writer.add_token_scores([float(score) for score in read_numbers(source, "tokenizer.ggml.scores")])
    writer.add_token_types([*map(int, read_numbers(source, "tokenizer.ggml.token_type")[:-1]), kind])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path
