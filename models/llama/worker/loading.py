"""A model file made ready to answer, inside its own process: weights, cells, snapshots, and a first token as proof.

Knows what an order says; what is then asked of the model is the business of `worker`.
"""

import ctypes
import hashlib
import json
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
from models.gguf.header import split_parts
from models.llama.bindings import last_complaint, library
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
from models.llama.kv.snapshots import KvLimits, Snapshots
from models.llama.verdicts import Choice
from models.llama.wire import LoadRequest
from models.llama.worker.answer_tokens import Answers
from models.llama.worker.calibration import READING_SHARE, Stage, calibrated
from models.llama.worker.context import LlamaContext
from models.llama.worker.cost_model import MOST, StepCostModel
from models.llama.worker.scheduler import PARALLEL, Scheduler
from models.llama.worker.speculation import DRAFT, AcceptanceTracker
from models.llama.worker.vocabulary import Vocabulary

log = logging.getLogger(__name__)

SEQUENCES = 4 * PARALLEL  # beside the running ones, conversations that can go on without a restore
ROWS = MOST + PARALLEL * (1 + DRAFT)  # of one batch
PROOF_S = 5.0  # of one step
WRITE_PAUSE_S = 0.2  # between two looks at what has to go to disk
MEASURED_S = 2.0  # of the largest of these steps: with a slower model, or beside other work, comparing takes minutes
_DIGESTS = "digests.json"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Everything that answers."""

    order: LoadRequest
    vocabulary: Vocabulary
    context: LlamaContext
    snapshots: Snapshots
    scheduler: Scheduler
    answers: Answers
    fastest: Choice | None = None  # as far as it was measured in this load
    worth: AcceptanceTracker = field(default_factory=AcceptanceTracker)

    @property
    def facts(self) -> dict[str, Any]:
        """What the server has to know of it."""
        vocabulary = self.vocabulary
        return {
            "context_length": self.order.context_length,
            "bos": vocabulary.text(vocabulary.bos),
            "eos": vocabulary.text(vocabulary.eos),
            "fim": vocabulary.fim,
            "fastest": self.fastest and asdict(self.fastest),
        }

    @property
    def told(self) -> dict[str, float]:
        """Numbers for metrics."""
        slots, snapshots = self.scheduler.slots, self.snapshots
        return {
            "cells": slots.tree.cells,
            "waiting": self.scheduler.waiting,
            "acceptance": self.worth.share,
            "snapshot_hits": snapshots.hits,
            "snapshot_misses": snapshots.misses,
            "snapshot_tokens": slots.restored_tokens,
            "snapshots_damaged": snapshots.damaged,
            "snapshot_ram_bytes": snapshots.ram_bytes,
            "snapshot_disk_bytes": snapshots.disk_bytes,
        }

    def open_disk(self) -> None:
        """Lets snapshots go to disk and come from there; what the model said in them is known again."""
        self.snapshots.open_disk(snapshot_key(self.order))
        for tokens, spans in self.snapshots.answers():
            for begin, end in spans:
                self.answers.remember(tokens[:begin], tokens[begin:end])

    def keep_on_disk(self, lock: AbstractContextManager[object]) -> None:
        """Writes the snapshots that memory has no room for, while answers go on. For a thread of its own; everything
        but the writing happens under `lock`.
        """
        if not self.snapshots.is_open:
            try:
                snapshot_key(self.order)  # reads all of the model's file: nobody waits for that
                with lock:
                    self.open_disk()
            except OSError as error:
                log.warning("no snapshots on disk: %s", error)
                return
        while True:
            with lock:
                due = self.snapshots.due()
            if due is None:
                time.sleep(WRITE_PAUSE_S)
                continue
            path = self.snapshots.write(due)
            with lock:
                self.snapshots.wrote(due, path)


def load(order: LoadRequest, on_progress: Callable[[float], None], on_stage: Stage) -> LoadedModel:
    """Blocks for seconds. `on_stage` hears what is done next, with which kernels: it may be the last that is heard.

    Raises ModelUnavailable with llama.cpp's own words.
    """
    for name, value in environment(order.without).items():
        os.putenv(name, value)
    kernels = _chosen(order)
    order = replace(order, kernels=kernels)
    on_stage(READING, kernels)
    reading_share = READING_SHARE if order.most_threads else 1.0
    vocabulary = Vocabulary.load(
        Path(order.path),
        gpu_layers=order.gpu_layers,
        extra_buffers=EXTRA_BUFFERS in kernels,
        on_progress=lambda share: on_progress(share * reading_share),
    )
    on_stage("its context was being made", kernels)
    context = LlamaContext(
        vocabulary.model,
        order.context_length,
        order.threads,
        sequences=SEQUENCES,
        rows=ROWS,
        choices=PARALLEL * (1 + DRAFT),
        kv_type=order.kv_type,
        flash_attention=FLASH_ATTENTION in kernels,
        reading_threads=order.reading_threads,
    )
    _adapt(vocabulary.model, context.pointer, order.adapters)
    pace = StepCostModel()
    for rows in PROOF_ROWS:
        on_stage(proof(rows), kernels)
        if (seconds := _prove(vocabulary, context, pace, min(rows, order.context_length))) > PROOF_S:
            break  # steps of more rows are never made here: `StepCostModel` keeps them shorter
    is_measured = order.most_threads and seconds < MEASURED_S
    chosen = calibrated(order, vocabulary, context.can_share_prefix, on_progress, on_stage) if is_measured else None
    limits = KvLimits(order.ram_bytes, order.disk_bytes, Path(order.folder) if order.folder else None)
    snapshots = Snapshots(limits, parts=context.can_share_prefix)
    slots = Slots(context, snapshots, order.context_length, SEQUENCES)
    answers = Answers(vocabulary.piece)
    loaded = LoadedModel(order, vocabulary, context, snapshots, Scheduler(slots, pace), answers, chosen)
    if order.folder and is_known(order):
        try:
            loaded.open_disk()
        except OSError as error:
            log.warning("no snapshots on disk: %s", error)
    return loaded


def _adapt(model: Any, context: Any, adapters: tuple[str, ...]) -> None:
    """Lays LoRA adapters over the weights, each in full strength."""
    if not adapters:
        return
    api = library()
    loaded = [api.llama_adapter_lora_init(model, path.encode()) for path in adapters]
    for path, adapter in zip(adapters, loaded, strict=True):
        if not adapter:
            raise ModelUnavailable(f"the adapter {Path(path).name} cannot be loaded: {last_complaint()}")
    array = (api.llama_adapter_lora_p_ctypes * len(loaded))(*loaded)
    scales = (ctypes.c_float * len(loaded))(*[1.0] * len(loaded))
    if api.llama_set_adapters_lora(context, array, len(loaded), scales):
        raise ModelUnavailable(f"the adapters do not fit this model: {last_complaint()}")


def _chosen(order: LoadRequest) -> tuple[str, ...]:
    """The kernels in use. Loads the library, which knows what it was compiled with."""
    usual = preferred(
        is_x86=platform.machine().lower() in ("x86_64", "amd64"),
        has_amx=b"AMX_INT8 = 1" in library().llama_print_system_info(),
        is_plain_cache=order.has_plain_cache,
    )
    used = {*usual} - {*CHOICES} | {*order.kernels} & {*CHOICES} if order.kernels else {*usual}
    return tuple(name for name in SUSPECTS if name in used and name not in order.without)


def _prove(vocabulary: Vocabulary, context: LlamaContext, pace: StepCostModel, rows: int) -> float:
    """Seconds of a step. A kernel that faults and weights that give no numbers are found here, before anybody is
    promised an answer. A single row is evaluated twice: the second time the weights are in memory, and it counts.
    """
    api = library()
    for _ in range(1 + (rows == 1)):
        context.cut(0, 0)
        began = time.perf_counter()
        context.evaluate([(0, place, max(vocabulary.bos, 0), place == rows - 1) for place in range(rows)])
    seconds = time.perf_counter() - began
    if rows == 1:
        pace.observe(1, seconds)
    logits = api.llama_get_logits_ith(context.pointer, rows - 1)
    if not all(map(math.isfinite, logits[: vocabulary.size])):
        raise ModelUnavailable("the model's weights give no numbers: the file is damaged, download it again")
    context.cut(0, 0)
    return seconds


def snapshot_key(order: LoadRequest) -> str:
    """Names the states that this model makes: its bytes, its adapters' bytes, and what shapes the cells.

    The context's length does: Phi-3's turn of positions is another one behind 4,096 tokens (llama.cpp's
    `get_rope_factors`).
    """
    shas = [_file_sha(order, Path(path)) for path in (*map(str, split_parts(Path(order.path))), *order.adapters)]
    is_flash = FLASH_ATTENTION in order.kernels  # it turns the cells of values
    shaped = json.dumps([shas, order.context_length, order.kv_type, order.gpu_layers, is_flash, library().__version__])
    return hashlib.sha256(shaped.encode()).hexdigest()


def is_known(order: LoadRequest) -> bool:
    """Whether `snapshot_key` is a matter of milliseconds: all files have been read before."""
    known = _digests(order)
    return all(_stamp(path) in known for path in (*split_parts(Path(order.path)), *map(Path, order.adapters)))


def _file_sha(order: LoadRequest, path: Path) -> str:
    """SHA-256 of a whole file; remembered by its path, size and time, because it takes seconds."""
    known, stamp = _digests(order), _stamp(path)
    if stamp not in known:
        with path.open("rb") as file:
            known[stamp] = hashlib.file_digest(file, "sha256").hexdigest()
        folder = Path(order.folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = folder / f"{_DIGESTS}.{os.getpid()}.part"
        part.write_text(json.dumps(known), "utf-8")
        part.replace(folder / _DIGESTS)
    return known[stamp]


def _stamp(path: Path) -> str:
    facts = path.stat()
    return f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns}"


def _digests(order: LoadRequest) -> dict[str, str]:
    try:
        known = json.loads((Path(order.folder) / _DIGESTS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
