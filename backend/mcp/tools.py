"""The five tools: each makes one call of what REST calls, and gives its answer the size and shape of a tool's.

Decides nothing about an answer. The texts of the parameters are for a model: they are part of each of its prompts.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from backend.api import schemas
from backend.api.encoding import encodable, json_text
from backend.api.rest import chat, files
from backend.chat.turn_result import TurnResult
from backend.errors import ApiError
from backend.indexing.jobs import Job
from backend.mcp import codebases, text
from backend.mcp.progress import ProgressReporter
from backend.mcp.results import (
    AnswerSource,
    AskResult,
    CodeHit,
    FindSymbolResult,
    IndexResult,
    ReadCodeResult,
    SearchCodeResult,
)
from backend.services import Services

WAIT_S = 45.0  # `index` answers after this long at the latest: many clients give up after 60 s
POLL_S = 0.25
OUTLINE_CHARS = 160
NO_DEFINITION = ("@", "#", "//", "/*", "*", '"', "'")  # what such a line begins with
STATUSES = ("ok", "moved", "stale", "invented")  # best first

Codebase = Annotated[str, Field(max_length=4096, description="Id, name or path; default: yours, or the last indexed")]
Paths = Annotated[list[str], Field(max_length=100, description="Only these folders, files or globs")]


class ToolRun:
    """One call of a tool. The methods are the tools; their signatures are the schemas."""

    def __init__(self, services: Services, folder: Path | None, progress: ProgressReporter) -> None:
        """`folder`: where the client works, if it says so."""
        self._services, self._folder, self._progress = services, folder, progress

    async def search_code(
        self,
        query: Annotated[str, Field(description="A question, words, or names")],
        codebase: Codebase = "",
        paths: Paths = [],  # noqa: B006  (pydantic copies it)
        limit: Annotated[int, Field(ge=1, le=50)] = 8,
        detail: Annotated[Literal["outline", "code"], Field(description="outline: first lines only")] = "code",
        max_chars: Annotated[int, Field(ge=200, le=40_000, description="Of code, all hits together")] = 8000,
    ) -> Annotated[CallToolResult, SearchCodeResult]:
        info = await codebases.choose(self._services, codebase, self._folder)
        found = await asyncio.to_thread(self._services.retrieval.find, query, info.id, limit, paths)
        hits = [_hit(hit) for hit in found["hits"]]
        shown = [outlined(hit) for hit in hits] if detail == "outline" else fit(hits, max_chars)
        result = SearchCodeResult(
            codebase=info.id,
            root=str(info.root),
            found=found["found"],
            hits=shown,
            more=len(hits) == limit or (detail == "code" and shown != hits),
            index=await codebases.status_of(self._services, info.id),
        )
        return _result(result, text.search_text(result))

    async def find_symbol(
        self,
        name: Annotated[str, Field(min_length=1, max_length=200, description="As in the code; may be qualified: A.b")],
        codebase: Codebase = "",
        uses: Annotated[bool, Field(description="Also list where it is used")] = False,
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
    ) -> Annotated[CallToolResult, FindSymbolResult]:
        info = await codebases.choose(self._services, codebase, self._folder)
        found = await files.find_symbols(self._services, name, info.id, uses, limit)
        result = FindSymbolResult(
            codebase=info.id,
            root=str(info.root),
            definitions=found["definitions"],
            uses=found["uses"],
            more=not found["is_complete"],
            note=found["why"],
            index=await codebases.status_of(self._services, info.id),
        )
        return _result(result, text.symbol_text(result))

    async def read_code(
        self,
        path: Annotated[str, Field(min_length=1, max_length=4096, description="Relative to the codebase, as in a hit")],
        start: Annotated[int, Field(ge=1, lt=1 << 31)] = 1,
        end: Annotated[int | None, Field(ge=1, lt=1 << 31)] = None,
        codebase: Codebase = "",
    ) -> Annotated[CallToolResult, ReadCodeResult]:
        info = await codebases.choose(self._services, codebase, self._folder)
        relative = str(Path(path).relative_to(info.root)) if Path(path).is_relative_to(info.root) else path
        found = await files.file(info.id, self._services, relative, start, end)
        result = ReadCodeResult(codebase=info.id, root=str(info.root), **found)
        return _result(result, text.read_text(result))

    async def index(
        self,
        codebase: Codebase = "",
        refresh: Annotated[bool, Field(description="Look for changes also where an index exists")] = False,
    ) -> Annotated[CallToolResult, IndexResult]:
        services = self._services
        folder = await asyncio.to_thread(codebases.folder_to_index, services, codebase, self._folder)
        store = await asyncio.to_thread(services.indexes.store, str(folder))
        job = services.jobs.unfinished(store.id)
        info = await asyncio.to_thread(services.retrieval.choose, store.id)
        assert info is not None
        is_own = job is None and (refresh or info.state != "ready")
        if is_own:
            job = await services.jobs.start(str(folder), None)
        if job is not None:
            await self._wait(job, is_own)
            info = await asyncio.to_thread(services.retrieval.choose, store.id)
            assert info is not None
        result = IndexResult(
            codebase=info.id,
            root=str(info.root),
            files=info.files,
            chunks=info.chunks,
            done=job.progress.done if job else 0,
            total=job.progress.total if job else 0,
            index=await codebases.status_of(services, info.id),
        )
        return _result(result, text.index_text(result))

    async def ask(
        self,
        question: Annotated[str, Field(description="In plain words; each question stands alone")],
        codebase: Codebase = "",
        model: Annotated[str, Field(max_length=200, description="Default: the server's")] = "",
    ) -> Annotated[CallToolResult, AskResult]:
        services = self._services
        info = await codebases.choose(services, codebase, self._folder)
        body = schemas.Query(query=question, codebase=info.id, model=model)
        asked, after = await chat.in_session(services, body)
        turn = TurnResult(session_id=asked.session, turn_id=asked.turn)
        count = 0
        try:
            async with aclosing(chat.events_of(services, asked, after)) as events:
                async for event in events:
                    turn.add(event.wire)
                    count += 1
                    await self._progress.event(event.wire, count)
        except asyncio.CancelledError:
            services.turns.stop(asked.session, asked.turn)
            raise
        if error := turn.end.get("error"):
            raise ApiError.from_body(error)
        result = answered(turn)
        return _result(result, text.ask_text(result))

    async def _wait(self, job: Job, is_own: bool) -> None:
        """Returns when the job has ended, or after `WAIT_S`. Raises its error. Who cancels the call that started it
        cancels the job.
        """
        assert job.task is not None
        latest = asyncio.get_running_loop().time() + WAIT_S
        try:
            while not job.task.done() and asyncio.get_running_loop().time() < latest:
                await asyncio.wait([job.task], timeout=POLL_S)
                if job.progress.total:
                    await self._progress.report(job.progress.done, job.progress.total, "indexing")
        except asyncio.CancelledError:
            if is_own:
                job.cancelled.set()
            raise
        if job.error is not None:
            raise job.error


def fit(hits: Sequence[CodeHit], max_chars: int) -> list[CodeHit]:
    """The hits with as much of their code as there is room for, best first; the places of all of them."""
    room, shown = max_chars, []
    for hit in hits:
        if len(hit.text) > room:
            lines = hit.text[:room].split("\n")[:-1]
            left_out = hit.text.count("\n") + 1 - len(lines)
            hit = hit.model_copy(update={"text": "\n".join([*lines, f"... {left_out} more lines: use read_code"])})
            room = 0
        else:
            room -= len(hit.text)
        shown.append(hit)
    return shown


def answered(turn: TurnResult) -> AskResult:
    """A finished turn.

    The status of a source is the worst of its citations; `unused`: the answer does not cite it.
    """
    cited = {item["n"]: [cite["status"] for cite in turn.citations if item["n"] in cite["n"]] for item in turn.sources}
    return AskResult(
        answer=turn.response,
        sources=[
            AnswerSource(
                path=item["path"],
                start=item["start"],
                end=item["end"],
                status=max(cited[item["n"]], key=STATUSES.index, default="unused"),
            )
            for item in turn.sources
        ],
        grounding=turn.end.get("grounding"),
        model=turn.end["model"],
        notice=turn.end.get("notice") or "",
    )


def _hit(hit: dict[str, Any]) -> CodeHit:
    return CodeHit(start=hit["start_line"], end=hit["end_line"], **hit)


def outlined(hit: CodeHit) -> CodeHit:
    """The hit with one line of its code: the first that has the name of its symbol and is no comment or decorator.

    A line that has it as an attribute is most likely a call: it comes last.
    """
    lines = [line.strip() for line in hit.text.split("\n") if line.strip()]
    name = re.escape(re.split(r"[.:]+", hit.symbol)[-1])
    code = [line for line in lines if not line.startswith(NO_DEFINITION)] if name else []
    named = [line for before in (r"(?<![\w.])", r"\b") for line in code if re.search(rf"{before}{name}\b", line)]
    return hit.model_copy(update={"text": [*named, *lines, ""][0][:OUTLINE_CHARS]})


def _result(result: BaseModel, words: str) -> CallToolResult:
    """The answer. A root may be a path that is not UTF-8: no client could read it as it is."""
    fields = json.loads(json_text(result.model_dump()))
    return CallToolResult(content=[TextContent(text=encodable(words))], structured_content=fields)
