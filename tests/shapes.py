"""Models of a real shape with random weights, for measuring speed: `python -m tests.shapes phi3-mini` writes one.

Blocks are filled with random bits, in the mix of types of `llama-quantize`'s Q4_K_M. Only whole English
words have output weights, so that an answer never ends early, and its text encodes to the same tokens.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray

from models.gguf.header import GgufHeader, read_header
from models.gguf.reader import read_texts
from tests.tiny_gguf import PHI3, add_vocabulary

F32, Q4, Q5, Q6 = (GGMLQuantizationType[name] for name in ("F32", "Q4_K", "Q5_K", "Q6_K"))
_WORD = re.compile("\u2581[a-z]{2,}".encode())  # SentencePiece's mark of a space, and letters


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's sizes, by its name on the command line."""

    name: str
    n_layers: int
    n_embd: int
    n_ff: int
    n_head: int

    @property
    def path(self) -> Path:
        """Named as in the catalogue, in a folder of its own: what MODELS_DIR may point at."""
        return Path(__file__).parent.parent / "build" / "gguf-shapes" / self.name / PHI3.filename


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("phi3-mini", 32, 3072, 8192, 32),
        Shape("small", 16, 2048, 5632, 32),  # a fourth of it, for slow machines
        Shape("tiny", 4, 256, 512, 4),
    )
}


class Tensor(NamedTuple):
    name: str
    rows: int  # 0: a vector
    columns: int
    kind: GGMLQuantizationType

    @property
    def nbytes(self) -> int:
        elements, size = GGML_QUANT_SIZES[self.kind]
        return int(max(self.rows, 1) * self.columns // elements * size)


def made(shape: Shape) -> Path:
    """The model file of a shape, written if it is missing."""
    if not shape.path.is_file():
        shape.path.parent.mkdir(parents=True, exist_ok=True)
        write_shape(shape)
    return shape.path


def write_shape(shape: Shape) -> None:
    header = read_header(PHI3.vocabulary_path)
    part = shape.path.with_suffix(f".{os.getpid()}.part")  # two tests may write it at the same time
    writer = GGUFWriter(path=None, arch=header.architecture)
    _add_metadata(writer, header, shape)
    add_vocabulary(writer, PHI3.vocabulary_path, header)
    tensors = list(_tensors(shape, header.n_vocab))
    for tensor in tensors:
        size = (tensor.rows, tensor.columns) if tensor.rows else (tensor.columns,)
        writer.add_tensor_info(f"{tensor.name}.weight", size, np.dtype(np.float32), tensor.nbytes, tensor.kind)
    writer.write_header_to_file(part)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    random = np.random.default_rng(3)
    words = [bool(_WORD.fullmatch(text)) for text in read_texts(PHI3.vocabulary_path, "tokenizer.ggml.tokens")]
    for tensor in tensors:
        filled = _filled(tensor, random)
        if tensor.name == "output":
            filled[~np.array(words)] = 0
        writer.write_tensor_data(filled)
    writer.close()
    part.rename(shape.path)


def _add_metadata(writer: GGUFWriter, header: GgufHeader, shape: Shape) -> None:
    writer.add_name(PHI3.name)
    writer.add_context_length(PHI3.context_length)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head)
    writer.add_rope_dimension_count(shape.n_embd // shape.n_head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(header.n_vocab)
    writer.add_chat_template(PHI3.chat_template)


def _tensors(shape: Shape, n_vocab: int) -> Iterator[Tensor]:
    """In the types that `llama-quantize` chooses for Q4_K_M of this architecture."""
    embd, ff, layers = shape.n_embd, shape.n_ff, shape.n_layers
    yield Tensor("token_embd", n_vocab, embd, Q4)
    yield Tensor("output", n_vocab, embd, Q6)
    yield Tensor("output_norm", 0, embd, F32)
    for layer in range(layers):
        block, eighth = f"blk.{layer}.", layers // 8
        finer = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2  # its `use_more_bits`
        yield Tensor(block + "attn_norm", 0, embd, F32)
        yield Tensor(block + "attn_qkv", 3 * embd, embd, Q5)
        yield Tensor(block + "attn_output", embd, embd, Q4)
        yield Tensor(block + "ffn_norm", 0, embd, F32)
        yield Tensor(block + "ffn_up", 2 * ff, embd, Q4)
        yield Tensor(block + "ffn_down", embd, ff, Q6 if finer else Q4)


def _filled(tensor: Tensor, random: np.random.Generator) -> NDArray[np.uint8]:
    """The bytes of each row. Weights have mean 0 and variance 1 / columns, which keeps activations finite.

    Layouts: ggml-common.h. Scales and minima of sub-blocks are all 1, so a weight is `d * q - dmin` (Q6_K: `d * q`).
    """
    if tensor.kind == F32:
        return np.ones(tensor.columns, np.float32).view(np.uint8)
    n_blocks = tensor.rows * tensor.columns // 256
    size = GGML_QUANT_SIZES[tensor.kind][1]
    blocks = np.frombuffer(random.bytes(n_blocks * size), np.uint8).reshape(n_blocks, size).copy()
    levels = {Q4: 16, Q5: 32, Q6: 64}[tensor.kind]
    d = np.sqrt(12 / (levels**2 - 1) / tensor.columns)  # over the standard deviation of the uniform levels
    if tensor.kind == Q6:
        blocks[:, -18:-2] = 1
        blocks[:, -2:] = np.array([d], np.float16).view(np.uint8)
    else:
        blocks[:, :4] = np.array([d, d * (levels - 1) / 2], np.float16).view(np.uint8)
        blocks[:, 4:16] = [1] * 8 + [0x11] * 4
    return blocks.reshape(tensor.rows, -1)


if __name__ == "__main__":
    print(made(SHAPES[sys.argv[1]]))
