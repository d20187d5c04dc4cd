"""A Llama decoder as an ONNX graph, built in memory from packed weights.

Two ways to multiply: ``float`` expands the int8 weights to float32 once, when the graph is built, so activations keep
full precision and the model computes exactly what its bfloat16 layout says; ``int8`` keeps the weights packed and
rounds the activations to eight bits too, a quarter of the memory for models too big to expand. Invariant: both give a
row of a batch the same bits whatever the other rows are and however many there are.

Inputs: ``ids`` int64 [rows, steps]; ``last`` int32 [rows], the position of each row's last token; ``total`` int32 [1],
how many positions there are; ``wanted`` int64 [n], which of the rows * steps positions to compute logits for; and the
caches ``key.I`` / ``value.I`` float32 [rows, kv heads, context, head]. Outputs: ``logits`` float32 [n, vocab] and the
caches as ``new_key.I`` / ``new_value.I``, which the caller binds to the same memory.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from agents.engines.packed import BLOCK, Matrix, Model
from prompts.errors import EngineError

Compute = Literal["float", "int8"]
_MICROSOFT: Final = "com.microsoft"
_MAX_BYTES: Final = 2_000_000_000  # protobuf's limit, with room for the graph itself


def build(model: Model, context: int, compute: Compute) -> bytes:
    """The serialized graph of ``model`` for caches of ``context`` positions."""
    size = sum(m.q.size for m in model.matrices.values()) * (4 if compute == "float" else 1)
    if size + model.config.vocab * model.config.hidden * 4 > _MAX_BYTES:
        raise EngineError(
            f"{model.name} is too big to run inside Fabula; serve it with vLLM, say, and connect to that."
        )
    graph: bytes = _Builder(model, context, compute).decoder().SerializeToString()
    return graph


class _Builder:
    """Collects nodes and weights; every method adds nodes and returns the name of their result."""

    def __init__(self, model: Model, context: int, compute: Compute) -> None:
        self.model, self.config, self.context, self.compute = model, model.config, context, compute
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def decoder(self) -> Any:
        config = self.config
        self._rotary_tables()
        embedding = self._weight("embedding", self.model.matrices["model.embed_tokens.weight"].floats())
        residual = self._op("Gather", [embedding, "ids"], "embedded")
        norm = self._norm_weight("model.layers.0.input_layernorm.weight")
        normed = self._op(
            "SimplifiedLayerNormalization", [residual, norm], "normed", epsilon=config.epsilon, axis=-1, stash_type=1
        )
        for index in range(config.layers):
            last = index == config.layers - 1
            after = "model.norm.weight" if last else f"model.layers.{index + 1}.input_layernorm.weight"
            normed, residual = self._layer(index, normed, residual, after)
        flat = self._op("Reshape", [normed, self._weight("flat_shape", np.array([-1, config.hidden]))], "flat")
        wanted = self._op("Gather", [flat, "wanted"], "hidden", axis=0)
        self._matmul(wanted, "logits", [self.config.output])
        return self._finish()

    def _layer(self, index: int, normed: str, residual: str, after: str) -> tuple[str, str]:
        config, prefix = self.config, f"model.layers.{index}."
        names = [f"{prefix}self_attn.{part}_proj.weight" for part in "qkv"]
        packed_qkv = self._matmul(normed, f"qkv.{index}", names)
        caches = [f"key.{index}", f"value.{index}"]
        self.nodes.append(
            helper.make_node(
                "GroupQueryAttention",
                [packed_qkv, "", "", *caches, "last", "total", "cos", "sin"],
                [f"attended.{index}", f"new_key.{index}", f"new_value.{index}"],
                domain=_MICROSOFT,
                num_heads=config.heads,
                kv_num_heads=config.kv_heads,
                do_rotary=1,
                rotary_interleaved=0,
            )
        )
        attended = self._matmul(f"attended.{index}", f"projected.{index}", [f"{prefix}self_attn.o_proj.weight"])
        before_mlp = f"{prefix}post_attention_layernorm.weight"
        normed, residual = self._add_norm(attended, residual, before_mlp, f"mid.{index}")
        names = [f"{prefix}mlp.{part}_proj.weight" for part in ("gate", "up")]
        gate_up = self._matmul(normed, f"gate_up.{index}", names)
        gate, up = f"gate.{index}", f"up.{index}"
        self.nodes.append(helper.make_node("Split", [gate_up], [gate, up], axis=-1, num_outputs=2))
        gate = self._op("QuickGelu", [gate], f"silu.{index}", domain=_MICROSOFT, alpha=1.0)  # x * sigmoid(1.0 * x)
        product = self._op("Mul", [gate, up], f"gated.{index}")
        down = self._matmul(product, f"down.{index}", [f"{prefix}mlp.down_proj.weight"])
        return self._add_norm(down, residual, after, f"end.{index}")

    def _add_norm(self, added: str, residual: str, weight: str, name: str) -> tuple[str, str]:
        """``added + residual``, normalized and plain."""
        normed, total = f"{name}.normed", f"{name}.sum"
        self.nodes.append(
            helper.make_node(
                "SkipSimplifiedLayerNormalization",
                [added, residual, self._norm_weight(weight)],
                [normed, "", "", total],
                domain=_MICROSOFT,
                epsilon=self.config.epsilon,
            )
        )
        return normed, total

    def _matmul(self, source: str, result: str, names: list[str]) -> str:
        """``source`` times the matrices ``names``, stacked along their outputs."""
        matrices = [self.model.matrices[name] for name in names]
        matrix = Matrix(np.concatenate([m.q for m in matrices]), np.concatenate([m.e for m in matrices]))
        outputs, inputs = matrix.q.shape
        if self.compute == "float":
            weight = self._weight(f"{result}.weight", np.ascontiguousarray(matrix.floats().T))
            return self._op("MatMul", [source, weight], result)
        unsigned = (matrix.q.view(np.uint8) ^ np.uint8(128)).reshape(outputs, -1, BLOCK)  # q + 128
        return self._op(
            "MatMulNBits",
            [source, self._weight(f"{result}.q", unsigned), self._weight(f"{result}.s", matrix.scales().reshape(-1))],
            result,
            domain=_MICROSOFT,
            K=inputs,
            N=outputs,
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,  # the levels below it unpack every weight again at every step: 15 times slower
        )

    def _rotary_tables(self) -> None:
        """``cos`` and ``sin`` of every position, float32 [context, head / 2]."""
        config = self.config
        rate = config.theta ** (-np.arange(0, config.head, 2, dtype=np.float64) / config.head)
        angle = np.arange(self.context, dtype=np.float64)[:, None] * rate
        self._weight("cos", np.cos(angle).astype(np.float32))
        self._weight("sin", np.sin(angle).astype(np.float32))

    def _norm_weight(self, name: str) -> str:
        return self._weight(name, self.model.vectors[name])

    def _weight(self, name: str, values: NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def _op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _finish(self) -> Any:
        config = self.config
        cache = ["rows", config.kv_heads, self.context, config.head]
        layers = range(config.layers)
        info = helper.make_tensor_value_info
        floats, longs, ints = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
        inputs = [info("ids", longs, ["rows", "steps"]), info("last", ints, ["rows"]), info("total", ints, [1])]
        inputs += [info("wanted", longs, ["n"])]
        inputs += [info(f"{kind}.{i}", floats, cache) for i in layers for kind in ("key", "value")]
        outputs = [info("logits", floats, ["n", config.vocab])]
        outputs += [info(f"new_{kind}.{i}", floats, cache) for i in layers for kind in ("key", "value")]
        graph = helper.make_graph(self.nodes, "llama", inputs, outputs, self.weights)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)
