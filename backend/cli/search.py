"""`lantern search`: asks the running server, else searches the index in this process."""

from pathlib import Path
from typing import Any

from backend.cli import output
from backend.cli.client import command_failed, no_index, open_client
from backend.cli.settings import command_settings
from backend.config import Settings
from backend.instance_lock import find


def run_search(query: str, path: Path, count: int, as_json: bool) -> None:
    """Prints locations, best first; with JSON, what `POST /search` answers."""
    settings = command_settings()
    if find(settings.data_dir) is None:
        result = _search_index(settings, query, path, count)
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


def _search_index(settings: Settings, query: str, path: Path, count: int) -> dict[str, Any]:
    """What `POST /search` answers, without a server: to start one takes longer than the search."""
    from backend.errors import ApiError, translate
    from backend.indexing.retrieval import open_retrieval
    from indexer.errors import IndexerError

    try:
        with open_retrieval(settings) as retrieval:
            codebase = retrieval.choose(None, str(path))
            if codebase is None or not codebase.chunks:
                raise no_index(path, retrieval.left_out(path))
            return retrieval.find(query, codebase.id, count, ())
    except (ApiError, IndexerError) as error:
        refusal = translate(error)
        assert refusal is not None
        raise command_failed(refusal.body) from None
