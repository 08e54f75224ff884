"""Questions that a codebase answers and questions that it does not, through a searcher."""

from pathlib import Path

import pytest

from indexer.embedding.base import HashEmbedder
from indexer.embedding.rerank import Reranker, VectorCache
from indexer.search.off_topic import OFF_TOPIC
from indexer.search.searcher import Searcher
from tests.indexer.harness import World
from tests.indexer.search.test_searcher import REPOSITORY

pytestmark = pytest.mark.process

OTHER_TOPICS = ("How do I bake a chocolate cake?", "Who was the first president?", "Where do penguins live?")
QUESTIONS = (
    "who masks secrets like passwords?",
    "how does the socket reconnect?",
    "what happens in window.py?",
    "is `trim` fast?",
    "What does this project do?",
)


@pytest.fixture(params=[False, True], ids=["without re-ranking", "with re-ranking"])
def searcher(tmp_path: Path, request: pytest.FixtureRequest) -> Searcher:
    world = World(tmp_path / "code", REPOSITORY)
    world.refresh()
    model = HashEmbedder(dim=384)
    reranker = Reranker(lambda: model, VectorCache(tmp_path / "vectors.cache")) if request.param else None
    return Searcher(world.store, world.embedder, reranker)


def test_other_topics_are_not_answered_but_have_hits(searcher: Searcher) -> None:
    found = [searcher.find(question) for question in OTHER_TOPICS]
    assert [result.is_answered for result in found] == [False, False, False]
    assert all(result.hits for result in found)


def test_its_own_topics_are_answered(searcher: Searcher) -> None:
    assert [searcher.find(question).is_answered for question in QUESTIONS] == [True] * len(QUESTIONS)


def test_a_search_in_some_paths_is_always_answered(searcher: Searcher) -> None:
    assert searcher.find(OTHER_TOPICS[0], paths=["backend"]).is_answered


def test_the_baseline_is_stored_and_measured_again_when_the_index_has_grown(tmp_path: Path) -> None:
    world = World(tmp_path, REPOSITORY)
    world.refresh()

    def stored() -> object:
        Searcher(world.store, world.embedder).find(OTHER_TOPICS[0])
        with world.store.read() as snapshot:
            return snapshot.meta()["chance"]

    first = stored()
    assert stored() == first
    assert str(first).count(".") >= len(OFF_TOPIC)
    for n in range(6):
        (world.store.root / f"more{n}.py").write_text(f"def boil{n}(egg):\n    return egg + {n}\n")
    world.refresh()
    assert stored() != first
