"""The document of the benchmarks: tables and sections in Markdown, and progress on standard error. Measures nothing."""

import platform
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs" / "benchmarks.md"


def as_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"


def replace_section(text: str, content: str, begin: str, end: str) -> str:
    """The document with `content` between its markers, which are added at the end if it has none."""
    marked = f"{begin}\n{content}\n{end}"
    section = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return section.sub(lambda _: marked, text) if section.search(text) else f"{text.rstrip()}\n\n{marked}\n"


def write_section(content: str, begin: str, end: str) -> None:
    DOCS.write_text(replace_section(DOCS.read_text("utf-8"), content, begin, end), "utf-8")


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def system() -> str:
    """The system, and the version of Python."""
    return f"{platform.system()} {platform.release().partition('-')[0]}, CPython {platform.python_version()}"


def cpu() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def log(line: str) -> str:
    print(line, file=sys.stderr, flush=True)
    return line
