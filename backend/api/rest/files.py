"""REST: the code of a codebase: lines of a file, definitions and uses of a name."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.api.deps import ServicesDep
from backend.chat.structural_answer import reasons
from backend.errors import ApiError
from backend.indexing import symbols
from backend.indexing.code_lines import read_lines
from backend.services import Services
from indexer.files.languages import language_of
from indexer.navigation.locations import Location
from indexer.navigation.symbol_lookup import FoundSymbol
from indexer.storage.codebases import CodebaseInfo
from indexer.storage.snapshot import IndexedSymbol

router = APIRouter(tags=["index"])

LineNumber = Annotated[int, Query(ge=1, lt=1 << 31)]


@router.get("/codebases/{codebase_id}/file")
async def file(
    codebase_id: str,
    services: ServicesDep,
    path: Annotated[str, Query(min_length=1, max_length=4096)],
    start: LineNumber = 1,
    end: LineNumber | None = None,
) -> dict[str, Any]:
    """Lines of a file as it is on disk, at most 400, with secrets masked as in the index."""
    return await asyncio.to_thread(_lines, services, codebase_id, path, start, end)


@router.get("/symbols")
async def find_symbols(
    services: ServicesDep,
    name: Annotated[str, Query(min_length=1, max_length=200)],
    codebase: str | None = None,
    uses: bool = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> dict[str, Any]:
    """The definitions of a name, which may be qualified, and with `uses` the places that use it."""
    return await asyncio.to_thread(_symbols, services, name, codebase, uses, limit)


def _lines(services: Services, codebase_id: str, path: str, start: int, end: int | None) -> dict[str, Any]:
    return read_lines(services.indexes, _codebase(services, codebase_id), path, start, end)


def _symbols(services: Services, name: str, codebase_id: str | None, uses: bool, limit: int) -> dict[str, Any]:
    codebase = _codebase(services, codebase_id)
    found = symbols.look_up(services.indexes, codebase, name, uses)
    why = [*reasons(found.doubts), *_cut(found, limit)]
    return {
        "definitions": [_definition(item) for item in found.definitions[:limit]],
        "uses": [_use(location) for location in found.uses[:limit]],
        "is_complete": not why,
        "why": " ".join(why),
        "generation": codebase.generation,
    }


def _codebase(services: Services, codebase_id: str | None) -> CodebaseInfo:
    chosen = services.retrieval.choose(codebase_id)
    if chosen is None:
        raise ApiError("index_unavailable", "nothing is indexed: POST /index, or `lantern index PATH`")
    return chosen


def _cut(found: FoundSymbol, limit: int) -> list[str]:
    counts = {"definitions": len(found.definitions), "uses": len(found.uses)}
    return [f"{count} {what} were found, {limit} are listed." for what, count in counts.items() if count > limit]


def _definition(item: IndexedSymbol) -> dict[str, Any]:
    symbol = item.symbol
    return {
        "path": item.path,
        "start": symbol.start_line,
        "end": symbol.end_line,
        "symbol": symbol.qualified,
        "kind": symbol.kind,
        "language": language_of(item.path).name,
    }


def _use(location: Location) -> dict[str, Any]:
    return {"path": location.path, "line": location.line, "text": location.text}
