"""Every embedder: normalised float32 rows, in order, the same for the same text, similar for similar ones."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from indexer.embedding.base import Embedder, HashEmbedder
from indexer.embedding.loading import load_embedder
from indexer.embedding.sentence import SentenceEmbedder
from indexer.training.published import minilm_folder

pytestmark = pytest.mark.process

CODE = "def load_config(path):\n    return json.load(open(path))"
SIMILAR = "how is the config loaded from a path"
OTHER = "class Banana: ripe = True"


def published_minilm() -> SentenceEmbedder:
    return SentenceEmbedder(str(minilm_folder()))


@pytest.fixture(scope="module", params=[HashEmbedder, published_minilm, load_embedder])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    embedder: Embedder = request.param()
    return embedder


def test_rows_are_float32_of_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [CODE, OTHER, "", "x " * 2000, SIMILAR] * 5
    rows = embedder.embed_documents(texts)
    assert rows.shape == (25, embedder.dim)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(25), abs=1e-5)
    alone = np.stack([embedder.embed_documents([text])[0] for text in texts[:5]])
    assert np.sum(rows[:5] * alone, axis=1) == pytest.approx(np.ones(5), abs=1e-3)
    assert np.sum(rows[:5] * rows[20:], axis=1) == pytest.approx(np.ones(5), abs=1e-3)


def test_nothing_gives_no_rows(embedder: Embedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dim)


def test_similar_texts_are_nearer_than_others(embedder: Embedder) -> None:
    query = embedder.embed_query(SIMILAR)
    near, far = embedder.embed_documents([CODE, OTHER]) @ query
    assert near > far + 0.2


def test_several_threads_get_what_one_gets(embedder: Embedder) -> None:
    texts = [f"{CODE} {number}" for number in range(12)]
    expected = embedder.embed_documents(texts)
    with ThreadPoolExecutor(4) as pool:
        found = np.stack(list(pool.map(embedder.embed_query, texts)))
    assert np.sum(found * expected, axis=1) == pytest.approx(np.ones(12), abs=1e-3)
