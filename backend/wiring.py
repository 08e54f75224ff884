"""The composition root: every part made once, in order, and taken down in reverse. Nothing else constructs parts."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DatabaseError

from backend.chat.context import ContextRetriever
from backend.chat.prefetch import Prefetcher
from backend.chat.prompting import CANDIDATES, Prompting
from backend.chat.rag import Rag
from backend.chat.turns import Turns
from backend.config import BadSetting, Settings
from backend.db import conversations
from backend.db.database import Database
from backend.db.events import EventLog
from backend.engines.pool import EnginePool
from backend.engines.remote import remote_server
from backend.indexing.jobs import Jobs
from backend.indexing.retrieval import Retrieval, open_retrieval
from backend.metrics import Metrics
from backend.services import Services
from models.errors import ModelError
from models.registry import Registry

log = logging.getLogger(__name__)


@asynccontextmanager
async def build_services(
    settings: Settings,
    retrieval: Retrieval | None = None,
    engines: EnginePool | None = None,
) -> AsyncIterator[Services]:
    """Everything, ready to serve. The caller holds the data folder's claim.

    Retrieval and engines are those of the settings, unless others are given.
    """
    database = _migrated(settings)
    epoch = await database.write(conversations.epoch)
    if interrupted := await database.write(conversations.recover):
        log.warning("%d answers were interrupted by the last stop; their text so far is kept", interrupted)
    event_log, metrics = EventLog(database), Metrics()
    retrieval = retrieval or open_retrieval(settings)
    registry = Registry(settings.models_dir, settings.user_catalogue)
    engines = engines or EnginePool(registry, settings, metrics, remote=remote_server(settings))
    try:
        engines.resolve("")
    except ModelError as error:
        raise BadSetting(f"MODEL_NAME: {error}") from None
    known = ContextRetriever(database, retrieval, CANDIDATES * settings.snippets)
    prompting = Prompting(
        settings.snippets, settings.max_tokens, settings.first_token_s, settings.lead, settings.evidence_tokens
    )
    ahead = Prefetcher(database, known, engines, prompting)
    rag = Rag(database, event_log, known, engines, prompting, metrics)
    turns = Turns(
        database,
        event_log,
        rag,
        engines,
        metrics,
        queue_limit=settings.queue_limit,
        grace_ms=settings.grace_ms,
        turn_s=settings.turn_s,
    )
    jobs = Jobs(retrieval, settings.watch)
    retrieval.on_use = jobs.opened
    try:
        yield Services(settings, database, retrieval, engines, rag, turns, ahead, jobs, metrics, epoch)
    finally:
        await ahead.close()
        await turns.close()
        await jobs.close()
        await engines.unload()
        database.close()


def _migrated(settings: Settings) -> Database:
    """The database of sessions in its newest form. Raises `BadSetting`."""
    database = Database(settings.sqlalchemy_url)
    try:
        database.migrate()
    except DatabaseError as error:
        shown = database.engine.url.render_as_string(hide_password=True)
        raise BadSetting(f"DATABASE_URL: the database {shown} cannot be used: {error.orig}") from None
    return database
