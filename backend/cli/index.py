"""The commands around an index and a server: index, search, serve, doctor, token."""

import asyncio
import json
import shlex
import shutil
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.client import Client, as_failure, connected, no_index
from backend.cli.errors import CommandFailed
from backend.cli.settings import settings
from backend.config import VERSION, Settings
from backend.instance_lock import find, token
from models.errors import ModelError
from models.proposal import advice
from models.registry import Registry

POLL_S = 0.2


def run_index(path: Path, watch: bool, as_json: bool) -> None:
    """Indexes and shows how far it is. With `watch`, goes on with every change until interrupted."""
    with connected(settings()) as client:
        told = _index(client, path, watch or None)
        if as_json:
            print(json.dumps(told, ensure_ascii=False), flush=True)
        if watch:
            _follow(client, told, as_json)


def run_search(query: str, path: Path, count: int, as_json: bool) -> None:
    """Prints places, best first; with JSON, what `POST /search` answers."""
    chosen = settings()
    if find(chosen.data_dir) is None:
        found = _search_here(chosen, query, path, count)
    else:
        with connected(chosen) as client:
            found = client.call("POST", "/search", {"query": query, "codebase": client.codebase(path), "k": count})
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    if found["hits"] and not found["found"]:
        output.say("nothing in this codebase answers that; the nearest places:")
    for hit in found["hits"]:
        stale = "" if hit["fresh"] else "  (changed since it was indexed)"
        print(f"{hit['path']}:{hit['start_line']}-{hit['end_line']}  {hit['symbol']}{stale}".rstrip())


def _search_here(chosen: Settings, query: str, path: Path, count: int) -> dict[str, Any]:
    """What `POST /search` answers, without a server: its start would take longer than the search."""
    from backend.errors import ApiError, translate
    from backend.indexing.retrieval import open_retrieval
    from indexer.errors import IndexerError

    retrieval = open_retrieval(chosen)
    try:
        around = retrieval.choose(None, str(path))
        if around is None or not around.chunks:
            raise no_index(path)
        return retrieval.find(query, around.id, count, ())
    except (ApiError, IndexerError) as error:
        refusal = translate(error)
        assert refusal is not None
        raise as_failure(refusal.body) from None


def run_serve(host: str | None, port: int | None, index: Path | None, allow_remote: bool | None) -> None:
    """Serves until interrupted."""
    import logging

    from backend.server import serve

    chosen = settings(host=host, port=port, allow_remote=allow_remote)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    for package in ("backend", "indexer", "models", "prompts"):  # libraries speak up from WARNING on
        logging.getLogger(package).setLevel(chosen.log_level)
    asyncio.run(serve(chosen, lambda url: _welcome(url, chosen, index)))


def run_token() -> None:
    print(token(settings().token_file))


def run_doctor() -> None:
    """What is here and what is missing; fails if questions could not be answered."""
    from backend.engines.loader import verdicts
    from models.hardware import processor
    from models.llama.bindings import problem

    chosen = settings()
    server = find(chosen.data_dir)
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    output.say(f"lantern {VERSION}, Python {sys.version.split()[0]}")
    output.say(f"data folder   {chosen.data_dir}{'' if chosen.data_dir.exists() else ' (made at the first use)'}")
    output.say(f"server        {server.url if server else 'none running'}")
    with suppress(ModelError):  # a catalogue that cannot be read is told by the server's start, below
        registry = Registry(chosen.models_dir, chosen.user_catalogue)
        own = chosen.model_name or f"{registry.default()} (MODEL_NAME is not set)"
        output.say(f"model         {own}, looked for in {chosen.models_dir}")
        output.say(f"memory        {advice(registry.spec)}")
    output.say(f"llama.cpp     {problem() or 'installed'}")
    output.say(f"C++ compiler  {compiler or 'none'}")
    output.say(f"processor     {processor()}")
    for architecture, verdict in verdicts(chosen).items():
        for name, what in verdict.left_out.items():
            output.say(f"left out      {name}, which llama.cpp cannot use here with models of {architecture}: {what}")
        if verdict.failed:
            output.say(f"failed        {verdict.failed}")
        for shape, choice in verdict.fastest.items():
            threads = f"{choice.threads} threads, {choice.reading_threads} to read"
            output.say(f"fastest       {', '.join(choice.kernels)}; {threads}: {architecture}, {shape}")
    with connected(chosen) as client:
        answering = client.call("GET", "/health")["model"]
        output.say(f"answers with  {answering['name']} ({answering['state']})")
        for known in client.call("GET", "/codebases")["codebases"]:
            output.say(
                f"codebase      {known['root']}: {known['state']}, {known['files']} files, {known['chunks']} chunks"
            )
    from indexer.embedding.onnx import load_embedder

    embedder = load_embedder(chosen.embedding_model)
    output.say(f"embedding     {embedder.model_id}, {embedder.dim} dimensions")


def _index(client: Client, path: Path, watch: bool | None = None) -> dict[str, Any]:
    """Runs one index job to its end. `watch` None leaves it to the server whether it follows the codebase."""
    job = client.call("POST", "/index", {"path": str(path.expanduser().resolve()), "watch": watch})
    shown = time.monotonic()
    while job["state"] in ("queued", "running"):
        time.sleep(POLL_S)
        job = client.call("GET", f"/index/jobs/{job['job_id']}")
        output.progress(output.job(job))
        if not sys.stderr.isatty() and time.monotonic() - shown > output.LINE_EVERY_S:
            output.say(output.job(job))
            shown = time.monotonic()
    output.progress("")
    if "error" in job:
        raise CommandFailed(job["error"]["message"])
    output.report(job)
    told: dict[str, Any] = job
    return told


def _follow(client: Client, told: dict[str, Any], as_json: bool) -> None:
    """Shows the jobs that come after `told`, as far as they found something; ends by an interrupt."""
    output.say(f"following {told['root']}; Ctrl-C ends")
    last = told["job_id"]
    while True:
        time.sleep(POLL_S)
        for job in client.call("GET", "/index/jobs", codebase=told["codebase"])["jobs"]:
            if job["job_id"] <= last:
                continue
            if job["state"] in ("queued", "running"):
                break
            last = job["job_id"]
            if "error" in job or job["report"]["changed"] or job["report"]["removed"]:
                output.change(job)
                if as_json:
                    print(json.dumps(job, ensure_ascii=False), flush=True)


def _welcome(url: str, chosen: Settings, index: Path | None) -> None:
    """Tells where the server is and what to try; indexing, if wanted, goes on beside it."""
    question = json.dumps({"query": "What is this codebase about?"})
    output.say(f"Lantern listens on {url}")
    output.say(f"The token is in {chosen.token_file}")
    output.say("A first question, to paste:")
    output.say(
        f'  curl -s {url}/chat/query -H "Authorization: Bearer $(cat {shlex.quote(str(chosen.token_file))})" '
        f"-H 'Content-Type: application/json' -d {shlex.quote(question)}"
    )
    if index is not None:
        threading.Thread(target=_index_beside, args=(url, chosen, index), daemon=True).start()


def _index_beside(url: str, chosen: Settings, path: Path) -> None:
    client = Client(url, token(chosen.token_file))
    try:
        _index(client, path)
    except CommandFailed as failure:
        output.say(f"lantern: {failure}")
    finally:
        client.close()
