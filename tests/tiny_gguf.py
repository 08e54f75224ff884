"""Vocabularies from the source distribution of llama.cpp, and tiny models with random weights around them.

`python -m tests.tiny_gguf SDIST OUTDIR` writes them. Weights are single precision: with quantised ones the rounding of
activations depends on the rest of a batch, and would decide between tokens that are nearly equal.
"""

import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from gguf import GGUFWriter
from numpy.typing import NDArray

from models.gguf.header import GgufHeader, read_header
from models.gguf.reader import read_numbers, read_texts

N_LAYERS, N_EMBD, N_HEAD, N_FF = 2, 32, 2, 64
_NORMAL = 1  # tokenizer.ggml.token_type

_PHI3_TEMPLATE = (
    "{% for m in messages %}"
    "{% if m['role'] in ('system', 'user', 'assistant') %}"
    "{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
_LLAMA2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set turns = messages[1:] %}{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set turns = messages %}{% set system = '' %}{% endif %}"
    "{% for m in turns %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('user and assistant must take turns, user first') }}"
    "{% endif %}"
    "{% if m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + ((system if loop.first else '') + m['content']).strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'].strip() + ' ' + eos_token }}{% endif %}"
    "{% endfor %}"
)
_LLAMA3_TEMPLATE = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}"
    "{% set system = messages[0]['content'].strip() %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{{ 'Cutting Knowledge Date: December 2023\nToday Date: ' + (date_string or '26 Jul 2024') + '\n\n' }}"
    "{{ system + '<|eot_id|>' }}"
    "{% for m in turns %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'].strip() + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Tiny:
    """One random model: its vocabulary, its file name in the catalogue, its metadata."""

    model: str  # name in the catalogue
    vocabulary: str
    filename: str
    name: str  # general.name: llama.cpp uses it to detect Phi-3's white space
    context_length: int
    chat_template: str
    seed: int
    fim: tuple[int, int, int] | None = None  # control tokens for filling in the middle: prefix, suffix, middle

    @property
    def vocabulary_file(self) -> str:
        return f"ggml-vocab-{self.vocabulary}.gguf"

    @property
    def path(self) -> Path:
        return tiny_dir() / self.filename

    @property
    def vocabulary_path(self) -> Path:
        return tiny_dir() / self.vocabulary_file


PHI3 = Tiny("phi3-mini", "phi-3", "Phi-3-mini-128k-instruct-Q4_K_M.gguf", "Phi3 random", 131072, _PHI3_TEMPLATE, seed=3)
CODELLAMA = Tiny(
    "codellama-7b", "llama-spm", "codellama-7b-merged-Q4_K_M.gguf", "CodeLlama random", 16384, _LLAMA2_TEMPLATE, seed=7
)
LLAMA3 = Tiny(
    "llama3.1-8b", "llama-bpe", "llama-3.1-8b-instruct-q4_k_m.gguf", "Llama random", 131072, _LLAMA3_TEMPLATE, seed=8,
    fim=(128002, 128003, 128004),  # reserved ones: Llama 3.1 has none of its own
)  # fmt: skip
ALL = (PHI3, CODELLAMA, LLAMA3)


def tiny_dir() -> Path:
    """Where the tiny models lie. Fails, rather than skips, when they were not made."""
    folder = Path(__file__).parent.parent / "build" / "gguf"
    missing = [tiny.filename for tiny in ALL if not (folder / tiny.filename).is_file()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} not in build/gguf: run `make setup`")
    return folder


