"""Short runs of the soaks: killed index jobs, and models that are started and closed."""

from pathlib import Path

import pytest

from benchmarks.soak import kill_repeatedly
from benchmarks.soak_engine import resources, swap
from tests.minimal_models import write_minimal_llama

pytestmark = pytest.mark.process


def test_a_kill_at_any_moment_of_an_index_job_loses_nothing(tmp_path: Path) -> None:
    assert kill_repeatedly(tmp_path, kills=6, seed=9) >= 1  # at least one job was killed while it worked


async def test_starts_and_closes_leave_no_processes_or_files(tmp_path: Path) -> None:
    """`make soak-engine` looks at the memory too, over fifty of them."""
    path = tmp_path / "minimal.gguf"
    write_minimal_llama(path)
    await swap(path)
    before = resources()
    for _ in range(4):
        await swap(path)
    assert resources() == before
