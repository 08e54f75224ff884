"""The entries of a catalogue: a TOML file read, checked field by field, and made into `ModelSpec`s.

Does not look for model files.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.download.pypi import SCHEME, wheels_of
from models.errors import ModelError
from models.types import DownloadSource, ModelSpec, Sampling

Fields = dict[str, Any]  # of one entry, as TOML has them
BUILT_IN = Path(__file__).with_name("catalog.toml")
_ADDRESSES = {"url", "sources"}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_sources(value: object) -> bool:
    return isinstance(value, list) and all(_is_source(item) for item in value)


def _is_source(value: object) -> bool:
    if isinstance(value, dict):
        return {"from"} <= value.keys() <= {"from", "sha256"} and _is_texts([*value.values()])
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_layers(value: object) -> bool:
    return value == -1 or _is_count(value)


def _is_tier(value: object) -> bool:
    return value in ("small", "medium")


def _is_temperature(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


# field -> (what it must be, in words; the test)
_SPEC_FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "filenames": ("a list of texts", _is_texts),
    "prompt_format": ("a text", _is_text),
    "context_length": ("a whole number", _is_count),
    "threads": ("a whole number", _is_count),
    "gpu_layers": ("a whole number, or -1 for all", _is_layers),
    "system_prompt": ("a text", _is_text),
    "stop": ("a list of texts", _is_texts),
    "adapters": ("a list of texts", _is_texts),
    "tier": ("small or medium", _is_tier),
    "url": ("a text", _is_text),
    "sources": ("a list of texts, or of { from = text, sha256 = text }", _is_sources),
    "sha256": ("a text", _is_text),
    "size_bytes": ("a whole number", _is_count),
    "memory_bytes": ("a whole number", _is_count),
    "licence": ("a text", _is_text),
}
_SAMPLING_FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "max_tokens": ("a whole number", _is_count),
    "temperature": ("a number from 0 to 10", _is_temperature),
    "top_p": ("a number above 0, at most 1", _is_share),
    "top_k": ("a whole number", _is_count),
    "min_p": ("a number above 0, at most 1", _is_share),
    "repeat_penalty": ("a number from 0 to 10", _is_temperature),
}
_FIELDS = _SPEC_FIELDS | _SAMPLING_FIELDS


def read_catalogue(path: Path, base: dict[str, Fields]) -> dict[str, Fields]:
    """The entries of `base` with those of a file added, or laid over them field by field."""
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    for name, fields in read.items():
        _check_entry(path, name, fields)
    merged = {name: _laid_over(base.get(name, {}), fields) for name, fields in read.items()}
    for name, fields in merged.items():
        if not fields.get("filenames"):
            raise ModelError(f"{path}: entry {name!r} needs filenames")
    return base | merged


def _laid_over(base: Fields, fields: Fields) -> Fields:
    """An entry over the one of the same name. A digest belongs to the addresses that it stands beside."""
    gone = {*_ADDRESSES, "sha256"} if fields.keys() & _ADDRESSES else set()
    return {field: value for field, value in base.items() if field not in gone} | fields


def _check_entry(path: Path, name: str, fields: object) -> None:
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: {name!r} must be a table, as in [{name}]")
    for field, value in fields.items():
        if field not in _FIELDS:
            raise ModelError(f"{path}: entry {name!r} has an unknown field {field!r}; known: {', '.join(_FIELDS)}")
        words, is_right = _FIELDS[field]
        if not is_right(value):
            raise ModelError(f"{path}: field {field!r} of entry {name!r} must be {words}, not {value!r}")
    for source in _sources(fields):
        try:
            if source.address.startswith(SCHEME):
                wheels_of(source.address)
        except ValueError as error:
            raise ModelError(f"{path}: field 'sources' of entry {name!r}: {error}") from error


def to_spec(name: str, fields: Fields) -> ModelSpec:
    """The checked fields of an entry as what the engine and the download take."""

    def tidy(value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    sampling = Sampling(**{field: fields[field] for field in _SAMPLING_FIELDS if field in fields})
    rest = {field: tidy(fields[field]) for field in _SPEC_FIELDS if field in fields and field not in _ADDRESSES}
    return ModelSpec(name, sampling=sampling, sources=_sources(fields), **rest)


def _sources(fields: Fields) -> tuple[DownloadSource, ...]:
    given = [fields["url"], *fields.get("sources", [])] if fields.get("url") else fields.get("sources", [])
    return tuple(
        DownloadSource(item) if isinstance(item, str) else DownloadSource(item["from"], item.get("sha256", ""))
        for item in given
    )
