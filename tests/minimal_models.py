"""The smallest models that answer, with random weights: 344 tokens, a few dozen kB, written in milliseconds.

One is a Llama with ordinary cells, one has a sliding window, one is recurrent. None ends an answer early.
"""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

N_EMBD, N_FF = 16, 32
WINDOW = 64  # tokens that every other layer of `write_minimal_gemma` attends to
_CONTROL, _BYTE, _UNKNOWN = 3, 6, 2  # tokenizer.ggml.token_type
_WORDS = [f"▁{a}{b}" for a in "abdefgilmnorst" for b in ("", *"aeiou")]
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *_WORDS]
_CONTENT = "{{ messages[0]['content'] }}"

Weights = dict[str, NDArray[np.float32]]


class Numbers:
    """Random weights by shape, the same in every run."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)

    def __call__(self, *shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        return self._random.standard_normal(shape, dtype=np.float32) * np.float32(scale)


def write_minimal_llama(path: Path, template: str | None = _CONTENT) -> None:
    """One layer of Llama."""
    writer, numbers = _writer(path, "llama", 1, template), Numbers()
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(N_EMBD // 2)
    weights = _ends(numbers) | {"output.weight": numbers(len(TOKENS), N_EMBD)}
    weights["output.weight"][:3] = 0
    weights |= {f"blk.0.{name}.weight": np.ones(N_EMBD, np.float32) for name in ("attn_norm", "ffn_norm")}
    _finish(writer, weights | _attention(numbers, 0) | _feed_forward(numbers, 0))


def write_minimal_gemma(path: Path) -> None:
    """Four layers of Gemma 2: every other one sees the last `WINDOW` tokens only."""
    writer, numbers = _writer(path, "gemma2", 4, _CONTENT), Numbers()
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_key_length(N_EMBD // 2)
    writer.add_value_length(N_EMBD // 2)
    writer.add_sliding_window(WINDOW)
    weights = _tied(numbers)
    for layer in range(4):
        norms = {"attn_norm": 1, "ffn_norm": 1, "post_attention_norm": 40, "post_ffw_norm": 40}  # outweighs the token
        weights |= {f"blk.{layer}.{name}.weight": np.full(N_EMBD, by, np.float32) for name, by in norms.items()}
        weights |= _attention(numbers, layer) | _feed_forward(numbers, layer)
    _finish(writer, weights)


def write_minimal_mamba(path: Path) -> None:
    """Two layers of Mamba: no cells, one state."""
    inner, state, kernel, rank = 2 * N_EMBD, 16, 4, 4
    writer, numbers = _writer(path, "mamba", 2, _CONTENT), Numbers()
    writer.add_head_count(1)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    weights = _tied(numbers)
    for layer in range(2):
        weights |= {
            f"blk.{layer}.attn_norm.weight": np.ones(N_EMBD, np.float32),
            f"blk.{layer}.ssm_in.weight": numbers(2 * inner, N_EMBD),
            f"blk.{layer}.ssm_conv1d.weight": numbers(inner, kernel),
            f"blk.{layer}.ssm_conv1d.bias": numbers(inner),
            f"blk.{layer}.ssm_x.weight": numbers(rank + 2 * state, inner, scale=0.3),
            f"blk.{layer}.ssm_dt.weight": numbers(inner, rank, scale=0.3),
            f"blk.{layer}.ssm_dt.bias": numbers(inner, scale=0.3),
            f"blk.{layer}.ssm_a": -np.abs(numbers(inner, state, scale=0.1)),  # it forgets slowly
            f"blk.{layer}.ssm_d": numbers(inner),
            f"blk.{layer}.ssm_out.weight": numbers(N_EMBD, inner),
        }
    _finish(writer, weights)


def _writer(path: Path, arch: str, layers: int, template: str | None) -> GGUFWriter:
    writer = GGUFWriter(path, arch=arch)
    writer.add_context_length(8192)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(N_FF)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([-float(n) for n in range(len(TOKENS))])
    writer.add_token_types([_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[1] * (len(TOKENS) - 259)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    return writer


def _ends(numbers: Numbers) -> Weights:
    return {"token_embd.weight": numbers(len(TOKENS), N_EMBD), "output_norm.weight": np.ones(N_EMBD, np.float32)}


def _tied(numbers: Numbers) -> Weights:
    """One matrix for input and output embeddings: words weigh more than bytes, so that an answer is text."""
    weights = _ends(numbers)
    weights["token_embd.weight"][:3] = 0
    weights["token_embd.weight"][-len(_WORDS) :] *= 4
    return weights


def _attention(numbers: Numbers, layer: int) -> Weights:
    return {f"blk.{layer}.attn_{name}.weight": numbers(N_EMBD, N_EMBD) for name in ("q", "k", "v", "output")}


def _feed_forward(numbers: Numbers, layer: int) -> Weights:
    shapes = {"ffn_gate": (N_FF, N_EMBD), "ffn_up": (N_FF, N_EMBD), "ffn_down": (N_EMBD, N_FF)}
    return {f"blk.{layer}.{name}.weight": numbers(*shape) for name, shape in shapes.items()}


def _finish(writer: GGUFWriter, weights: Weights) -> None:
    for name, array in weights.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
