"""What the server and the process of a model say to each other: one JSON object a line, over a socket of their own.

JSON, because a process that a damaged model file has overrun must not be able to run anything in the server.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from models.types import Sampling, Segment

LINE_BYTES = 1 << 26  # the tokens of a very long prompt

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What the server wants loaded. Crosses the socket as JSON."""

    path: str
    context_length: int  # tokens
    threads: int  # of a step with one row
    reading_threads: int = 0  # of all others; 0: as many
    kernels: tuple[str, ...] = ()  # that were measured to be the fastest; none: those that usually are
    most_threads: int = 0  # that may be tried, where the fastest are to be measured; 0: they are not
    gpu_layers: int = 0
    kv_type: str = "f16"
    adapters: tuple[str, ...] = ()  # LoRA files
    folder: str = ""  # of snapshots; "": none on disk
    ram_bytes: int = 0  # of snapshots
    disk_bytes: int = 0
    file_bytes: int = 0  # of the model
    without: tuple[str, ...] = ()  # kernels that are left out, by their names

    @property
    def has_plain_cache(self) -> bool:
        """In f16, and read by the processor: flash attention is a choice."""
        return self.kv_type == "f16" and self.gpu_layers == 0


def packed(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def pack_segments(segments: Iterable[Segment]) -> list[list[Any]]:
    return [[segment.text, segment.parse_special, segment.said] for segment in segments]


def segments_of(packed: list[list[Any]]) -> tuple[Segment, ...]:
    return tuple(Segment(text, parse_special, from_model) for text, parse_special, from_model in packed)


def pack_sampling(sampling: Sampling) -> Message:
    return asdict(sampling)


def sampling_of(packed: Message) -> Sampling:
    return Sampling(**packed | {"stop": tuple(packed["stop"])})
