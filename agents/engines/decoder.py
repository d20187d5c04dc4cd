"""A model in an onnxruntime session with its key-value cache: prefill one prompt, fork it to rows, step the rows.

The cache is one preallocated block that the session reads and writes in place. Row 0 keeps the last prompt, so a
prompt that begins like it costs only what differs. Invariant: what a prompt gives never depends on what was run
before. Prompts are run in chunks that begin at multiples of ``CHUNK``, and only whole chunks are kept, so a reused
position holds the very bits that a fresh run would compute. Not thread-safe; the engine above holds the lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.engines.graph import Compute, build
from agents.engines.packed import Model
from prompts.errors import EngineError

CHUNK: Final = 64
MAX_ROWS: Final = 16
MAX_CONTEXT: Final = 8192
_EXPAND_UP_TO: Final = 250_000_000  # weights; 1 GB as float32
_MAX_THREADS: Final = 8

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Binding:
    """The session's inputs and outputs for one batch shape, all in numpy's memory."""

    io: Any
    ids: NDArray[np.int64]
    last: NDArray[np.int32]
    total: NDArray[np.int32]
    wanted: NDArray[np.int64]
    logits: Floats


class Decoder:
    """``context`` is the number of positions that a prompt and its continuation may take together."""

    def __init__(self, model: Model, threads: int | None = None, compute: Compute | None = None) -> None:
        self.context = min(model.config.context, MAX_CONTEXT)
        self._config = model.config
        if compute is None:
            compute = "float" if sum(m.q.size for m in model.matrices.values()) <= _EXPAND_UP_TO else "int8"
        self.compute: Compute = compute
        self._session = _session(build(model, self.context, compute), threads or default_threads())
        self._cached: list[int] = []  # the tokens whose positions in row 0 were filled by whole chunks
        self.reused = 0  # tokens of the current prompt that were not run again
        self._filled = 0  # positions of row 0 that the current prompt fills
        self._forked = 1  # rows that hold the current prompt
        self._cache = np.empty((0, 0, 0, 0, 0), np.float32)
        self._allocate(1)

    def prefill(self, ids: Sequence[int]) -> Floats:
        """Run a prompt of at least one token on row 0; the logits after it, float32 [vocab]."""
        whole = (len(ids) - 1) // CHUNK * CHUNK
        start = 0
        limit = min(whole, len(self._cached))
        while start < limit and self._cached[start : start + CHUNK] == ids[start : start + CHUNK]:
            start += CHUNK
        self._cached, self._forked, self.reused = self._cached[:start], 1, start
        for begin in range(start, len(ids), CHUNK):
            chunk = ids[begin : begin + CHUNK]
            logits = self._run([chunk], begin, [len(chunk) - 1])
            if len(chunk) == CHUNK:
                self._cached.extend(chunk)
        self._filled = len(ids)
        after: Floats = logits[0].copy()
        return after

    def fork(self, rows: int) -> None:
        """Give ``rows`` rows the prompt that was prefilled last."""
        if rows > self._rows:
            self._allocate(rows)
        if rows > self._forked:
            self._cache[:, self._forked : rows, :, : self._filled] = self._cache[:, :1, :, : self._filled]
            self._forked = rows

    def keep(self, rows: Sequence[int], position: int) -> None:
        """Drop all rows but ``rows``, given in rising order; they become rows 0, 1, ... with what they wrote so far."""
        for new, old in enumerate(rows):
            if new != old:
                self._cache[:, new, :, self._filled : position] = self._cache[:, old, :, self._filled : position]

    def step(self, tokens: Sequence[int], position: int) -> Floats:
        """Write one token a row at ``position``; logits [rows, vocab], good until the next call."""
        return self._run([[token] for token in tokens], position, range(len(tokens)))

    def follow(self, tokens: Sequence[int]) -> Floats:
        """Logits [tokens, vocab] after each of ``tokens``, written behind the prompt on row 0."""
        parts = []
        for begin in range(0, len(tokens), CHUNK):
            chunk = tokens[begin : begin + CHUNK]
            parts.append(self._run([chunk], self._filled + begin, range(len(chunk))).copy())
        return np.concatenate(parts)

    def _run(self, ids: Sequence[Sequence[int]], position: int, wanted: Sequence[int]) -> Floats:
        steps = len(ids[0])
        key = (len(ids), steps, len(wanted))
        binding = self._bindings.get(key)
        if binding is None:
            binding = self._bind(*key)
            if steps in (1, CHUNK):  # other lengths are as many as prompts have, and binding takes 0.1 ms
                self._bindings[key] = binding
        binding.ids[:] = ids
        binding.last[:] = position + steps - 1
        binding.total[:] = position + steps
        binding.wanted[:] = wanted
        try:
            self._session.run_with_iobinding(binding.io)
        except Exception as error:
            self._cached = []
            raise EngineError(f"The model failed while running ({_first_line(error)}).") from error
        return binding.logits

    def _allocate(self, rows: int) -> None:
        """Make room for ``rows`` rows and keep row 0. Memory is taken from the system only where it is written."""
        config = self._config
        cache = np.empty((config.layers * 2, rows, config.kv_heads, self.context, config.head), np.float32)
        if self._cache.size:
            kept = max(self._filled, len(self._cached))
            cache[:, 0, :, :kept] = self._cache[:, 0, :, :kept]
        self._cache, self._rows, self._forked = cache, rows, 1
        self._bindings: dict[tuple[int, int, int], _Binding] = {}

    def _bind(self, rows: int, steps: int, wanted: int) -> _Binding:
        config = self._config
        binding = _Binding(
            io=self._session.io_binding(),
            ids=np.zeros((rows, steps), np.int64),
            last=np.zeros(rows, np.int32),
            total=np.zeros(1, np.int32),
            wanted=np.zeros(wanted, np.int64),
            logits=np.zeros((wanted, config.vocab), np.float32),
        )
        for name in ("ids", "last", "total", "wanted"):
            array = getattr(binding, name)
            binding.io.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        shape = binding.logits.shape
        binding.io.bind_output("logits", "cpu", 0, np.float32, shape, binding.logits.ctypes.data)
        cache_shape = (rows, config.kv_heads, self.context, config.head)
        for index in range(config.layers):
            for offset, name in enumerate(("key", "value")):
                address = self._cache[2 * index + offset].ctypes.data
                binding.io.bind_input(f"{name}.{index}", "cpu", 0, np.float32, cache_shape, address)
                binding.io.bind_output(f"new_{name}.{index}", "cpu", 0, np.float32, cache_shape, address)
        return binding


def default_threads() -> int:
    """The cores that this process may use, up to 8: a small model gains nothing from more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MAX_THREADS))


def _session(graph: bytes, threads: int) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait gain a third on an idle machine and lose half on one that is shared.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EngineError(f"onnxruntime does not take the model ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
