"""The services behind every interface (REST, WebSocket, OpenAI). Built once, by `wiring`."""

from dataclasses import dataclass

from backend.chat.prefetch import Prefetcher
from backend.chat.rag import Rag
from backend.chat.turns import Turns
from backend.config import Settings
from backend.db.database import Database
from backend.engines.downloads import Downloads
from backend.engines.pool import EnginePool
from backend.indexing.indexes import Indexes
from backend.indexing.jobs import Jobs
from backend.indexing.retrieval import Retrieval
from backend.metrics import Metrics
from backend.metrics_history import MetricsHistory


@dataclass(frozen=True, slots=True)
class Services:
    """One of each, shared by all requests."""

    settings: Settings
    database: Database
    indexes: Indexes
    retrieval: Retrieval
    engines: EnginePool
    downloads: Downloads
    rag: Rag
    turns: Turns
    prefetcher: Prefetcher
    jobs: Jobs
    metrics: Metrics
    history: MetricsHistory
    epoch: str  # see `conversations.epoch`
