"""What the server and the process of a model say to each other: one JSON object a line, over a socket of their own.

JSON, because a process that a damaged model file has overrun must not be able to run anything in the server.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from models.types import Sampling, Segment

LINE_BYTES = 1 << 26  # the tokens of a very long prompt

Message = dict[str, Any]


def packed(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def pack_segments(segments: Iterable[Segment]) -> list[list[Any]]:
    return [[segment.text, segment.scaffold, segment.said] for segment in segments]


def segments_of(packed: list[list[Any]]) -> tuple[Segment, ...]:
    return tuple(Segment(text, scaffold, said) for text, scaffold, said in packed)


def pack_sampling(sampling: Sampling) -> Message:
    return asdict(sampling)


def sampling_of(packed: Message) -> Sampling:
    return Sampling(**packed | {"stop": tuple(packed["stop"])})
