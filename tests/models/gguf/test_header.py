"""Model files read within bounds: what they say, and that no damage gets through or crashes the reader."""

import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGUFWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import ModelUnavailable
from models.gguf.header import GgufHeader, read_header, split_parts
from models.gguf.reader import BLOCKS, human_bytes, read_numbers, read_texts
from tests.tiny_gguf import ALL, CODELLAMA, LLAMA3, N_EMBD, N_FF, N_HEAD, N_LAYERS, PHI3, Tiny


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A whole little model file of a few hundred bytes."""
    path = tmp_path_factory.mktemp("small") / "small.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(8)
    writer.add_block_count(1)
    writer.add_head_count(2)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<s>", "</s>", "a", "b"])
    writer.add_token_types([3, 3, 1, 1])
    writer.add_bos_token_id(0)
    writer.add_tensor("token_embd.weight", np.ones((4, 8), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


@pytest.mark.process
@pytest.mark.parametrize("tiny", ALL, ids=lambda tiny: tiny.model)
def test_a_header_says_what_was_written(tiny: Tiny) -> None:
    header = read_header(tiny.path)
    assert (header.name, header.context_length, header.chat_template) == (
        tiny.name, tiny.context_length, tiny.chat_template,
    )  # fmt: skip
    assert (header.n_layers, header.n_embd, header.n_head, header.n_head_kv) == (2, N_EMBD, N_HEAD, N_HEAD)
    assert header.key_dim == header.value_dim == N_EMBD // N_HEAD
    assert header.file_bytes == tiny.path.stat().st_size
    assert header.tensor_bytes == _bytes(header.n_vocab)


def _bytes(n_vocab: int) -> int:
    """Bytes of all matrices and norms in single precision."""
    per_layer = 4 * N_EMBD * N_EMBD + 3 * N_EMBD * N_FF
    matrices = 2 * n_vocab * N_EMBD + N_LAYERS * per_layer
    return (matrices + (2 * N_LAYERS + 1) * N_EMBD) * 4


@pytest.mark.process
def test_kinds_of_vocabularies_are_distinguished() -> None:
    def of(header: GgufHeader) -> tuple[object, ...]:
        return (
            header.architecture,
            header.vocab_kind,
            header.n_vocab,
            header.bos_id,
            header.eos_id,
            header.add_bos,
            header.tensor_bytes,
        )

    assert of(read_header(PHI3.vocabulary_path)) == ("phi3", "spm", 32064, 1, 32000, True, 0)
    assert of(read_header(CODELLAMA.vocabulary_path)) == ("llama", "spm", 32000, 1, 2, True, 0)
    assert of(read_header(LLAMA3.vocabulary_path)) == ("llama", "bpe", 128256, 128000, 128001, None, 0)


@pytest.mark.process
def test_arrays_are_read_when_asked_for() -> None:
    assert read_texts(PHI3.path, "tokenizer.ggml.tokens")[32006:32008] == [b"<|system|>", b"<|end|>"]
    assert read_numbers(PHI3.path, "tokenizer.ggml.token_type")[:5] == [3, 3, 4, 6, 6]
    assert read_texts(PHI3.path, "no.such.key") == []
    assert read_numbers(PHI3.path, "tokenizer.ggml.tokens") == []


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    assert {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()} == BLOCKS


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty: download it again"),
        (b"GIF89a" + bytes(40), "is not a GGUF model file"),
        (b"GG", "is not a GGUF model file"),
        (b"GGUF" + struct.pack("<I", 3), "ends inside its header, after 8 B"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "is a GGUF of version 50331648"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1 << 60), "is damaged .* pairs and 1 tensors in 24 B"),
    ],
)
def test_what_is_no_model_is_refused_in_words(tmp_path: Path, data: bytes, says: str) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(data)
    with pytest.raises(ModelUnavailable, match=f"x.gguf {says}"):
        read_header(file)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        read_header(tmp_path / "no.gguf")
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        read_header(tmp_path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, small: bytes) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(small)
    assert read_header(file).context_length == 512
    for size in range(len(small)):
        file.write_bytes(small[:size])
        with pytest.raises(ModelUnavailable, match=r"cut\.gguf"):
            read_header(file)


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_bytes_are_read_or_refused_never_worse(tmp_path: Path, small: bytes, data: st.DataObject) -> None:
    mutant = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        mutant[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "mutant.gguf"
    file.write_bytes(mutant)
    try:
        header = read_header(file)
    except ModelUnavailable as error:
        assert "mutant.gguf" in str(error)  # noqa: PT017 - both ways are right
    else:
        assert min(header.n_layers, header.n_head, header.n_embd, header.context_length) > 0
        assert header.tensor_bytes <= header.file_bytes == len(small)


def test_token_arrays_of_unequal_length_are_refused(tmp_path: Path, small: bytes) -> None:
    types = struct.pack("<4i", 3, 3, 1, 1)
    shorter = small.replace(struct.pack("<Q", 4) + types, struct.pack("<Q", 3) + types[:12])
    file = tmp_path / "x.gguf"
    file.write_bytes(shorter)
    with pytest.raises(ModelUnavailable, match="token_type does not fit the vocabulary"):
        read_header(file)


def test_parts_are_counted_together_and_missed(tmp_path: Path, small: bytes) -> None:
    first, second = tmp_path / "m-00001-of-00002.gguf", tmp_path / "m-00002-of-00002.gguf"
    first.write_bytes(small)
    with pytest.raises(ModelUnavailable, match=r"one of 2 parts; missing beside it: m-00002-of-00002\.gguf"):
        read_header(first)
    second.write_bytes(small)
    assert split_parts(first) == [first, second]
    assert read_header(first).file_bytes == 2 * len(small)
    second.write_bytes(small[:-1])
    with pytest.raises(ModelUnavailable, match=r"m-00002-of-00002\.gguf ends after"):
        read_header(first)


def test_sizes_are_written_for_people() -> None:
    assert [human_bytes(n) for n in (0, 999, 12_000_000, 2_345_678_901, 4.2e12)] == [
        "0 B", "999 B", "12 MB", "2.35 GB", "4.2 TB",
    ]  # fmt: skip
