"""The messages between the server and the process of a model: one JSON object a line, over a socket of their own.

JSON, because a process that a damaged model file has taken over must not be able to run anything in the server.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.filters.answer_filter import is_filtered
from models.types import Prompt, Sampling, Segment

LINE_BYTES = 1 << 26  # the tokens of a very long prompt

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KvLimits:
    """Where snapshots of the KV cache may be stored, and how many bytes of them. No folder: none on disk."""

    ram_bytes: int = 0
    disk_bytes: int = 0
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a process has to load. Crosses the socket as JSON."""

    path: str
    context_length: int  # tokens
    threads: int  # of a step with one row
    reading_threads: int = 0  # of a step with several rows; 0: as many as `threads`
    kernels: tuple[str, ...] = ()  # those measured to be the fastest; empty: the usual ones
    most_threads: int = 0  # to try where the fastest choice is to be measured; 0: nothing is measured
    gpu_layers: int = 0
    kv_type: str = "f16"
    adapters: tuple[str, ...] = ()  # LoRA files
    folder: str = ""  # of snapshots; "": none on disk
    ram_bytes: int = 0  # of snapshots
    disk_bytes: int = 0
    file_bytes: int = 0  # of the model
    without: tuple[str, ...] = ()  # kernels to leave out, by name

    @property
    def kv_limits(self) -> KvLimits:
        return KvLimits(self.ram_bytes, self.disk_bytes, Path(self.folder) if self.folder else None)

    @property
    def has_plain_cache(self) -> bool:
        """The KV cache is f16 and read by the processor: flash attention is optional."""
        return self.kv_type == "f16" and self.gpu_layers == 0


def packed(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def load_request_of(message: Message) -> LoadRequest:
    """A LoadRequest from its `asdict` form, in which JSON has made lists of tuples."""
    return LoadRequest(**message | {name: tuple(message[name]) for name in ("adapters", "without", "kernels")})


def pack_segments(segments: Iterable[Segment]) -> list[list[Any]]:
    return [[segment.text, segment.parse_special, segment.from_model] for segment in segments]


def segments_of(packed: list[list[Any]]) -> tuple[Segment, ...]:
    return tuple(Segment(text, parse_special, from_model) for text, parse_special, from_model in packed)


def generate_message(id_: int, prompt: Prompt, sampling: Sampling, stops: Iterable[str] = ()) -> Message:
    """What asks the process for an answer. `stops`: end marks of the model beside those of the prompt."""
    return {
        "do": "generate",
        "id": id_,
        "segments": pack_segments(prompt.segments),
        "sampling": asdict(sampling),
        "marks": [*prompt.stop, *stops],
        "filtered": is_filtered(prompt, sampling),
        "prefetch": prompt.prefetch,
        "is_continuation": prompt.is_continuation,
        "shown": prompt.shown,
    }


def sampling_of(packed: Message) -> Sampling:
    return Sampling(**packed | {"stop": tuple(packed["stop"])})
