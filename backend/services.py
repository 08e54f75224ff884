"""What the faces work with, made once by `wiring`."""

from dataclasses import dataclass

from backend.chat.prefetch import Ahead
from backend.chat.rag import Rag
from backend.chat.turns import Turns
from backend.config import Settings
from backend.db.database import Database
from backend.engines.pool import Engines
from backend.indexing.jobs import Jobs
from backend.indexing.retrieval import Retrieval
from backend.metrics import Stats


@dataclass(frozen=True, slots=True)
class Parts:
    """What the faces work with."""

    settings: Settings
    database: Database
    retrieval: Retrieval
    engines: Engines
    rag: Rag
    turns: Turns
    ahead: Ahead
    jobs: Jobs
    stats: Stats
    epoch: str
