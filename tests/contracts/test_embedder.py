"""Every embedder: normalised float32 rows, in order, the same for the same text, similar for similar ones."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import indexer.embedding.onnx
from indexer.embedding.base import Embedder, HashEmbedder, SentenceEmbedder, check_weights
from indexer.embedding.onnx import LAYERS_SHA256, OnnxEmbedder, load_embedder
from indexer.embedding.onnx_export import graph_of
from indexer.errors import EmbedderUnavailable
from indexer.training.evaluate import dense, quality
from indexer.training.mine import DOC, pairs_of

CODE = "def load_config(path):\n    return json.load(open(path))"
SIMILAR = "how is the config loaded from a path"
OTHER = "class Banana: ripe = True"


@pytest.fixture(scope="module", params=[HashEmbedder, SentenceEmbedder, load_embedder])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    made: Embedder = request.param()
    return made


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


def test_minilm_gives_its_published_neighbours() -> None:
    embedder = SentenceEmbedder("sentence-transformers/all-MiniLM-L6-v2")
    assert (embedder.model_id, embedder.dim) == ("all-MiniLM-L6-v2", 384)
    # The published model gives 0.6945 in fp32; bf16 is allowed 0.01.
    one, other = embedder.embed_documents(["That is a happy person", "That is a happy dog"])
    assert float(one @ other) == pytest.approx(0.6945, abs=0.01)


def test_int8_gives_the_neighbours_of_fp32_on_real_code() -> None:
    exact, int8 = SentenceEmbedder(), OnnxEmbedder(graph_of({}))
    files = sorted((Path(__file__).parents[2] / "indexer").rglob("*.py"))
    pieces = [text for file in files if len(text := file.read_text("utf-8")[400:600]) == 200]
    pieces = pieces[:20]
    assert len(pieces) == 20
    expected, found = exact.embed_documents(pieces), int8.embed_documents(pieces)
    cosines = np.sum(expected * found, axis=1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.98
    for question in (SIMILAR, "split an identifier at camelCase", "which files are ignored", "secrets are masked"):
        cosines = expected @ exact.embed_query(question)
        assert cosines[np.argmax(found @ int8.embed_query(question))] > cosines.max() - 0.03


def test_our_own_layers_find_more_of_our_own_code_than_the_published_ones() -> None:
    folder = Path(__file__).parents[2]
    files = [(file.name, file.read_text("utf-8")) for file in sorted((folder / "indexer").rglob("*.py"))]
    found = {pair.code: pair.query for pair in pairs_of(files) if pair.kind == DOC}
    codes, queries = list(found)[:150], list(found.values())[:150]
    own, published = load_embedder(), OnnxEmbedder(graph_of({}))
    assert isinstance(own, OnnxEmbedder)
    assert (own.model_id, own.dim) == (f"all-MiniLM-L6-v2-int8@{LAYERS_SHA256[:12]}", 384)
    mrr, before = (quality(dense(embedder, queries, codes)).mrr for embedder in (own, published))
    assert mrr > before + 0.02


def test_an_int8_vector_does_not_depend_on_its_neighbours() -> None:
    int8 = load_embedder()
    rows = int8.embed_documents([CODE, "x " * 2000, OTHER, CODE])
    assert np.array_equal(rows, np.stack([int8.embed_query(text) for text in (CODE, "x " * 2000, OTHER, CODE)]))
    assert np.array_equal(int8.embed_query("x " * 126), int8.embed_query("x " * 2000))  # and [CLS], [SEP]


def test_without_its_converted_graph_the_default_model_still_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(indexer.embedding.onnx, "CONVERTED", tmp_path / "minilm.onnx")
    assert load_embedder("sentence-transformers/all-MiniLM-L6-v2").model_id == "all-MiniLM-L6-v2"
    assert "minilm.onnx is not here" in caplog.text
    assert "`make setup` makes it again" in caplog.text
    (tmp_path / "minilm.onnx").write_bytes(b"half a gra")
    with pytest.raises(EmbedderUnavailable, match=r"minilm\.json cannot be read"):
        load_embedder()


def test_the_default_path_needs_no_torch() -> None:
    program = (
        "import sys; from indexer.embedding.onnx import load_embedder; before = 'onnxruntime' in sys.modules;"
        "load_embedder().embed_query('x'); print(before, {'torch', 'transformers', 'onnx'} & set(sys.modules))"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        == "False set()\n"
    )


def test_the_double_is_the_same_in_every_process() -> None:
    program = (
        "from indexer.embedding.base import HashEmbedder; print(HashEmbedder(4).embed_query('parse tokens').tolist())"
    )
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
    program = (
        "import sys, indexer.embedding.base, indexer.types;print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
