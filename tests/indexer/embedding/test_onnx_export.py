"""The conversion: the same bytes each time, the numbers of BERT, and a damaged or foreign file made again."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from indexer.embedding import onnx_export
from indexer.embedding.onnx import CONVERTED, manifest, manifest_path, read_converted
from indexer.embedding.onnx_export import Floats, convert, install
from indexer.errors import EmbedderUnavailable

WIDTH, INNER, WORDS, LENGTH = 64, 128, 50, 16


def tiny() -> dict[str, Floats]:
    """Random weights of a BERT of two layers with two heads each."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (LENGTH, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _dense(f"{layer}.attention.{part}", WIDTH, WIDTH)
        shapes |= _dense(f"{layer}.intermediate.dense", INNER, WIDTH) | _dense(f"{layer}.output.dense", WIDTH, INNER)
    weights = {name: random.standard_normal(shape, np.float32) / np.float32(8) for name, shape in shapes.items()}
    for norm in norms:
        weights[f"{norm}.weight"] = 1 + random.standard_normal(WIDTH, np.float32) / 8
        weights[f"{norm}.bias"] = random.standard_normal(WIDTH, np.float32) / 8
    return weights


def _dense(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def bert(weights: dict[str, Floats], ids: list[int]) -> Floats:
    """The oracle: BERT in float32, mean over the tokens, length one."""

    def dense(hidden: Floats, name: str) -> Floats:
        product: Floats = hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return product

    def norm(hidden: Floats, name: str) -> Floats:
        centred = hidden - hidden.mean(1, keepdims=True)
        scaled: Floats = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    hidden = weights["embeddings.word_embeddings.weight"][ids]
    hidden = hidden + weights["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = norm(hidden + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        own = f"{layer}.attention.self"
        thirds = [dense(hidden, f"{own}.{part}").reshape(-1, 2, 32) for part in ("query", "key", "value")]
        query, key, value = (third.transpose(1, 0, 2) for third in thirds)
        weight = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(32))
        seen = (weight / weight.sum(2, keepdims=True) @ value).transpose(1, 0, 2).reshape(-1, WIDTH)
        mixed = hidden + dense(seen, f"{layer}.attention.output.dense")
        hidden = norm(mixed, f"{layer}.attention.output.LayerNorm")
        inner = dense(hidden, f"{layer}.intermediate.dense")
        # tanh's form of GELU: within 0.001 of the exact one
        inner = inner / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        hidden = norm(hidden + dense(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean: Floats = hidden.mean(0)
    return mean / np.linalg.norm(mean)


def test_the_graph_computes_bert() -> None:
    weights = tiny()
    session = onnxruntime.InferenceSession(convert(weights, "{}"), providers=["CPUExecutionProvider"])
    for ids in ([1, 7, 49, 3, 2], [4], list(range(LENGTH))):
        vector = session.run(None, {"ids": np.array([ids])})[0][0]
        assert float(vector @ bert(weights, ids)) == pytest.approx(1, abs=2e-3)
        assert float(vector @ bert(weights, [*ids[1:], 11])) < 0.98


def test_the_same_weights_give_the_same_bytes_and_the_tokenizer_travels_with_them() -> None:
    graph = convert(tiny(), '{"a": "ü"}')
    assert graph == convert(tiny(), '{"a": "ü"}')
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"tokenizer": '{"a": "ü"}'}


def test_the_installed_graph_is_what_the_conversion_gives(tmp_path: Path) -> None:
    file = tmp_path / "share" / "minilm.onnx"
    assert install(file)
    assert file.read_bytes() == CONVERTED.read_bytes()
    assert not install(file)
    assert {path.name for path in file.parent.iterdir()} == {"minilm.onnx", "minilm.json"}


def test_layers_that_are_not_the_committed_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "OWN_LAYERS", tmp_path / "layers.safetensors")
    with pytest.raises(EmbedderUnavailable, match=r"layers\.safetensors cannot be read"):
        install(tmp_path / "minilm.onnx")
    (tmp_path / "layers.safetensors").write_bytes(b"others")
    with pytest.raises(EmbedderUnavailable, match=r"layers\.safetensors is not the published file"):
        install(tmp_path / "minilm.onnx")
    assert not (tmp_path / "minilm.onnx").exists()


def test_a_damaged_or_foreign_graph_is_refused_with_the_reason_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, good = tmp_path / "minilm.onnx", b"a graph"
    beside = manifest_path(file)
    monkeypatch.setattr(onnx_export, "load_file", lambda path: {})
    monkeypatch.setattr(onnx_export, "convert", lambda weights, tokenizer: good)
    spoilt: dict[str, tuple[bytes, str]] = {
        r"minilm\.json is damaged": (good, "{"),
        r"minilm\.onnx is damaged": (b"a grapf", json.dumps(manifest(good))),
        r"minilm\.onnx is damaged \(": (good, "[]"),
        "another version": (good, json.dumps(manifest(good) | {"recipe": "0"})),
        "other weights": (good, json.dumps(manifest(good) | {"source": "0" * 64})),
        "from other weights": (good, json.dumps(manifest(good) | {"layers": "0" * 64})),
    }
    for reason, (graph, told) in spoilt.items():
        file.write_bytes(graph)
        beside.write_text(told)
        with pytest.raises(EmbedderUnavailable, match=f"{reason}.*`make setup` makes it again"):
            read_converted(file)
        assert install(file)
        assert read_converted(file) == good
    beside.unlink()
    with pytest.raises(EmbedderUnavailable, match=r"minilm\.json cannot be read"):
        read_converted(file)


def test_the_command_says_why_it_cannot_convert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(onnx_export, "CONVERTED", tmp_path / "file" / "minilm.onnx")
    with pytest.raises(SystemExit, match="not converted"):
        onnx_export.main()
