"""One llama.cpp context: many sequences in one batch. Used by one thread at a time.

Knows evaluation, cells and states; does not know text, whose sequence it is, or what is evaluated next.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

from models.errors import EngineFailed, ModelUnavailable
from models.llama.bindings import last_complaint, library
from models.llama.kv.state_file import State, blank

_ABORTED = 2  # llama_decode
KV_TYPES = {"f16": 1, "q8_0": 8}  # enum ggml_type
_FLASH_OFF, _FLASH_ON = 0, 1  # enum llama_flash_attn_type

Row = tuple[int, int, int, bool]  # sequence, position, token, whether the next one is chosen behind it


class Cancel:
    """Set from any thread; stops an evaluation within milliseconds.

    llama.cpp asks its abort callback at every node of the graph. A Python callback would take the interpreter lock a
    thousand times a token; `strlen` of this two-byte buffer answers the same question without it.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)

    def set(self) -> None:
        self.buffer[0] = b"\x01"

    def clear(self) -> None:
        self.buffer[0] = b"\x00"

    def __bool__(self) -> bool:
        return self.buffer[0] != b"\x00"


class LlamaContext:
    """Cells for `n_ctx` tokens in all, shared by `sequences` sequences, and one batch of up to `rows` tokens."""

    def __init__(
        self,
        model: Any,
        n_ctx: int,
        threads: int,
        *,
        sequences: int,
        rows: int,
        choices: int,
        kv_type: str = "f16",
        flash_attention: bool = False,
        reading_threads: int = 0,
    ) -> None:
        """`threads` evaluate a single row, `reading_threads` several (0: as many). `choices`: most rows of a batch
        behind which a token is chosen. Without flash attention values are f16.

        Raises ModelUnavailable when llama.cpp cannot allocate the cells.
        """
        self._api = library()
        params = self._api.llama_context_default_params()
        # A recurrent memory is one state, not cells; with a sliding window what is behind it is gone, and not saved.
        whole = (self._api.llama_model_is_recurrent, self._api.llama_model_is_hybrid, self._api.llama_model_n_swa)
        self.can_share_prefix = not any(asked(model) for asked in whole)
        self._spare = sequences  # the number of one more, through which parts of states go
        params.n_ctx, params.n_seq_max, params.kv_unified = n_ctx, sequences + self.can_share_prefix, True
        params.n_batch = params.n_ubatch = rows  # one: an aborted batch leaves nothing behind
        params.n_outputs_max = min(rows, choices)
        params.n_threads, params.n_threads_batch = threads, reading_threads or threads
        params.type_k, params.type_v = KV_TYPES[kv_type], KV_TYPES[kv_type if flash_attention else "f16"]
        params.flash_attn_type = _FLASH_ON if flash_attention else _FLASH_OFF
        self.attends_all_cells = not flash_attention
        self.cancel = Cancel()
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, self._api.ggml_abort_callback)
        params.abort_callback, self._strlen = strlen, strlen
        params.abort_callback_data = ctypes.addressof(self.cancel.buffer)
        last_complaint()
        self.pointer = self._api.llama_init_from_model(model, params)
        if not self.pointer:
            raise ModelUnavailable(f"no context of {n_ctx} tokens could be made: {last_complaint()}")
        self._memory = self._api.llama_get_memory(self.pointer)
        self._batch = self._api.llama_batch_init(rows, 0, 1)

    def evaluate(self, rows: Sequence[Row]) -> bool:
        """Adds these rows to their sequences. False: `cancel` was set, nothing was added."""
        if self.cancel:
            return False
        batch = self._batch
        batch.n_tokens = len(rows)
        for place, (sequence, position, token, chooses) in enumerate(rows):
            batch.token[place], batch.pos[place], batch.logits[place] = token, position, chooses
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence
        status = self._api.llama_decode(self.pointer, batch)
        if status == 0:
            return True
        for sequence, begin in {row[0]: row[1] for row in reversed(rows)}.items():
            self._api.llama_memory_seq_rm(self._memory, sequence, begin, -1)
        if status == _ABORTED:
            return False
        raise EngineFailed(f"llama.cpp could not go on (status {status}): {last_complaint()}")

    def copy(self, source: int, sequence: int, length: int) -> None:
        """Shares the first `length` tokens of a sequence; no cell is added."""
        self._api.llama_memory_seq_cp(self._memory, source, sequence, 0, length)

    def cut(self, sequence: int, length: int) -> bool:
        """Forgets what is behind `length`. False: this model's memory cannot be cut, all of the sequence is gone."""
        if self._api.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return True
        self._api.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def save(self, sequence: int, begin: int, end: int) -> State:
        """The cells of tokens `begin` to `end`; all that there is of the sequence, where a part cannot be shared."""
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
            raise EngineFailed(f"llama.cpp saved {written} of {size} bytes: {last_complaint()}")
        return state

    def restore(self, sequence: int, state: State, begin: int, end: int) -> bool:
        """Puts the tokens `begin` to `end` of a saved state behind the `begin` that the sequence holds; the whole state
        where a part cannot be shared. False: llama.cpp refuses it.
        """
        target = self._spare if self.can_share_prefix else sequence
        buffer = (ctypes.c_uint8 * len(state)).from_buffer(state)
        is_done = bool(self._api.llama_state_seq_set_data(self.pointer, buffer, len(state), target))
        if self.can_share_prefix:
            self._api.llama_memory_seq_cp(self._memory, target, sequence, begin, end)
            self._api.llama_memory_seq_rm(self._memory, target, -1, -1)
        return is_done

    def close(self) -> None:
        self._api.llama_batch_free(self._batch)
        self._api.llama_free(self.pointer)
