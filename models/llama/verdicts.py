"""What had to be left out of llama.cpp on this processor, and what is fastest of the rest: where the next load begins.

A small JSON file. Knows neither kernels nor why they fault. One that is missing or damaged is as good as an empty one.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LeftOut = Mapping[str, str]  # what is left out, and what happened with it


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model's process runs with, where there is a choice."""

    kernels: tuple[str, ...]
    threads: int  # of a step with one row
    reading_threads: int  # of all others


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a load begins without, why the last one failed all the same, and what was measured to be the fastest."""

    left_out: LeftOut = field(default_factory=dict)
    failed: str = ""
    fastest: Mapping[str, Choice] = field(default_factory=dict)  # by shape of the model


@dataclass(frozen=True, slots=True)
class VerdictKey:
    """What a verdict holds for."""

    processor: str  # its name and its instruction sets
    build: str  # of llama.cpp
    architecture: str  # of the model


class Verdicts:
    """The file. Read anew each time: several processes may write it."""

    def __init__(self, file: Path | None) -> None:
        """None: nothing is remembered."""
        self._file = file

    def find(self, place: VerdictKey) -> Verdict | None:
        """None: nothing is known."""
        return dict(self.of(place.processor, place.build)).get(place.architecture)

    def of(self, processor: str, build: str) -> Iterator[tuple[str, Verdict]]:
        """What is known of the architectures that were loaded there."""
        known = _part(_part(self._read(), processor), build)
        for architecture in sorted(known):
            told = _part(known, architecture)
            left_out, failed = _part(told, "left_out"), told.get("failed")
            if isinstance(failed, str) and all(isinstance(what, str) for what in left_out.values()):
                yield architecture, Verdict(left_out, failed, dict(_choices(_part(told, "fastest"))))

    def keep(self, place: VerdictKey, verdict: Verdict) -> None:
        """Remembers it. A disk that is full or read-only costs the memory, not the load."""
        if self._file is None or self.find(place) == verdict:
            return
        known = self._read()
        builds = _part(known, place.processor)
        known[place.processor] = builds | {
            place.build: _part(builds, place.build) | {place.architecture: asdict(verdict)}
        }
        part = self._file.with_name(f"{self._file.name}.{os.getpid()}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_text(json.dumps(known, indent=1), "utf-8")
            part.replace(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            log.warning("what llama.cpp cannot use here is not remembered: %s", error)

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._file.read_text("utf-8")) if self._file else {}
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def _choices(known: dict[str, Any]) -> Iterator[tuple[str, Choice]]:
    for shape in known:
        match _part(known, shape):
            case {"kernels": list(kernels), "threads": int(threads), "reading_threads": int(reading_threads)}:
                yield shape, Choice(tuple(map(str, kernels)), max(1, threads), max(1, reading_threads))


def _part(known: dict[str, Any], name: str) -> dict[str, Any]:
    found = known.get(name)
    return found if isinstance(found, dict) else {}
