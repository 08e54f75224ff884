"""The composition root: builds every service once, in order, and closes them in reverse. Nothing else builds them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from backend.chat.context import ContextRetriever
from backend.chat.prefetch import Prefetcher
from backend.chat.prompting import CANDIDATES, PromptBuilder
from backend.chat.rag import Rag
from backend.chat.turns import Turns
from backend.config import BadSetting, Settings
from backend.db import conversations
from backend.db.database import Database
from backend.db.events import EventLog
from backend.engines.downloads import Downloads
from backend.engines.pool import EnginePool
from backend.engines.remote import remote_server
from backend.indexing.indexes import Indexes, open_indexes
from backend.indexing.jobs import Jobs
from backend.indexing.retrieval import Retrieval
from backend.metrics import Metrics
from backend.metrics_history import Gauges, MetricsHistory
from backend.services import Services
from models.errors import ModelError
from models.registry import Registry

log = logging.getLogger(__name__)


@asynccontextmanager
async def build_services(
    settings: Settings, indexes: Indexes | None = None, engines: EnginePool | None = None
) -> AsyncIterator[Services]:
    """All services, ready to serve. The caller holds the lock of the data folder.

    Indexes and engines are built from the settings unless the caller passes its own.
    """
    database, epoch = await _open_database(settings)
    metrics = Metrics()
    engines = engines or _engines(settings, metrics)
    try:
        engines.resolve("")
    except ModelError as error:
        raise BadSetting(f"MODEL_NAME: {error}") from None
    indexes = indexes or open_indexes(settings)
    jobs = Jobs(indexes, settings.watch)
    retrieval = Retrieval(indexes, on_use=jobs.opened, on_reindex=jobs.purge_soon)
    retriever = ContextRetriever(database, retrieval, jobs, CANDIDATES * settings.snippets)
    rag, turns, prefetcher = _chat(settings, database, retriever, engines, metrics)
    history = MetricsHistory(metrics, lambda: Gauges(turns.load, engines.process_metrics()))
    services = Services(
        settings,
        database,
        indexes,
        retrieval,
        engines,
        Downloads(engines.registry),
        rag,
        turns,
        prefetcher,
        jobs,
        metrics,
        history,
        epoch,
    )
    history.start()
    try:
        yield services
    finally:
        await _close(services)


def _chat(
    settings: Settings, database: Database, retriever: ContextRetriever, engines: EnginePool, metrics: Metrics
) -> tuple[Rag, Turns, Prefetcher]:
    """What answers questions."""
    prompt_builder = PromptBuilder(
        settings.snippets, settings.max_tokens, settings.first_token_s, settings.lead, settings.evidence_tokens
    )
    prefetcher = Prefetcher(database, retriever, engines, prompt_builder)
    event_log = EventLog(database)
    rag = Rag(database, event_log, retriever, engines, prompt_builder, metrics)
    turns = Turns(database, event_log, rag, engines, metrics, settings)
    return rag, turns, prefetcher


async def _close(services: Services) -> None:
    services.history.close()
    await services.prefetcher.close()
    await services.turns.close()
    await services.jobs.close()
    await asyncio.to_thread(services.downloads.close)
    await asyncio.to_thread(services.indexes.workers.close)
    await services.engines.unload()
    services.database.close()


def _engines(settings: Settings, metrics: Metrics) -> EnginePool:
    registry = Registry(settings.models_dir, settings.user_catalogue)
    return EnginePool(registry, settings, metrics, remote=remote_server(settings))


async def _open_database(settings: Settings) -> tuple[Database, str]:
    """The database of sessions, ready to use, and its epoch. Raises `BadSetting`."""
    database = Database(settings.sqlalchemy_url)
    database.migrate()
    try:
        epoch = await database.write_end(conversations.epoch)
        interrupted = await database.write_end(conversations.recover)
    except (SQLAlchemyError, ValueError) as error:  # ValueError: damaged JSON
        raise database.unusable(getattr(error, "orig", None) or error) from None
    if interrupted:
        log.warning("%d answers were interrupted by the last stop; their text so far is kept", interrupted)
    return database, epoch
