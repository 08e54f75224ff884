"""The default embedder: its committed graph and id, its vectors, and the message for a damaged graph."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.embedding import loading
from indexer.embedding.loading import load_embedder
from indexer.embedding.onnx import GRAPH, OnnxEmbedder, read_graph
from indexer.embedding.sentence import SentenceEmbedder
from indexer.errors import EmbedderUnavailable
from indexer.training.evaluate import dense, quality
from indexer.training.mine import DOC, pairs_of
from indexer.training.onnx_export import graph_of
from indexer.training.published import minilm_folder

ROOT = Path(__file__).parents[3]
CODE = "def load_config(path):\n    return json.load(open(path))"


def test_vectors_of_older_data_folders_stay_valid() -> None:
    """They are stored under this id. It changes only with the weights."""
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        embedder = load_embedder(name)
        assert isinstance(embedder, OnnxEmbedder)
        assert (embedder.model_id, embedder.dim) == ("all-MiniLM-L6-v2-int8@1e1fb4264a8e", 384)


def test_int8_gives_the_neighbours_of_fp32_on_real_code() -> None:
    exact, int8 = SentenceEmbedder(str(minilm_folder())), OnnxEmbedder(graph_of({}))
    files = sorted((ROOT / "indexer").rglob("*.py"))
    texts = [file.read_text("utf-8")[400:520] for file in files]
    pieces = [text.lower() for text in texts if len(text) == 120][:20]  # whose names are split by neither of both
    assert len(pieces) == 20
    expected, actual = exact.embed_documents(pieces), int8.embed_documents(pieces)
    cosines = np.sum(expected * actual, axis=1)
    assert cosines.mean() > 0.99
    assert cosines.min() > 0.98
    for query in (
        "how is the config loaded from a path",
        "split an identifier at camelCase",
        "which files are ignored",
        "secrets are masked",
    ):
        cosines = expected @ exact.embed_query(query)
        assert cosines[np.argmax(actual @ int8.embed_query(query))] > cosines.max() - 0.03


def test_our_own_layers_find_more_of_our_own_code_than_the_published_ones() -> None:
    files = [(file.name, file.read_text("utf-8")) for file in sorted((ROOT / "indexer").rglob("*.py"))]
    query_of = {pair.code: pair.query for pair in pairs_of(files) if pair.kind == DOC}
    codes, queries = list(query_of)[:150], list(query_of.values())[:150]
    own, published = load_embedder(), OnnxEmbedder(graph_of({}))
    own_mrr, published_mrr = (quality(dense(embedder, queries, codes)).mrr for embedder in (own, published))
    assert own_mrr > published_mrr + 0.02


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    embedder = load_embedder()
    texts = [CODE, "x " * 2000, "class Banana: ripe = True", CODE]
    alone = [embedder.embed_documents([text])[0] for text in texts]
    assert np.array_equal(embedder.embed_documents(texts), np.stack(alone))
    # 126 tokens, [CLS] and [SEP]
    assert np.array_equal(embedder.embed_query("x " * 126), embedder.embed_query("x " * 2000))


def test_a_missing_or_damaged_graph_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model-int8.onnx"
    monkeypatch.setattr(loading, "GRAPH", file)
    with pytest.raises(
        EmbedderUnavailable, match=r"model-int8\.onnx cannot be read \(No such file.*: reinstall Lantern"
    ):
        load_embedder()
    graph = bytearray(GRAPH.read_bytes())
    graph[12_345_678] ^= 1
    file.write_bytes(graph)
    with pytest.raises(EmbedderUnavailable, match=r"model-int8\.onnx is damaged \(sha256 .*: reinstall Lantern"):
        load_embedder()
    graph[12_345_678] ^= 1
    file.write_bytes(graph)
    assert read_graph(file) == GRAPH.read_bytes()


@pytest.mark.process
def test_the_default_path_needs_no_torch() -> None:
    program = (
        "import sys; from indexer.embedding.loading import load_embedder; before = 'onnxruntime' in sys.modules;"
        "load_embedder().embed_query('x'); print(before, {'torch', 'transformers', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False set()\n"
