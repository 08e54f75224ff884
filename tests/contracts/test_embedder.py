"""Every embedder: normalised float32 rows, in order, the same for the same text, similar for similar ones."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.embed import Embedder, HashEmbedder, SentenceEmbedder, check_weights
from indexer.errors import EmbedderUnavailable

CODE = "def load_config(path):\n    return json.load(open(path))"
SIMILAR = "how is the config loaded from a path"
OTHER = "class Banana: ripe = True"


@pytest.fixture(scope="module", params=["hash", "minilm"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return HashEmbedder() if request.param == "hash" else SentenceEmbedder()


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


def test_longer_texts_have_more_tokens(embedder: Embedder) -> None:
    counts = [embedder.count_tokens(text) for text in ("", CODE, CODE * 30)]
    assert counts == sorted(counts)
    assert counts[1] < embedder.max_tokens < counts[2]


def test_several_threads_get_what_one_gets(embedder: Embedder) -> None:
    texts = [f"{CODE} {number}" for number in range(12)]
    expected = embedder.embed_documents(texts)
    with ThreadPoolExecutor(4) as pool:
        found = np.stack(list(pool.map(embedder.embed_query, texts)))
    assert np.sum(found * expected, axis=1) == pytest.approx(np.ones(12), abs=1e-3)


def test_minilm_counts_its_own_tokens_and_gives_its_published_neighbours() -> None:
    embedder = SentenceEmbedder("sentence-transformers/all-MiniLM-L6-v2")
    assert (embedder.model_id, embedder.dim, embedder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert embedder.count_tokens("hello world") == 4  # [CLS] hello world [SEP]
    # The published model gives 0.6945 in fp32; bf16 is allowed 0.01.
    one, other = embedder.embed_documents(["That is a happy person", "That is a happy dog"])
    assert float(one @ other) == pytest.approx(0.6945, abs=0.01)


def test_the_double_is_the_same_in_every_process() -> None:
    program = "from indexer.embed import HashEmbedder; print(HashEmbedder(4).embed_query('parse tokens').tolist())"
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] == f"{HashEmbedder(4).embed_query('parse tokens').tolist()}\n"


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(EmbedderUnavailable, match="cannot be read"):
        check_weights(file, "0" * 64)
    file.write_bytes(b"something else")
    with pytest.raises(EmbedderUnavailable, match="not the published file"):
        check_weights(file, "0" * 64)


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    for name in ("nobody/no-such-model", str(tmp_path)):
        with pytest.raises(EmbedderUnavailable, match="hf download"):
            SentenceEmbedder(name)


def test_importing_the_module_loads_no_heavy_library() -> None:
    program = "import sys, indexer.embed, indexer.types; print('torch' in sys.modules, 'transformers' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
