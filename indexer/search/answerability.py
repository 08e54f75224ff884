"""Whether a codebase answers a question at all, or the hits are only the nearest of unrelated code.

Caches in the index what off-topic questions find there. Does not know how evidence is computed.
"""

from collections.abc import Callable
from contextlib import suppress

from indexer.errors import IndexStorage
from indexer.search.off_topic import OFF_TOPIC, OffTopicBaseline, ScoreEvidence, is_general
from indexer.search.query import SearchQuery, parse_query
from indexer.search.symbol_match import spells_file
from indexer.storage.snapshot import Snapshot
from indexer.storage.store import Store

_META = "chance"  # key of the baseline in the index

FindEvidence = Callable[[SearchQuery, Snapshot], ScoreEvidence]


class Answerability:
    """Judges the questions to one index by its off-topic baseline."""

    def __init__(self, store: Store, model: str, find_evidence: FindEvidence) -> None:
        """`model`: made the vectors in the index. `find_evidence`: of an off-topic question."""
        self._store = store
        self._model = model
        self._find_evidence = find_evidence

    def is_answered(self, query: SearchQuery, evidence: ScoreEvidence, snapshot: Snapshot, *, reranked: bool) -> bool:
        """For a question with no candidate that the re-ranking model finds close.

        `evidence`: of the question itself. `reranked`: False if the re-ranking model has not scored the candidates.
        """
        if is_general(query.text) or _names_something(query, snapshot):
            return True
        return not self._baseline(snapshot).covers(evidence, reranked=reranked)

    def _baseline(self, snapshot: Snapshot) -> OffTopicBaseline:
        """Measured once, and again when the index has grown or shrunk."""
        chunks = snapshot.chunks
        if cached := OffTopicBaseline.load(str(snapshot.meta().get(_META, "")), self._model, chunks):
            return cached
        evidence = [self._find_evidence(parse_query(question), snapshot) for question in OFF_TOPIC]
        baseline = OffTopicBaseline.measure(self._model, chunks, evidence)
        if snapshot.meta().get("state") != "indexing":  # else the question would wait for the job to let it write
            with suppress(IndexStorage):  # a full disk: measured again next time
                self._store.set_meta(_META, baseline.dump())
        return baseline


def _names_something(query: SearchQuery, snapshot: Snapshot) -> bool:
    """Whether the question spells the name of a definition or a file in the index."""
    names = [name for name, sure in query.names if sure >= 1]
    return bool(snapshot.named(names)) or spells_file(query, snapshot)
