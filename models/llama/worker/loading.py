"""Loads a model inside its own process: weights, context, snapshots, and first steps as a proof of its kernels.

Knows the load request only. What the model then generates is the business of `loop`.
"""

import ctypes
import logging
import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import ModelUnavailable
from models.llama.bindings import last_error, library
from models.llama.kernel_results import Choice
from models.llama.kernels import (
    CHOICES,
    EXTRA_BUFFERS,
    FLASH_ATTENTION,
    PROOF_ROWS,
    READING,
    SUSPECTS,
    environment,
    preferred,
    proof,
)
from models.llama.kv.slots import Slots
from models.llama.kv.snapshot_key import has_stored_digests, snapshot_key
from models.llama.kv.snapshots import SnapshotStore
from models.llama.wire import LoadRequest
from models.llama.worker.answer_tokens import AnswerTokens
from models.llama.worker.calibration import READING_SHARE, Stage, calibrated
from models.llama.worker.context import ContextOptions, LlamaContext
from models.llama.worker.cost_model import MAX_ROWS, StepCostModel
from models.llama.worker.scheduler import PARALLEL, Scheduler
from models.llama.worker.speculation import DRAFT, AcceptanceTracker
from models.llama.worker.vocabulary import Vocabulary

log = logging.getLogger(__name__)

SEQUENCES = 4 * PARALLEL  # running ones, and idle conversations that need no restore to continue
ROWS = MAX_ROWS + PARALLEL * (1 + DRAFT)  # of one batch
PROOF_S = 5.0  # of one step
WRITE_PAUSE_S = 0.2  # between two checks for snapshots to write
MEASURED_S = 2.0  # of the last of these steps: with a slower model or a busy machine, measuring takes minutes


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model and everything that generates with it."""

    request: LoadRequest
    vocabulary: Vocabulary
    context: LlamaContext
    snapshots: SnapshotStore
    scheduler: Scheduler
    answers: AnswerTokens
    fastest: Choice | None = None  # if this load measured it
    acceptance: AcceptanceTracker = field(default_factory=AcceptanceTracker)

    @property
    def facts(self) -> dict[str, Any]:
        """What the server needs to know about it."""
        vocabulary = self.vocabulary
        return {
            "context_length": self.request.context_length,
            "bos": vocabulary.text(vocabulary.bos),
            "eos": vocabulary.text(vocabulary.eos),
            "fim": vocabulary.fim,
            "fastest": self.fastest and asdict(self.fastest),
        }

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers for the server's metrics."""
        slots, snapshots = self.scheduler.slots, self.snapshots
        return {
            "cells": slots.tree.cells,
            "waiting": self.scheduler.waiting,
            "acceptance": self.acceptance.share,
            "snapshot_hits": snapshots.hits,
            "snapshot_misses": snapshots.misses,
            "snapshot_tokens": slots.restored_tokens,
            "snapshots_damaged": snapshots.damaged,
            "snapshot_ram_bytes": snapshots.ram_bytes,
            "snapshot_disk_bytes": snapshots.disk_bytes,
        }

    def open_disk(self) -> None:
        """Uses snapshots on disk from now on, and the tokens of the answers in them."""
        self.snapshots.open_disk(snapshot_key(self.request))
        for tokens, spans in self.snapshots.answers():
            for begin, end in spans:
                self.answers.add(tokens[:begin], tokens[begin:end])

    def write_snapshots(self, lock: AbstractContextManager[object]) -> None:
        """Writes the snapshots that memory has no room for, beside the answers. For a thread of its own; everything but
        the writing happens under `lock`.
        """
        if not self.snapshots.has_disk:
            try:
                snapshot_key(self.request)  # stores the digests: reading the whole file takes seconds, without the lock
                with lock:
                    self.open_disk()
            except OSError as error:
                log.warning("no snapshots on disk: %s", error)
                return
        while True:
            with lock:
                due = self.snapshots.next_to_write()
            if due is None:
                time.sleep(WRITE_PAUSE_S)
                continue
            path = self.snapshots.write(due)
            with lock:
                self.snapshots.written(due, path)


