"""The weights of a BERT -> one int8 ONNX file with its tokenizer.

Needs neither torch nor an exporter: six layers of BERT are some twenty nodes each. Does not know how the file is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from indexer.training.published import WEIGHTS, minilm_folder
from indexer.training.vocabulary import minilm_tokenizer

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

_HEAD = 32  # width of an attention head, as in MiniLM's config.json: 384 / 12
_EPSILON = 1e-12  # layer_norm_eps of the same
_ZERO = 128  # zero point of uint8
_CONTRIB = "com.microsoft"  # ONNX Runtime's own operators
_OPSETS = (("", 20), (_CONTRIB, 1))
_IR = 10  # the format's version that opset 20 asks for


def convert(weights: Weights, tokenizer: str) -> bytes:
    """An ONNX model with input `ids` (texts, tokens) int64 and output `vectors` (texts, width) of length one.

    `weights` are named as in a BERT of transformers, `tokenizer` is the text of its tokenizer.json and travels as
    metadata. All texts of a run have the same number of tokens: there is no mask. Linear layers hold weights of 8 bits
    with a scale per output column and meet activations rounded to uint8 by the range of the run; word vectors are int8
    with a scale per word; all else is float32. The same input gives the same bytes.

    Weights are uint8 around `_ZERO`: where a processor has no VNNI, ONNX Runtime adds products of uint8 and int8 in 16
    bits, which saturate; with uint8 on both sides it is exact, as fast there, and the same with VNNI.
    """
    graph = _Graph(weights)
    hidden = _embeddings(graph)
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    for layer in range(layers):
        hidden = _layer(graph, hidden, f"encoder.layer.{layer}")
    mean = graph.add("ReduceMean", hidden, graph.constant("tokens", np.array([1])), keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=-1, p=2))
    width = weights["embeddings.word_embeddings.weight"].shape[1]
    encoder = helper.make_graph(
        graph.nodes,
        "bert",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", width])],
        graph.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
    model = helper.make_model(encoder, opset_imports=opsets, ir_version=_IR)
    helper.set_model_props(model, {"tokenizer": tokenizer})
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


@dataclass(slots=True)
class _Graph:
    """Nodes and constants so far. A value is referred to by its name."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        return self.add_many(1, operator, *inputs, domain=domain, **attributes)[0]

    def add_many(self, outputs: int, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> list[str]:
        names = [f"{operator}_{len(self.nodes)}_{output}" for output in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def linear(self, hidden: str, *names: str) -> str:
        """The named layers side by side, as one product: hidden @ weights + bias."""
        columns = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        integers, scale = _int8(columns, axis=0)
        quantized = [
            self.constant(f"{names[0]}.{part}", value)
            for part, value in (
                ("uint8", (integers + np.int16(_ZERO)).astype(np.uint8)),
                ("scale", scale[0]),
                ("zero", np.full(len(bias), _ZERO, np.uint8)),
                ("bias", bias),
            )
        ]
        return self.add("DynamicQuantizeMatMul", hidden, *quantized, domain=_CONTRIB)

    def norm(self, hidden: str, name: str) -> str:
        gain = self.constant(f"{name}.weight", self.weights[f"{name}.weight"])
        shift = self.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        return self.add("LayerNormalization", hidden, gain, shift, epsilon=_EPSILON)


def _embeddings(graph: _Graph) -> str:
    integers, scale = _int8(graph.weights["embeddings.word_embeddings.weight"], axis=1)
    rows = graph.add("Gather", graph.constant("words.int8", integers), "ids")
    scales = graph.add("Gather", graph.constant("words.scale", scale), "ids")
    words = graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), scales)
    first_kind = graph.weights["embeddings.token_type_embeddings.weight"][0]
    table = graph.constant("positions", graph.weights["embeddings.position_embeddings.weight"] + first_kind)
    length = graph.add("Shape", "ids", start=1, end=2)
    positions = graph.add("Slice", table, graph.constant("start", np.array([0])), length)
    return graph.norm(graph.add("Add", words, positions), "embeddings.LayerNorm")


def _layer(graph: _Graph, hidden: str, name: str) -> str:
    own = f"{name}.attention.self"
    width = graph.weights[f"{own}.query.weight"].shape[0]
    thirds = graph.linear(hidden, f"{own}.query", f"{own}.key", f"{own}.value")
    query, key, value = graph.add_many(3, "Split", thirds, axis=-1, num_outputs=3)
    heads = width // _HEAD
    attended = graph.add("MultiHeadAttention", query, key, value, domain=_CONTRIB, num_heads=heads)
    mixed = graph.linear(attended, f"{name}.attention.output.dense")
    hidden = graph.norm(graph.add("Add", hidden, mixed), f"{name}.attention.output.LayerNorm")
    inner = graph.add("Gelu", graph.linear(hidden, f"{name}.intermediate.dense"))
    outer = graph.linear(inner, f"{name}.output.dense")
    return graph.norm(graph.add("Add", hidden, outer), f"{name}.output.LayerNorm")


def _int8(values: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """(integers, scale) with integers * scale close to values; one scale for all values along `axis`."""
    scale = np.abs(values).max(axis=axis, keepdims=True) / np.float32(127)
    scale[scale == 0] = 1
    return np.rint(values / scale).astype(np.int8), scale


def graph_of(layers: Weights) -> bytes:
    """The graph of the published model with these layers in place of its own. Raises `EmbedderUnavailable`."""
    folder = minilm_folder()
    tuned = {name: np.asarray(value, np.float32) for name, value in layers.items()}
    weights = load_file(folder / WEIGHTS) | tuned
    return convert(weights, minilm_tokenizer().to_str())
