"""Each fault of the campaign with a few cases: `make soak-quick`, a test per row. `make soak` tries many more."""

import sys
from pathlib import Path

import pytest

from benchmarks.campaign import watch
from benchmarks.campaign.table import FAULTS
from benchmarks.campaign.trial import Fault, attempt

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the campaign reads /proc"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_server_survives(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FROZEN_S", 3.0)  # other tests run beside it; `make soak` alone asserts less
    trial = attempt(fault, fault.quick, 0, tmp_path / "trial", tmp_path / "keep")
    if trial.remark.startswith("skipped"):
        pytest.skip(f"{fault.name}: {trial.remark}")
    assert trial.reasons == []
    assert trial.cases >= 1