def golden(tiny: Tiny) -> list[tuple[str, list[int]]]:
    """llama.cpp's own test texts with their tokens, no BOS."""
    texts = tiny.vocabulary_path.with_suffix(".gguf.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = tiny.vocabulary_path.with_suffix(".gguf.out").read_text().splitlines()
    return [(text, [int(n) for n in line.split()]) for text, line in zip(texts, lines, strict=False)]


def main(sdist: Path, outdir: Path) -> None:
    outdir.mkdir(parents=True, exist_ok=True)
    wanted = [tiny.vocabulary_file + suffix for tiny in ALL for suffix in ("", ".inp", ".out")]
    missing = {name for name in wanted if not (outdir / name).is_file()}
    if missing:
        _extract(sdist, outdir, missing)
    for tiny in ALL:
        write_model(outdir / tiny.vocabulary_file, outdir / tiny.filename, tiny)


def _extract(sdist: Path, outdir: Path, names: set[str]) -> None:
    with tarfile.open(sdist) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in names and "llama.cpp/models/" in member.name and (file := archive.extractfile(member)):
                part = outdir / f"{name}.part"
                part.write_bytes(file.read())
                part.rename(outdir / name)
                names = names - {name}
    if names:
        raise FileNotFoundError(f"{sdist.name} does not contain {', '.join(sorted(names))}")


def write_model(vocabulary: Path, path: Path, tiny: Tiny) -> None:
    """Random weights of the true architecture. Only ordinary tokens have output weights: it never ends early."""
    header = read_header(vocabulary)
    writer = GGUFWriter(path=None, arch=header.architecture)
    _add_metadata(writer, header, tiny)
    add_vocabulary(writer, vocabulary, header)
    _add_tensors(writer, header, np.array(read_numbers(vocabulary, "tokenizer.ggml.token_type")), tiny.seed)
    part = path.with_name(path.name + ".part")
    writer.write_header_to_file(part)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(path)


def _add_metadata(writer: GGUFWriter, header: GgufHeader, tiny: Tiny) -> None:
    writer.add_name(tiny.name)
    writer.add_context_length(tiny.context_length)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(N_LAYERS)
    writer.add_feed_forward_length(N_FF)
    writer.add_head_count(N_HEAD)
    writer.add_head_count_kv(N_HEAD)
    writer.add_rope_dimension_count(N_EMBD // N_HEAD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(header.n_vocab)
    writer.add_chat_template(tiny.chat_template)
    for name, token in zip(("pre", "suf", "mid"), tiny.fim or (), strict=False):
        writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)


def add_vocabulary(writer: GGUFWriter, path: Path, header: GgufHeader) -> None:
    writer.add_tokenizer_model({"spm": "llama", "bpe": "gpt2"}[header.vocab_kind])
    writer.add_tokenizer_pre(header.vocab_pre)
    writer.add_token_list(read_texts(path, "tokenizer.ggml.tokens"))
    writer.add_token_types([int(kind) for kind in read_numbers(path, "tokenizer.ggml.token_type")])
    if scores := read_numbers(path, "tokenizer.ggml.scores"):
        writer.add_token_scores([float(score) for score in scores])
    if merges := read_texts(path, "tokenizer.ggml.merges"):
        writer.add_token_merges(merges)
    assert header.bos_id is not None
    assert header.eos_id is not None
    writer.add_bos_token_id(header.bos_id)
    writer.add_eos_token_id(header.eos_id)
    if header.add_bos is not None:
        writer.add_add_bos_token(header.add_bos)


def _add_tensors(writer: GGUFWriter, header: GgufHeader, types: NDArray[np.int64], seed: int) -> None:
    random = np.random.default_rng(seed)

    def matrix(name: str, rows: int, columns: int, keep: NDArray[np.bool_] | None = None) -> None:
        weights = random.standard_normal((rows, columns), dtype=np.float32) / np.float32(np.sqrt(columns))
        if keep is not None:
            weights[~keep] = 0
        writer.add_tensor(f"{name}.weight", weights)

    def ones(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(N_EMBD, dtype=np.float32))

    matrix("token_embd", header.n_vocab, N_EMBD)
    matrix("output", header.n_vocab, N_EMBD, keep=types == _NORMAL)
    ones("output_norm")
    joined = header.architecture == "phi3"  # one matrix for query, key and value; one for gate and up
    for layer in range(N_LAYERS):
        block = f"blk.{layer}."
        ones(block + "attn_norm")
        ones(block + "ffn_norm")
        for name in ("attn_qkv",) if joined else ("attn_q", "attn_k", "attn_v"):
            matrix(block + name, 3 * N_EMBD if joined else N_EMBD, N_EMBD)
        matrix(block + "attn_output", N_EMBD, N_EMBD)
        for name in ("ffn_up",) if joined else ("ffn_gate", "ffn_up"):
            matrix(block + name, 2 * N_FF if joined else N_FF, N_EMBD)
        matrix(block + "ffn_down", N_EMBD, N_FF)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
