"""Requests that schemathesis makes from the OpenAPI document: none is a failure of the server.

`python -m benchmarks.fuzz_api` sends thousands.
"""

import asyncio
from pathlib import Path

import pytest

from benchmarks.fuzz_api import a_codebase, fuzz
from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process

CASES = 200


async def test_no_request_is_a_failure_of_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with a_codebase() as codebase:
        async with running(tmp_path, ScriptedEngine()) as world:
            report = await asyncio.to_thread(fuzz, world.url, world.token, codebase, CASES)
    assert report.failures == []
    assert report.cases >= CASES
    assert {200, 404, 422} <= report.statuses.keys()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
