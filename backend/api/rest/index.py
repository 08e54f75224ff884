"""REST: codebases, index jobs, search."""

import asyncio
from typing import Any

from fastapi import APIRouter

from backend.api import schemas
from backend.api.deps import ServicesDep
from backend.errors import ApiError

router = APIRouter(tags=["index"])


@router.post("/index")
async def index(body: schemas.IndexBody, services: ServicesDep) -> dict[str, Any]:
    """Starts a refresh of the codebase at `path`; with `wait`, answers when it has ended."""
    job = await services.jobs.start(body.path, body.watch)
    if body.wait:
        await services.jobs.wait(job)
    return job.wire


@router.get("/index/jobs")
async def jobs(codebase: str, services: ServicesDep) -> dict[str, Any]:
    """The running and the latest jobs of a codebase, oldest first: those that its changes started too."""
    found = [job.wire for job in services.jobs.all(codebase)]
    return {"jobs": found, "total_count": len(found)}


@router.get("/index/jobs/{job_id}")
async def job(job_id: str, services: ServicesDep) -> dict[str, Any]:
    """How far an index job is."""
    return services.jobs.get(job_id).wire


@router.delete("/index/jobs/{job_id}")
async def cancel(job_id: str, services: ServicesDep) -> dict[str, Any]:
    """Cancels a job and answers when it has ended. What it wrote stays; its codebase is not followed any more."""
    return (await services.jobs.cancel(job_id)).wire


@router.get("/codebases")
async def codebases(services: ServicesDep) -> dict[str, Any]:
    """The codebases that are indexed on this machine."""
    summaries = await asyncio.to_thread(services.indexes.summaries)
    watched = [summary | {"watched": services.jobs.watched(summary["id"])} for summary in summaries]
    return {"codebases": watched, "total_count": len(watched)}


@router.delete("/codebases/{codebase_id}")
async def delete(codebase_id: str, services: ServicesDep) -> dict[str, Any]:
    """Forgets a codebase: its index goes, its files stay."""
    if services.jobs.is_busy(codebase_id):
        raise ApiError("index_unavailable", "this codebase is being indexed: wait for the job to end")
    await asyncio.to_thread(services.retrieval.choose, codebase_id)
    await services.jobs.unfollow(codebase_id)
    await asyncio.to_thread(services.indexes.delete, codebase_id)
    return {"deleted": codebase_id}


@router.get("/codebases/{codebase_id}/overview")
async def overview(codebase_id: str, services: ServicesDep) -> dict[str, Any]:
    """What a codebase is, from its own files: purpose, languages, licence, commands, folders."""
    return await asyncio.to_thread(services.retrieval.describe, codebase_id)


@router.post("/search")
async def search(body: schemas.SearchBody, services: ServicesDep) -> dict[str, Any]:
    """The places that answer a query, best first."""
    return await asyncio.to_thread(services.retrieval.find, body.query, body.codebase, body.k, body.paths)
