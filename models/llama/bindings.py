"""The llama_cpp module, imported at the first use, with its log kept instead of printed.

Knows how the library is missing or broken, and which one is installed; does not know models.
"""

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

from models.errors import ModelUnavailable

REBUILD = "`rm -f .venv/stamps/llama; make setup` compiles llama.cpp for this one"
_WARN, _ERROR = 3, 4  # enum ggml_log_level
_complaints: deque[str] = deque(maxlen=20)  # one per process, as llama.cpp has one log
_loading = threading.Lock()


def _keep(level: int, text: bytes, _: object) -> None:
    if level in (_WARN, _ERROR):
        _complaints.append(text.decode("utf-8", "replace").strip())


_keep_callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_keep)


def library() -> Any:
    """The `llama_cpp` module, ready to use. Raises ModelUnavailable, with the fix, where it is not installed."""
    with _loading:
        return _library()


@functools.cache
def _library() -> Any:
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "local models need llama-cpp-python, which is not installed: with a C++ compiler run `make setup`"
        ) from error
    # The package is there, its shared library is not or does not load; or there is no memory for what it imports.
    except (ImportError, OSError, RuntimeError) as error:
        said = str(error).strip().rpartition("\n")[2]
        raise ModelUnavailable(
            f"llama-cpp-python cannot be loaded ({said}): free memory, or reinstall it with `make setup`"
        ) from error
    llama_cpp.llama_log_set(_keep_callback, ctypes.c_void_p(0))
    _load_backends(Path(llama_cpp.__file__).parent / "lib")
    llama_cpp.llama_backend_init()
    return llama_cpp


def _load_backends(folder: Path) -> None:
    """A portable build has a library for each family of processors: the best that this one can run is loaded.

    libllama's own ggml is asked: `llama_cpp._ggml` opens a second copy, with its own list.
    """
    from llama_cpp.llama_cpp import _lib

    if not _lib.ggml_backend_reg_count():
        _lib.ggml_backend_load_all_from_path(os.fsencode(folder))
    if not _lib.ggml_backend_reg_count():
        raise ModelUnavailable("llama.cpp has no code for this processor: reinstall it with `make setup`")


def problem() -> str:
    """Why the library cannot be used here; "" if it can. Tried in a process of its own, which it may kill."""
    if importlib.util.find_spec("llama_cpp") is None:
        return "not installed: extractive answers only"
    done = subprocess.run([sys.executable, "-c", "import llama_cpp"], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return f"compiled for another processor ({signal.Signals(-done.returncode).name}): {REBUILD}"
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def build() -> str:
    """Names the llama.cpp that is installed, without loading it: two builds of one version differ in size or time."""
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        return ""
    files = [path.stat() for path in sorted((Path(found.origin).parent / "lib").glob("*ggml-cpu*"))]
    version = importlib.metadata.version("llama-cpp-python")
    return " ".join(
        map(str, (version, sum(f.st_size for f in files), max((int(f.st_mtime) for f in files), default=0)))
    )


def json_schema_to_gbnf(schema: str) -> str:
    """llama.cpp's grammar for a JSON Schema. Raises ValueError and its like for what is no such schema."""
    library()
    from llama_cpp.llama_grammar import json_schema_to_gbnf as convert

    grammar: str = convert(schema)
    return grammar


def last_complaint() -> str:
    """What llama.cpp said last before it gave up; "" if nothing. Reading it clears it."""
    said = _complaints[-1] if _complaints else ""
    _complaints.clear()
    return said
