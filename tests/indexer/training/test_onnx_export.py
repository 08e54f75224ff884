"""The conversion: the same bytes each time, the numbers of BERT; the committed graph comes from the published model."""

import hashlib

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from indexer.embedding.onnx import GRAPH
from indexer.training.onnx_export import Floats, convert, graph_of

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


def digests(graph: bytes) -> dict[str, str]:
    """Of each constant of a graph, by its name."""
    constants = onnx.load_from_string(graph).graph.initializer
    return {one.name: hashlib.sha256(numpy_helper.to_array(one).tobytes()).hexdigest() for one in constants}


def test_the_committed_graph_is_the_published_model_with_other_upper_layers() -> None:
    own, published = digests(GRAPH.read_bytes()), digests(graph_of({}))
    assert own.keys() == published.keys()
    changed = {name for name in own if own[name] != published[name]}
    layers = {name.split(".")[2] for name in changed}
    assert layers == {"2", "3", "4", "5"}
    assert {"words.int8", "encoder.layer.1.output.dense.uint8"}.isdisjoint(changed)


def test_given_layers_take_the_place_of_the_published_ones() -> None:
    name = "encoder.layer.5.output.dense.bias"
    bias = np.arange(384, dtype=np.float32)
    own, published = graph_of({name: bias}), graph_of({})
    assert digests(own)[name] == hashlib.sha256(bias.tobytes()).hexdigest()
    assert {key for key, digest in digests(own).items() if digests(published)[key] != digest} == {name}
