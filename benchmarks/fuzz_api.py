"""`python -m benchmarks.fuzz_api`: requests that schemathesis makes from the OpenAPI document; none may be a failure.

A failure is a connection that breaks, an error that is not in the documented shape, a status of 500 and above that says
nothing about the state of the machine, or a traceback in the server's log. The server runs over a folder of its own.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from backend.errors import CODES
from tests.e2e.harness import TIMEOUT_S, serving

CASES = 5000
# What is not installed, not indexed or full is no failure of the server.
OF_THE_MACHINE = ("model_unavailable", "index_unavailable", "engine_failed", "storage_full")
OPENAI_TYPES = ("invalid_request_error", "rate_limit_error", "server_error")


@dataclass(slots=True)
class Report:
    """What the requests were answered with."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)  # one line for each

    @property
    def cases(self) -> int:
        return self.statuses.total()


def fuzz(url: str, token: str, codebase: Path, cases: int, seed: int = 0) -> Report:
    """Sends at least that many requests, spread over all operations. Only `codebase` is ever indexed."""
    report = Report()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as http:
        schema = schemathesis.openapi.from_dict(http.get("/openapi.json").raise_for_status().json())
        found: Iterator[Any] = schema.get_all_operations()
        operations = [result.ok() for result in found]

        def send(case: Case[Any]) -> None:
            _confine(case, codebase)
            _send(http, case, report)

        while report.cases < cases:  # an operation with few different requests runs out of them
            share = -(-(cases - report.cases) // (len(operations) * len(GenerationMode)))
            for operation in operations:
                for mode in GenerationMode:
                    _run(operation, mode, share, seed, send)
            seed += 1
    return report


def _run(operation: Any, mode: GenerationMode, examples: int, seed: int, send: Callable[[Case[Any]], None]) -> None:
    """Calls `send` with about so many requests of one operation: valid ones, or ones that break the schema."""
    bounded = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run = hypothesis.given(case=operation.as_strategy(generation_mode=mode))(lambda case: send(case))
    try:
        hypothesis.seed(seed)(bounded(run))()
    except Unsatisfiable:
        return  # an operation without parameters has no request that breaks the schema


def _confine(case: Case[Any], codebase: Path) -> None:
    """Keeps a request from having another folder of this machine indexed, and from downloading a model.

    Half of the models are the server's own.
    """
    if case.operation.path == "/models/{name}/pull":
        case.path_parameters["name"] = f"no-{case.path_parameters['name']}"
    if not isinstance(case.body, dict):
        return
    path = case.body.get("path")
    if case.operation.path == "/index" and isinstance(path, str) and "\0" not in path:
        case.body["path"] = str(codebase) if path.startswith(("/", ".", "~")) or len(path) < 3 else f"{codebase}/{path}"
    model = case.body.get("model")
    if isinstance(model, str) and len(model) % 2:
        case.body["model"] = ""


def _send(http: httpx.Client, case: Case[Any], report: Report) -> None:
    wanted = case.as_transport_kwargs(base_url=str(http.base_url))
    name = f"{case.operation.method.upper()} {case.operation.path}"
    request = http.build_request(
        wanted["method"],
        wanted["url"],
        params=wanted.get("params"),
        headers=dict(http.headers)
        | dict(wanted.get("headers") or {})
        | {"Authorization": http.headers["Authorization"]},
        json=wanted.get("json"),
        content=wanted.get("data"),
        cookies=wanted.get("cookies"),
    )
    try:
        answer = http.send(request)
    except httpx.TransportError as error:
        report.statuses[0] += 1
        report.failures.append(f"{name}: {error!r} after {request.content[:500]!r}")
        return
    report.statuses[answer.status_code] += 1
    if problem := _problem(answer):
        report.failures.append(f"{name}: {problem} after {request.url.query!r} {request.content[:500]!r}")


def _problem(answer: httpx.Response) -> str:
    """What is wrong with an answer; "" if nothing is."""
    if answer.status_code < 400:
        return ""
    try:
        error = answer.json()["error"]
        code, message = error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} without an error: {answer.content[:200]!r}"
    if answer.status_code >= 500 and code not in OF_THE_MACHINE:
        return f"{answer.status_code} {code}: {message}"
    is_documented = error["type"] in OPENAI_TYPES if "type" in error else code in CODES
    return "" if is_documented and isinstance(message, str) else f"an undocumented error: {error}"


@contextmanager
def a_codebase() -> Iterator[Path]:
    """A folder with two files to index."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "codebase"
        folder.mkdir()
        (folder / "session.py").write_text("def expire(now):\n    return now - 3600\n")
        (folder / "notes.md").write_text("# Notes\n\nSessions expire after an hour.\n")
        yield folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with a_codebase() as codebase, serving(codebase.parent / "data", EMBEDDING_MODEL="none") as served:
        report = fuzz(served.url, served.token, codebase, options.cases, options.seed)
        has_died = served.process.poll() is not None
        served.process.terminate()
        log = served.process.communicate(timeout=TIMEOUT_S)[1].decode()
    if has_died or "Traceback" in log:
        report.failures.append(f"the server {'died' if has_died else 'logged'}: {log[-4000:]}")
    print(
        f"{report.cases} requests, {len(report.failures)} failures; statuses: {dict(sorted(report.statuses.items()))}"
    )
    print("\n".join(report.failures[:50]))
    sys.exit(bool(report.failures))


if __name__ == "__main__":
    main()
