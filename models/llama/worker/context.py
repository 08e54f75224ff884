"""One llama.cpp context: many sequences in one batch. Used by one thread at a time.

Knows evaluation, cells and states; does not know text, whose sequence it is, or what is evaluated next.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import EngineFailed, ModelUnavailable
from models.llama.bindings import last_error, library
from models.llama.kv.state_file import State, blank

_ABORTED = 2  # llama_decode
KV_TYPES = {"f16": 1, "q8_0": 8}  # enum ggml_type
_FLASH_OFF, _FLASH_ON = 0, 1  # enum llama_flash_attn_type

Row = tuple[int, int, int, bool]  # sequence, position, token, whether a token is sampled after it


class Cancel:
    """Set from any thread; stops an evaluation within milliseconds.

    llama.cpp calls its abort callback at every node of the graph. A Python callback would take the interpreter lock a
    thousand times a token; `strlen` of this two-byte buffer gives the same result without it.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)

    def set(self) -> None:
        self.buffer[0] = b"\x01"

    def clear(self) -> None:
        self.buffer[0] = b"\x00"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\x00"


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """Sizes and kernels of one context."""

    n_ctx: int  # tokens, of all sequences together
    threads: int  # of a step with one row
    sequences: int
    rows: int  # of one batch at most
    outputs: int  # rows of one batch after which a token is sampled, at most
    reading_threads: int = 0  # of a step with several rows; 0: as many as `threads`
    kv_type: str = "f16"
    flash_attention: bool = False  # without it values are f16


class LlamaContext:
    """Cells for `n_ctx` tokens, shared by its sequences, and one batch."""

    def __init__(self, model: Any, options: ContextOptions) -> None:
        """Raises ModelUnavailable when llama.cpp cannot allocate the cells."""
        self._api = library()
        # A recurrent memory is one state, not cells; with a sliding window the cells after it are gone, and not saved.
        whole = (self._api.llama_model_is_recurrent, self._api.llama_model_is_hybrid, self._api.llama_model_n_swa)
        self.can_share_prefix = not any(has(model) for has in whole)
        self.attends_all_cells = not options.flash_attention
        self._spare = options.sequences  # one more sequence, through which parts of states are copied
        self.cancel = Cancel()
        params = self._params(options)
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, self._api.ggml_abort_callback)
        params.abort_callback, self._strlen = strlen, strlen
        params.abort_callback_data = ctypes.addressof(self.cancel.buffer)
        last_error()
        self.pointer = self._api.llama_init_from_model(model, params)
        if not self.pointer:
            raise ModelUnavailable(f"no context of {options.n_ctx} tokens could be created: {last_error()}")
        self._memory = self._api.llama_get_memory(self.pointer)
        self._batch = self._api.llama_batch_init(options.rows, 0, 1)

    def _params(self, options: ContextOptions) -> Any:
        flash = options.flash_attention
        params = self._api.llama_context_default_params()
        params.n_ctx, params.kv_unified = options.n_ctx, True
        params.n_seq_max = options.sequences + self.can_share_prefix
        params.n_batch = params.n_ubatch = options.rows  # equal: an aborted batch leaves nothing behind
        params.n_outputs_max = min(options.rows, options.outputs)
        params.n_threads, params.n_threads_batch = options.threads, options.reading_threads or options.threads
        params.type_k, params.type_v = KV_TYPES[options.kv_type], KV_TYPES[options.kv_type if flash else "f16"]
        params.flash_attn_type = _FLASH_ON if flash else _FLASH_OFF
        return params

    def evaluate(self, rows: Sequence[Row]) -> bool:
        """Evaluates these rows and adds them to their sequences. False: `cancel` was set, nothing was added."""
        if self.cancel:
            return False
        batch = self._batch
        batch.n_tokens = len(rows)
        for place, (sequence, position, token, samples) in enumerate(rows):
            batch.token[place], batch.pos[place], batch.logits[place] = token, position, samples
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence
        status = self._api.llama_decode(self.pointer, batch)
        if status == 0:
            return True
        for sequence, begin in {row[0]: row[1] for row in reversed(rows)}.items():
            self._api.llama_memory_seq_rm(self._memory, sequence, begin, -1)
        if status == _ABORTED:
            return False
        raise EngineFailed(f"llama.cpp failed (status {status}): {last_error()}")

    def copy(self, source: int, sequence: int, length: int) -> None:
        """Shares the first `length` tokens of a sequence; no cell is added."""
        self._api.llama_memory_seq_cp(self._memory, source, sequence, 0, length)

    def cut(self, sequence: int, length: int) -> bool:
        """Removes the tokens after `length`. False: this model cannot remove a part, the whole sequence is removed."""
        if self._api.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return True
        self._api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def save(self, sequence: int, begin: int, end: int) -> State:
        """The state of tokens `begin` to `end`; of the whole sequence, where a part cannot be shared."""
        source = sequence
        if self.can_share_prefix:
            source = self._spare
            self._api.llama_memory_seq_cp(self._memory, sequence, source, begin, end)
        size = self._api.llama_state_seq_get_size(self.pointer, source)
        state = blank(size)
        buffer = (ctypes.c_uint8 * size).from_buffer(state)
        written = self._api.llama_state_seq_get_data(self.pointer, buffer, size, source)
        if self.can_share_prefix:
            self._api.llama_memory_seq_rm(self._memory, source, -1, -1)
        if written != size:
            raise EngineFailed(f"llama.cpp saved {written} of {size} bytes: {last_error()}")
        return state

    def restore(self, sequence: int, state: State, begin: int, end: int) -> bool:
        """Appends the tokens `begin` to `end` of a saved state to a sequence of length `begin`; the whole state where a
        part cannot be shared. False: llama.cpp refuses it.
        """
        target = self._spare if self.can_share_prefix else sequence
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        is_restored = bool(self._api.llama_state_seq_set_data(self.pointer, buffer, len(state), target))
        if self.can_share_prefix:
            self._api.llama_memory_seq_cp(self._memory, target, sequence, begin, end)
            self._api.llama_memory_seq_rm(self._memory, target, -1, -1)
        return is_restored

    def close(self) -> None:
        self._api.llama_batch_free(self._batch)
        self._api.llama_free(self.pointer)
