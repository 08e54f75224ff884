"""`lantern search` and `lantern overview`: ask the running server, else read the index in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.cli import output
from backend.cli.client import command_failed, no_index, open_client
from backend.cli.paths import resolved
from backend.cli.settings import command_settings
from backend.config import Settings
from backend.instance_lock import find

if TYPE_CHECKING:
    from backend.indexing.retrieval import Retrieval


def run_search(query: str, path: Path, count: int, as_json: bool) -> None:
    """Prints locations, best first; with JSON, what `POST /search` answers."""
    settings = command_settings()
    if find(settings.data_dir) is None:
        result = _read_index(settings, path, lambda retrieval, codebase: retrieval.find(query, codebase, count, ()))
    else:
        with open_client(settings) as client:
            result = client.call("POST", "/search", {"query": query, "codebase": client.codebase(path), "k": count})
    if as_json:
        output.as_json(result)
        return
    if result["hits"] and not result["found"]:
        output.note("nothing in this codebase answers the question; the closest matches:")
    for hit in result["hits"]:
        stale = "" if hit["fresh"] else "  (changed since it was indexed)"
        output.line(f"{hit['path']}:{hit['start_line']}-{hit['end_line']}  {hit['symbol']}{stale}".rstrip())


def run_overview(path: Path, as_json: bool) -> None:
    """Prints what the files of the codebase say about it; with JSON, what `GET /codebases/{id}/overview` answers."""
    settings = command_settings()
    if find(settings.data_dir) is None:
        result = _read_index(settings, path, lambda retrieval, codebase: retrieval.describe(codebase))
    else:
        with open_client(settings) as client:
            result = client.call("GET", f"/codebases/{client.codebase(path)}/overview")
    if as_json:
        output.as_json(result)
        return
    output.line(f"{result['name']}: " + ", ".join(f"{row['files']} {row['name']}" for row in result["languages"]))
    for fact in result["facts"]:
        what = " ".join(filter(None, (fact["name"], fact["value"])))
        output.line(f"{fact['kind']:<13} {what}  ({fact['path']}:{fact['line']})")


def _read_index(settings: Settings, path: Path, read: Callable[["Retrieval", str], dict[str, Any]]) -> dict[str, Any]:
    """What `read` gives for the codebase of a path, without a server: to start one takes longer."""
    from backend.errors import ApiError, translate
    from backend.indexing.retrieval import open_retrieval
    from indexer.errors import IndexerError

    try:
        with open_retrieval(settings) as retrieval:
            codebase = retrieval.choose(None, str(resolved(path)))
            if codebase is None or not codebase.chunks:
                raise no_index(path, retrieval.left_out(path))
            return read(retrieval, codebase.id)
    except (ApiError, IndexerError) as error:
        refusal = translate(error)
        assert refusal is not None
        raise command_failed(refusal.body) from None
