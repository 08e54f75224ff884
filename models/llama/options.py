"""How a model is loaded: options of the caller, and the load request that follows from them and from the model."""

from dataclasses import dataclass
from pathlib import Path

from models.gguf.header import GgufHeader
from models.hardware import logical_cores, physical_cores
from models.llama.wire import KvLimits, LoadRequest
from models.types import ModelSpec

NO_SNAPSHOTS = KvLimits()


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """How a model is loaded. What is None comes from the `ModelSpec`."""

    threads: int | None = None
    gpu_layers: int | None = None
    context_length: int | None = None  # tokens
    kv_type: str = "f16"
    kv_limits: KvLimits = NO_SNAPSHOTS
    kernel_results: Path | None = None  # file of unusable and of fastest kernels; None: nothing is measured or stored


DEFAULTS = LlamaOptions()


def load_request(spec: ModelSpec, path: Path, header: GgufHeader, options: LlamaOptions) -> LoadRequest:
    """What the process has to load. The context is never longer than the model was trained for."""
    threads = options.threads or spec.threads  # 0: not set by the user
    gpu_layers = spec.gpu_layers if options.gpu_layers is None else options.gpu_layers
    limits = options.kv_limits
    return LoadRequest(
        path=str(path),
        context_length=min(options.context_length or spec.context_length, header.context_length),
        threads=threads or physical_cores(),
        most_threads=(threads or logical_cores()) if options.kernel_results and not gpu_layers else 0,
        gpu_layers=gpu_layers,
        kv_type=options.kv_type,
        adapters=tuple(str(path.parent / adapter) for adapter in spec.adapters),
        folder=str(limits.folder or ""),
        ram_bytes=limits.ram_bytes,
        disk_bytes=limits.disk_bytes,
        file_bytes=header.file_bytes,
    )
