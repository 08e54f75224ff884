"""Whether a codebase answers a question at all, or the hits are only the nearest of what has nothing to do with it.

Keeps in the index what off-topic questions find there. Does not know how evidence is found.
"""

from collections.abc import Callable
from contextlib import suppress

from indexer.errors import IndexStorage
from indexer.search.off_topic import OFF_TOPIC, OffTopicBaseline, ScoreEvidence, is_general
from indexer.search.query import SearchQuery, parse_query
from indexer.storage.snapshot import Snapshot
from indexer.storage.store import Store

_META = "chance"

FindEvidence = Callable[[SearchQuery, Snapshot], ScoreEvidence]


def is_answered(
    asked: SearchQuery,
    found: ScoreEvidence,
    snapshot: Snapshot,
    store: Store,
    model: str,
    evidence: FindEvidence,
    read: bool,
) -> bool:
    """For a question that the heavy embedder finds nothing close to, or, with `read` False, has not looked at.

    `found` is its own evidence, `evidence` finds that of others; `model` made the vectors in the index.
    """
    if is_general(asked.text) or _is_named(asked, snapshot):
        return True
    return not _chance(store, snapshot, model, evidence).covers(found, read)


def _is_named(asked: SearchQuery, snapshot: Snapshot) -> bool:
    """Whether the question spells the name of a definition or of a file that is there."""
    spelt = [name for name, sure in asked.names if sure >= 1]
    if snapshot.named(spelt):
        return True
    return bool(asked.files) and any(
        f"/{path}".endswith(f"/{name}") for path in snapshot.paths() for name in asked.files
    )


def _chance(store: Store, snapshot: Snapshot, model: str, evidence: FindEvidence) -> OffTopicBaseline:
    """Measured once, and again when the index has grown or shrunk."""
    chunks = snapshot.chunks
    if kept := OffTopicBaseline.kept(str(snapshot.meta().get(_META, "")), model, chunks):
        return kept
    made = OffTopicBaseline.measure(
        model, chunks, [evidence(parse_query(question), snapshot) for question in OFF_TOPIC]
    )
    if snapshot.meta().get("state") != "indexing":  # a job would make a question wait for its turn to write
        with suppress(IndexStorage):  # a disk that is full: measured again next time
            store.note(_META, made.text())
    return made
