"""A quick run of the benchmark measures something in every row."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


def test_the_quick_benchmark_prints_every_row_with_a_figure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.responses", "--quick"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", done.stdout, re.MULTILINE))
    expected = [
        "--help",
        "accepts",
        "embedder",
        "scan",
        "parse",
        "MiniLM",
        "search, 200",
        "index without",
        "WebSocket",
    ]
    assert [next((name for name in rows if part in name), None) is not None for part in expected] == [True] * 9
    measured = [float(number) for row in rows.values() for number in re.findall(r"\d+\.?\d*", row.replace(",", ""))]
    assert len(measured) >= 9
    assert all(number > 0 for number in measured)
