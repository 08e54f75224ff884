"""The llama_cpp module, imported at the first use; its log is collected instead of printed.

Knows whether the library is missing or broken, and which build is installed; does not know models.
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

INSTALL = "install a C++ compiler, then `pip install 'lantern[llama]'` (in a clone: `make setup`)"
REBUILD = "`rm -f .venv/stamps/llama; make setup` compiles llama.cpp for this one"
_WARN, _ERROR = 3, 4  # enum ggml_log_level
_log_errors: deque[str] = deque(maxlen=20)  # one for the process, as llama.cpp has one log
_loading = threading.Lock()


def _keep(level: int, text: bytes, _: object) -> None:
    if level in (_WARN, _ERROR):
        _log_errors.append(text.decode("utf-8", "replace").strip())


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
        raise ModelUnavailable(f"local models need llama-cpp-python, which is not installed: {INSTALL}") from error
    # The shared library is missing or does not load; or there is no memory for the import.
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().rpartition("\n")[2]
        raise ModelUnavailable(
            f"llama-cpp-python cannot be loaded ({reason}): free memory, or reinstall it with `make setup`"
        ) from error
    llama_cpp.llama_log_set(_keep_callback, ctypes.c_void_p(0))
    _load_backends(Path(llama_cpp.__file__).parent / "lib")
    llama_cpp.llama_backend_init()
    return llama_cpp


def _load_backends(folder: Path) -> None:
    """Loads the best library of a portable build, which has one for each family of processors.

    Uses libllama's own ggml: `llama_cpp._ggml` opens a second copy, with its own list.
    """
    from llama_cpp.llama_cpp import _lib

    if not _lib.ggml_backend_reg_count():
        _lib.ggml_backend_load_all_from_path(os.fsencode(folder))
    if not _lib.ggml_backend_reg_count():
        raise ModelUnavailable("llama.cpp has no code for this processor: reinstall it with `make setup`")


def problem() -> str:
    """Why the library cannot be used here; "" if it can. Imported in a process of its own, which it may kill."""
    if importlib.util.find_spec("llama_cpp") is None:
        return "not installed: extractive answers only"
    result = subprocess.run([sys.executable, "-c", "import llama_cpp"], capture_output=True, text=True, check=False)
    if result.returncode < 0:
        return f"compiled for another processor ({signal.Signals(-result.returncode).name}): {REBUILD}"
    return result.stderr.strip().rpartition("\n")[2] if result.returncode else ""


def build() -> str:
    """Identifies the installed llama.cpp without loading it: builds of one version differ in size or time."""
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        return ""
    files = [path.stat() for path in sorted((Path(found.origin).parent / "lib").glob("*ggml-cpu*"))]
    version = importlib.metadata.version("llama-cpp-python")
    return " ".join(
        map(str, (version, sum(f.st_size for f in files), max((int(f.st_mtime) for f in files), default=0)))
    )


def json_schema_to_gbnf(schema: str) -> str:
    """llama.cpp's grammar for a JSON Schema. Raises ValueError or a similar error for an invalid schema."""
    library()
    from llama_cpp.llama_grammar import json_schema_to_gbnf as convert

    grammar: str = convert(schema)
    return grammar


def last_error() -> str:
    """The last warning or error in llama.cpp's log; "" if there is none. Reading it clears the log."""
    text = _log_errors[-1] if _log_errors else ""
    _log_errors.clear()
    return text
