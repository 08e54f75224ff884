"""The key of a model's snapshots: a digest of its files and of everything that shapes the cells.

Digests of files are stored beside the snapshots, because computing them takes seconds.
"""

import hashlib
import json
import os
from pathlib import Path

from models.gguf.header import split_parts
from models.llama.bindings import library
from models.llama.kernels import FLASH_ATTENTION
from models.llama.wire import LoadRequest

_DIGESTS = "digests.json"


def snapshot_key(request: LoadRequest) -> str:
    """Identifies the states of this model: by its bytes, the bytes of its adapters, and what shapes the cells.

    The context's length does: Phi-3 uses other rotary factors beyond 4,096 tokens (llama.cpp's
    `get_rope_factors`).
    """
    shas = [_file_sha(request, Path(path)) for path in (*map(str, split_parts(Path(request.path))), *request.adapters)]
    is_flash = FLASH_ATTENTION in request.kernels  # it transposes the cells of values
    parts = json.dumps(
        [shas, request.context_length, request.kv_type, request.gpu_layers, is_flash, library().__version__]
    )
    return hashlib.sha256(parts.encode()).hexdigest()


def has_stored_digests(request: LoadRequest) -> bool:
    """Whether `snapshot_key` takes milliseconds only: the digests of all files are stored."""
    digests = _digests(request)
    return all(
        _fingerprint(path) in digests for path in (*split_parts(Path(request.path)), *map(Path, request.adapters))
    )


def _file_sha(request: LoadRequest, path: Path) -> str:
    """SHA-256 of a file; stored with its path, size and time, because computing it takes seconds."""
    digests, fingerprint = _digests(request), _fingerprint(path)
    if fingerprint not in digests:
        with path.open("rb") as file:
            digests[fingerprint] = hashlib.file_digest(file, "sha256").hexdigest()
        folder = Path(request.folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = folder / f"{_DIGESTS}.{os.getpid()}.part"
        part.write_text(json.dumps(digests), "utf-8")
        part.replace(folder / _DIGESTS)
    return digests[fingerprint]


def _fingerprint(path: Path) -> str:
    stat = path.stat()
    return f"{path.absolute()} {stat.st_size} {stat.st_mtime_ns}"


def _digests(request: LoadRequest) -> dict[str, str]:
    try:
        digests = json.loads((Path(request.folder) / _DIGESTS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return digests if isinstance(digests, dict) else {}
