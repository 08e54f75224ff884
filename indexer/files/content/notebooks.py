"""A Jupyter notebook -> a script: its code, and its text as comments, each on the line that it has in the file.

Outputs are left out. A notebook whose cells are strings of several lines has too few lines; there they move down.
Pure text; knows no files.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

SUFFIX = ".ipynb"
_KERNELS = {"r": "r", "ir": "r", "c++": "cpp", "c#": "csharp", "f#": "code", "python3": "python", "ipython": "python"}
_SLASHES = frozenset({"scala", "javascript", "typescript", "cpp", "csharp", "java", "kotlin", "go", "rust", "swift"})
_MAGIC = re.compile(r"\s*(?:%{1,2}[A-Za-z]|[!?])")  # of IPython: how lines begin that are no Python
_OF_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")  # the cell after one of these is Python


class _Located(str):
    """A string of a JSON text, and where it begins there."""

    __slots__ = ("at",)
    at: int


def script_of(text: str) -> tuple[str, str] | None:
    """The name of the language, as its kernel says it, and the script; None for what is no notebook."""
    try:
        notebook = _located(text)
        cells = [(str(cell["cell_type"]), _strings(cell["source"])) for cell in notebook["cells"]]
        language = _language(notebook.get("metadata", {}))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    breaks = [match.start() for match in re.finditer("\n", text)]
    mark = "// " if language in _SLASHES else "# "
    rows: list[str] = []
    for kind, strings in cells:
        for number, line in _lines(kind, strings, language, mark, lambda at: bisect_right(breaks, at)):
            rows += [""] * (number - len(rows))
            rows.append(line)
    return language, "\n".join([*rows, ""])


def _located(text: str) -> Any:
    """The value of a JSON text with its strings as `_Located`."""

    def string(source: str, end: int, strict: bool = True) -> tuple[str, int]:
        value, after = scanstring(source, end, strict)
        located = _Located(value)
        located.at = end
        return located, after

    decoder: Any = JSONDecoder()
    decoder.parse_string = string
    decoder.scan_once = py_make_scanner(decoder)
    return decoder.decode(text)


def _strings(source: object) -> list[_Located]:
    strings = source if isinstance(source, list) else [source]
    return [item for item in strings if isinstance(item, _Located)]


def _language(metadata: dict[str, Any]) -> str:
    kernel = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    name = str(kernel or "python").lower()
    return _KERNELS.get(name, "cpp" if name.startswith("c++") else name)


def _lines(
    kind: str, strings: list[_Located], language: str, mark: str, row_of: Callable[[int], int]
) -> Iterator[tuple[int, str]]:
    """The row of the file, from 0, and the text of each line of a cell."""
    source = [(row_of(string.at), line) for string in strings for line in string.removesuffix("\n").split("\n")]
    first = source[0][1].strip() if source else ""
    foreign = kind != "code" or (first.startswith("%%") and not first.startswith(_OF_PYTHON))
    for row, line in source if kind in ("code", "markdown") else ():
        is_magic = language == "python" and _MAGIC.match(line) is not None
        yield row, (mark + line).rstrip() if foreign or is_magic else line
