"""The summary of an index job."""

import pytest

from backend.cli.output import job_summary
from backend.indexing.jobs import report_wire
from indexer.types import IndexReport, Masked


def test_a_summary_says_how_many_secrets_were_masked_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    masked = (Masked("config/app.yml", (4, 9)), Masked("run.sh", (2,)))
    report = IndexReport(2, 3, 2, 0, seconds=0.1, generation=1, skipped=(), masked=masked)
    job_summary({"root": "/x", "report": report_wire(report)})
    places = "config/app.yml:4, config/app.yml:9, run.sh:2"
    assert capsys.readouterr().err.endswith(f"masked 3 secret values in 2 files ({places})\n")