def load(request: LoadRequest, on_progress: Callable[[float], None], on_stage: Stage) -> LoadedModel:
    """Loads a model; blocks for seconds. `on_stage` is called before each stage with the kernels that it uses: the last
    report shows what a process died of.

    Raises ModelUnavailable with llama.cpp's own message.
    """
    for name, value in environment(request.without).items():
        os.putenv(name, value)
    request = replace(request, kernels=_kernels(request))
    on_stage(READING, request.kernels)
    reading_share = READING_SHARE if request.most_threads else 1.0
    vocabulary = Vocabulary.load(
        Path(request.path),
        gpu_layers=request.gpu_layers,
        extra_buffers=EXTRA_BUFFERS in request.kernels,
        on_progress=lambda share: on_progress(share * reading_share),
    )
    on_stage("its context was being made", request.kernels)
    context = _context(request, vocabulary)
    cost_model = StepCostModel()
    step_s = _prove_steps(request, vocabulary, context, cost_model, on_stage)
    fastest = None
    if request.most_threads and step_s < MEASURED_S:
        fastest = calibrated(request, vocabulary, context.can_share_prefix, on_progress, on_stage)
    snapshots = SnapshotStore(request.kv_limits, supports_partial=context.can_share_prefix)
    slots = Slots(context, snapshots, request.context_length, SEQUENCES)
    answers = AnswerTokens(vocabulary.piece)
    model = LoadedModel(request, vocabulary, context, snapshots, Scheduler(slots, cost_model), answers, fastest)
    if request.folder and has_stored_digests(request):
        try:
            model.open_disk()
        except OSError as error:
            log.warning("no snapshots on disk: %s", error)
    return model


def _context(request: LoadRequest, vocabulary: Vocabulary) -> LlamaContext:
    options = ContextOptions(
        request.context_length,
        request.threads,
        sequences=SEQUENCES,
        rows=ROWS,
        outputs=PARALLEL * (1 + DRAFT),
        reading_threads=request.reading_threads,
        kv_type=request.kv_type,
        flash_attention=FLASH_ATTENTION in request.kernels,
    )
    context = LlamaContext(vocabulary.model, options)
    _adapt(vocabulary.model, context.pointer, request.adapters)
    return context


def _adapt(model: Any, context: Any, adapters: tuple[str, ...]) -> None:
    """Applies LoRA adapters to the weights, each at full strength."""
    if not adapters:
        return
    api = library()
    loaded = [api.llama_adapter_lora_init(model, path.encode()) for path in adapters]
    for path, adapter in zip(adapters, loaded, strict=True):
        if not adapter:
            raise ModelUnavailable(f"the adapter {Path(path).name} cannot be loaded: {last_error()}")
    array = (api.llama_adapter_lora_p_ctypes * len(loaded))(*loaded)
    scales = (ctypes.c_float * len(loaded))(*[1.0] * len(loaded))
    if api.llama_set_adapters_lora(context, array, len(loaded), scales):
        raise ModelUnavailable(f"the adapters do not fit this model: {last_error()}")


def _kernels(request: LoadRequest) -> tuple[str, ...]:
    """The kernels to use. Loads the library, which reports what it was compiled with."""
    usual = preferred(
        is_x86=platform.machine().lower() in ("x86_64", "amd64"),
        has_amx=b"AMX_INT8 = 1" in library().llama_print_system_info(),
        is_plain_cache=request.has_plain_cache,
    )
    used = {*usual} - {*CHOICES} | {*request.kernels} & {*CHOICES} if request.kernels else {*usual}
    return tuple(name for name in SUSPECTS if name in used and name not in request.without)


def _prove_steps(
    request: LoadRequest, vocabulary: Vocabulary, context: LlamaContext, cost_model: StepCostModel, on_stage: Stage
) -> float:
    """Evaluates the steps of PROOF_ROWS, so that a kernel that faults and weights that are no numbers are found before
    an answer is promised. Returns the seconds of the last one.
    """
    for rows in PROOF_ROWS:
        on_stage(proof(rows), request.kernels)
        seconds = _prove(vocabulary, context, min(rows, request.context_length))
        if rows == 1:
            cost_model.observe(1, seconds)
        if seconds > PROOF_S:
            break  # steps of more rows are never made here: `StepCostModel` keeps them shorter
    return seconds


def _prove(vocabulary: Vocabulary, context: LlamaContext, rows: int) -> float:
    """Seconds of one step. A single row is evaluated twice: the second time the weights are in memory, and counts."""
    for _ in range(1 + (rows == 1)):
        context.cut(0, 0)
        started_at = time.perf_counter()
        context.evaluate([(0, place, max(vocabulary.bos, 0), place == rows - 1) for place in range(rows)])
    seconds = time.perf_counter() - started_at
    logits = library().llama_get_logits_ith(context.pointer, rows - 1)
    if not all(map(math.isfinite, logits[: vocabulary.size])):
        raise ModelUnavailable("the model's weights give no numbers: the file is damaged, download it again")
    context.cut(0, 0)
    return seconds
