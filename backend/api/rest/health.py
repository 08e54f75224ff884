"""REST: the state of the server, its metrics, and a page that lists the routes."""

import asyncio
import html
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST

from backend.api.deps import ServicesDep
from backend.config import VERSION
from backend.engines.loader import kernel_results

router = APIRouter(tags=["state"])

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="health")  # of its own: those of all requests may be busy


@router.get("/health")
async def health(services: ServicesDep) -> dict[str, Any]:
    """Open to anyone on this machine: no paths, no names of codebases, no questions."""
    return {
        "status": "ok",
        "version": VERSION,
        "model": services.engines.current,
        "kernels": await asyncio.get_running_loop().run_in_executor(_THREAD, kernel_results, services.settings),
        "embedder_loaded": services.indexes.embedders.is_loaded,
        "turns_running": services.turns.load,
        **services.metrics.summary,
    }


@router.get("/metrics")
async def metrics(services: ServicesDep) -> Response:
    """Prometheus text."""
    return Response(services.metrics.exposition(services.engines.process_metrics()), media_type=CONTENT_TYPE_LATEST)


@router.get("/metrics/history")
async def metrics_history(
    services: ServicesDep, since: Annotated[float, Query(gt=0, allow_inf_nan=False)] = 3600
) -> dict[str, Any]:
    """The counters over the last `since` seconds, at most a day. A null: nothing of that kind happened."""
    return services.history.wire(since)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The calls on one page that needs neither scripts nor a network."""
    rows = [
        f"<tr><td><code>{method.upper()} {html.escape(path)}</code>"
        f"</td><td>{html.escape(call.get('description', ''))}</td></tr>"
        for path, methods in request.app.openapi()["paths"].items()
        for method, call in methods.items()
    ]
    return HTMLResponse(
        "<!doctype html><meta charset=utf-8><title>Lantern</title><style>body{font:16px system-ui;margin:2em auto;"
        "max-width:60em}td{padding:.3em 1em .3em 0;vertical-align:top}</style><h1>Lantern REST</h1>"
        f"<p>Shapes of bodies and answers: <a href=/openapi.json>/openapi.json</a>.</p><table>{''.join(rows)}</table>"
    )
