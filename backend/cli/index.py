"""`lantern index`: runs an index job and shows how far it is; with `--watch` it follows the changes."""

import time
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.client import Client, open_client
from backend.cli.errors import CommandFailed
from backend.cli.paths import resolved
from backend.cli.settings import command_settings

POLL_S = 0.2


def run_index(path: Path, watch: bool, as_json: bool) -> None:
    """Indexes the codebase. With `watch`, every change is indexed too, until interrupted."""
    with open_client(command_settings()) as client:
        job = index_codebase(client, path, watch or None)
        if as_json:
            output.as_json(job)
        if watch:
            _follow(client, job, as_json)


def index_codebase(client: Client, path: Path, watch: bool | None = None) -> dict[str, Any]:
    """Runs one index job to its end; an interrupt cancels it.

    With `watch=None` the server decides whether it follows the codebase.
    """
    job: dict[str, Any] = client.call("POST", "/index", {"path": str(resolved(path)), "watch": watch})
    lines = output.Throttle()
    try:
        while job["state"] in ("queued", "running"):
            time.sleep(POLL_S)
            job = client.call("GET", f"/index/jobs/{job['job_id']}")
            output.progress(output.job_line(job))
            if not output.is_terminal():
                lines.note(output.job_line(job))
    except KeyboardInterrupt:
        cancelled = client.call("DELETE", f"/index/jobs/{job['job_id']}")
        output.progress("")
        if "error" in cancelled:
            output.note(cancelled["error"]["message"])
        raise
    output.progress("")
    if "error" in job:
        raise CommandFailed(job["error"]["message"])
    output.job_summary(job)
    return job


def _follow(client: Client, first: dict[str, Any], as_json: bool) -> None:
    """Shows each job after `first` that changed the index or failed. Only an interrupt ends it."""
    output.note(f"following {first['root']}; Ctrl-C ends")
    last = first["job_id"]
    while True:
        time.sleep(POLL_S)
        for job in client.call("GET", "/index/jobs", codebase=first["codebase"])["jobs"]:
            if job["job_id"] <= last:
                continue
            if job["state"] in ("queued", "running"):
                break
            last = job["job_id"]
            if "error" in job or job["report"]["changed"] or job["report"]["removed"]:
                output.change_summary(job)
                if as_json:
                    output.as_json(job)
