"""Tensors on disk in the safetensors layout: eight bytes of length, a JSON header, then the bytes of each tensor.

Read and written here because numpy has no bfloat16, which the library's numpy side therefore refuses. Invariant: a
file that does not describe itself exactly (a span outside the data, a size that doesn't fit its shape) is refused, and
nothing in a file is ever executed. bfloat16 travels as the upper half of a float32.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_STORED: Final[dict[str, str]] = {"BF16": "<u2", "F16": "<f2", "F32": "<f4", "I8": "|i1"}
_MAX_HEADER: Final = 100 << 20


@dataclass(frozen=True)
class Tensor:
    """``data`` as stored: BF16 as uint16 bit patterns, every other kind as numpy's own type."""

    kind: str
    data: NDArray[Any]

    def floats(self) -> NDArray[np.float32]:
        """The values as float32, exactly."""
        if self.kind == "BF16":
            return (self.data.astype(np.uint32) << np.uint32(16)).view(np.float32)
        return self.data.astype(np.float32)


def bfloat16(values: NDArray[np.float32]) -> Tensor:
    """``values`` rounded to the nearest bfloat16, ties to even; they must be finite."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
    return Tensor("BF16", rounded.astype(np.uint16))


def int8(values: NDArray[np.int8]) -> Tensor:
    return Tensor("I8", values)


def read(path: Path) -> dict[str, Tensor]:
    """Map the file; tensors are read-only views. ``ValueError`` when it is not a whole safetensors file."""
    if path.stat().st_size < 8:
        raise ValueError("the file is cut short")
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    length = int(raw[:8].view("<u8")[0])
    if length > min(_MAX_HEADER, raw.size - 8):
        raise ValueError("the file is cut short")
    header = json.loads(raw[8 : 8 + length].tobytes())
    if not isinstance(header, dict):
        raise ValueError("the header is not an object")
    body = raw[8 + length :]
    return {name: _tensor(body, entry) for name, entry in header.items() if name != "__metadata__"}


def _tensor(body: NDArray[np.uint8], entry: Any) -> Tensor:
    try:
        kind, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        stored = np.dtype(_STORED[kind])
        fits = 0 <= start <= end <= body.size and end - start == math.prod(shape) * stored.itemsize
        if not fits or any(n < 0 for n in shape):
            raise ValueError("a tensor's span does not fit its shape")
        return Tensor(kind, np.frombuffer(body[start:end].tobytes(), stored).reshape(shape))
    except (KeyError, TypeError) as error:
        raise ValueError(f"the header has an entry that is not a known tensor ({error!r})") from error


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write ``tensors`` in the order given; equal input gives an equal file."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    offset = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": tensor.kind,
            "shape": list(tensor.data.shape),
            "data_offsets": [offset, offset + tensor.data.nbytes],
        }
        offset += tensor.data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor.data, dtype=_STORED[tensor.kind]).tobytes())
