"""`lantern status`: what the running server of the data folder is doing. Starts nothing."""

from typing import Any

from backend.cli import output
from backend.cli.client import Client, open_running
from backend.cli.output import job_line
from backend.cli.settings import command_settings
from backend.wording import plural
from models.gguf.reader import human_bytes

TIMEOUT_S = 10.0


def run_status(as_json: bool) -> None:
    """Prints one line for each part. Fails if no server runs, or if it does not answer."""
    settings = command_settings()
    with open_running(settings, TIMEOUT_S) as client:
        report = _report(client)
    if as_json:
        output.as_json(report)
        return
    for line in _lines(report):
        output.line(line)


def _report(client: Client) -> dict[str, Any]:
    """What the calls of the server say."""
    codebases = client.call("GET", "/codebases")["codebases"]
    jobs = [job for item in codebases for job in client.call("GET", "/index/jobs", codebase=item["id"])["jobs"]]
    return {
        "url": client.url,
        "health": client.call("GET", "/health"),
        "models": [entry for entry in client.call("GET", "/models")["models"] if entry.get("resident_bytes")],
        "codebases": codebases,
        "jobs": [job for job in jobs if job["state"] in ("queued", "running")],
    }


def _lines(report: dict[str, Any]) -> list[str]:
    health = report["health"]
    model, running = health["model"], health["turns_running"]
    lines = [
        f"server     {report['url']}, version {health['version']}, {human_bytes(health['memory_bytes'])} of memory",
        f"model      {model['name']}: {model.get('problem') or model['state']}",
    ]
    for entry in report["models"]:
        need = f"{human_bytes(entry['resident_bytes'])} of memory, {entry['context']} tokens of context"
        lines.append(f"loaded     {entry['id']}: {need}")
    lines.append(f"answers    {running} running, {health['turns_succeeded']} finished, {health['turns_failed']} failed")
    if rate := health["decode_tokens_per_s"]:
        first = health["first_token_s_mean"]
        lines.append(f"speed      {rate} tokens/s" + (f", first token after {first:.1f} s" if first else ""))
    for item in report["codebases"]:
        freshness = "kept up to date" if item["watched"] else "as of its last indexing"
        lines.append(f"codebase   {item['root']}: {item['state']}, {plural(item['files'], 'file')}, {freshness}")
    if not report["codebases"]:
        lines.append("codebase   none is indexed: run `lantern index PATH`")
    lines += [f"indexing   {job['root']}: {job_line(job)}" for job in report["jobs"]]
    return lines
