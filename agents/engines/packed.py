"""The weight format that Fabula ships, MXINT8, and the two ways out of it: an engine's tensors and a Hugging Face
folder.

Every matrix is stored as int8 values ``q`` in [-127, 127] with one power-of-two scale for each 32 values along its
input side: ``w = q * 2**e``. A value needs seven bits of magnitude and a bfloat16 has eight, so the bfloat16 layout
that transformers and vLLM load follows from the packed one exactly. Invariant: ``unpack(pack(x))`` holds the very
numbers that the embedded engine computes with, and packing it again gives the same numbers. Nothing is ever unpickled.

A packed folder: ``config.json`` (a Hugging Face ``LlamaConfig``), ``tokenizer.json``, ``fabula.json`` (version, style
and the parts' SHA-256), and parts of less than 16 MiB. A matrix is ``NAME.q`` and ``NAME.e``; rows that don't fit into
one part go on under the same name in the next. Vectors are bfloat16.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.engines import tensorfile
from agents.engines.base import Style
from agents.engines.llama import Config, config_of
from agents.engines.tensorfile import Tensor
from prompts.control import END, PAD
from prompts.errors import EngineError, ModelMissing

BLOCK: Final = 32
VERSION: Final = 1
_PART_BYTES: Final = 15 << 20
_CARD: Final = "fabula.json"
_PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True)
class Matrix:
    """A weight matrix: ``q`` int8 [out, in] and ``e`` int8 [out, in / 32]."""

    q: NDArray[np.int8]
    e: NDArray[np.int8]

    def scales(self) -> NDArray[np.float32]:
        """``2**e``, float32 [out, in / 32]."""
        return np.ldexp(np.float32(1), self.e.astype(np.int32)).astype(np.float32)

    def floats(self) -> NDArray[np.float32]:
        """The values, float32 [out, in], exact."""
        rows, columns = self.q.shape
        blocks = self.q.reshape(rows, -1, BLOCK).astype(np.float32)
        blocks *= self.scales()[:, :, None]
        return blocks.reshape(rows, columns)


@dataclass(frozen=True)
class Model:
    """A model in memory: its shape, its weights by Hugging Face name, how it writes, and a name for the journal."""

    config: Config
    matrices: dict[str, Matrix]
    vectors: dict[str, NDArray[np.float32]]
    style: Style
    name: str


def quantize(values: NDArray[np.float32], name: str = "a matrix") -> Matrix:
    """The nearest MXINT8 matrix, each block at the smallest exponent that holds its largest value."""
    if values.ndim != 2 or values.shape[1] % BLOCK:
        raise EngineError(f"{name} has shape {list(values.shape)}, and its second side must be a multiple of {BLOCK}.")
    if not np.isfinite(values).all():
        raise EngineError(f"{name} holds values that are not finite numbers; train or save the model again.")
    blocks = values.astype(np.float32).reshape(values.shape[0], -1, BLOCK)
    peak = np.abs(blocks).max(axis=2)
    e = np.frexp(peak)[1] - 7  # peak / 2**e lies in [64, 128)
    e = np.where(np.rint(np.ldexp(peak, -e)) > 127, e + 1, e)
    e = np.where(peak == 0, 0, np.clip(e, -126, 121))
    q = np.clip(np.rint(np.ldexp(blocks, -e[:, :, None])), -127, 127).astype(np.int8)
    return Matrix(q.reshape(values.shape), e.astype(np.int8))


def read(folder: Path) -> Model:
    """The model of a packed folder, or of an ordinary Hugging Face Llama folder, which is packed on the way in."""
    config = _config(folder)
    card = _card(folder)
    if card is None:
        matrices, vectors, name = *_split(_plain_tensors(folder)), folder.name
    else:
        matrices, vectors, name = _packed_tensors(folder, card)
    matrices = {n: matrices[n] for n in config.matrices() if n in matrices}
    vectors = {n: vectors[n] for n in config.vectors() if n in vectors}
    model = Model(config, matrices, vectors, card["style"] if card else "plain", name)
    _check_shapes(model, folder)
    return model


def pack(source: Path, target: Path, style: Style = "plain") -> Path:
    """Write the packed form of a Hugging Face folder (or of a packed one) into ``target``, which is made if need be."""
    model = read(source)
    _need(source, "tokenizer.json")
    target.mkdir(parents=True, exist_ok=True)
    for old in (*target.glob("weights-*.safetensors"), target / _CARD):
        old.unlink(missing_ok=True)
    parts = list(_parts(model))
    sums = {}
    for index, part in enumerate(parts, 1):
        path = target / f"weights-{index:05}-of-{len(parts):05}.safetensors"
        tensorfile.write(path, part)
        sums[path.name] = _sha256(path)
    _dump(target / "config.json", _hf_config(source))
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    _dump(target / _CARD, {"version": VERSION, "style": style, "parts": sums})
    return target


def unpack(source: Path, target: Path) -> Path:
    """Write the exact bfloat16 Hugging Face form of ``source`` into ``target``, for transformers and vLLM."""
    model = read(source)
    _need(source, "tokenizer.json")
    target.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensorfile.bfloat16(matrix.floats()) for name, matrix in model.matrices.items()}
    tensors |= {name: tensorfile.bfloat16(vector) for name, vector in model.vectors.items()}
    tensorfile.write(target / "model.safetensors", tensors, {"format": "pt"})
    _dump(target / "config.json", _hf_config(source))
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    _dump(target / "tokenizer_config.json", _tokenizer_config(source, model.config))
    config = model.config
    ids = {"eos_token_id": list(config.eos) or None, "pad_token_id": config.pad, "bos_token_id": config.bos}
    _dump(target / "generation_config.json", {"do_sample": True, **{k: v for k, v in ids.items() if v is not None}})
    return target


def _hf_config(source: Path) -> dict[str, Any]:
    raw = {key: value for key, value in json_object(source / "config.json").items() if key != "torch_dtype"}
    return {**raw, "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16"}


def _tokenizer_config(source: Path, config: Config) -> dict[str, Any]:
    added = json.loads((source / "tokenizer.json").read_text("utf-8")).get("added_tokens") or []
    by_id = {token["id"]: token["content"] for token in added}
    known = set(by_id.values())
    eos = next((by_id[i] for i in config.eos if i in by_id), END if END in known else None)
    pad = by_id.get(-1 if config.pad is None else config.pad, PAD if PAD in known else None)
    named = {"eos_token": eos, "pad_token": pad, "bos_token": by_id.get(-1 if config.bos is None else config.bos)}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.context,
        "clean_up_tokenization_spaces": False,
        **{key: token for key, token in named.items() if token is not None},
    }


def _parts(model: Model) -> Iterator[dict[str, Tensor]]:
    """The tensors in files of less than 16 MiB, in a fixed order."""
    part: dict[str, Tensor] = {name: tensorfile.bfloat16(vector) for name, vector in sorted(model.vectors.items())}
    size = sum(tensor.data.nbytes for tensor in part.values())
    for name, matrix in sorted(model.matrices.items()):
        row_bytes = matrix.q.shape[1] + matrix.e.shape[1]
        start = 0
        while start < len(matrix.q):
            rows = min(len(matrix.q) - start, (_PART_BYTES - size) // row_bytes)
            if rows > 0:
                part[f"{name}.q"] = tensorfile.int8(matrix.q[start : start + rows])
                part[f"{name}.e"] = tensorfile.int8(matrix.e[start : start + rows])
                start, size = start + rows, size + rows * row_bytes
            if start < len(matrix.q):
                yield part
                part, size = {}, 0
    yield part


def _packed_tensors(
    folder: Path, card: dict[str, Any]
) -> tuple[dict[str, Matrix], dict[str, NDArray[np.float32]], str]:
    pieces: dict[str, list[Tensor]] = {}
    for part, expected in sorted(card["parts"].items()):
        path = _need(folder, part)
        if _sha256(path) != expected:
            raise ModelMissing(f"{path} is damaged (its SHA-256 is not the one in {_CARD}); fetch the model again.")
        for name, tensor in _tensors(path).items():
            pieces.setdefault(name, []).append(tensor)
    joined = {name: np.concatenate([t.data for t in tensors]) for name, tensors in pieces.items() if name[-2:] in _QE}
    vectors = {name: tensors[0].floats() for name, tensors in pieces.items() if name[-2:] not in _QE}
    names = [name[:-2] for name in joined if name.endswith(".q")]
    if any(f"{name}.e" not in joined for name in names):
        raise ModelMissing(f"{folder} holds a matrix without its scales; fetch the model again.")
    matrices = {name: Matrix(joined[f"{name}.q"], joined[f"{name}.e"]) for name in names}
    digest = hashlib.sha256("".join(card["parts"][part] for part in sorted(card["parts"])).encode()).hexdigest()
    return matrices, vectors, f"{folder.name}@{digest[:8]}"


_QE: Final = (".q", ".e")


def _plain_tensors(folder: Path) -> dict[str, Tensor]:
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        pickled = sorted(p.name for p in folder.iterdir() if p.suffix in _PICKLED)
        if pickled:
            raise ModelMissing(
                f"{folder} holds only pickled weights ({pickled[0]}), which Fabula never opens because they can run "
                "code; save the model as safetensors."
            )
        raise ModelMissing(f"{folder} holds no weights (*.safetensors); point to a folder with a whole Llama model.")
    return {name: tensor for path in paths for name, tensor in _tensors(path).items()}


def _split(tensors: dict[str, Tensor]) -> tuple[dict[str, Matrix], dict[str, NDArray[np.float32]]]:
    matrices = {n: quantize(t.floats(), n) for n, t in tensors.items() if t.data.ndim == 2}
    # The packed format holds vectors as bfloat16, so both ways in give the same numbers.
    vectors = {n: tensorfile.bfloat16(t.floats()).floats() for n, t in tensors.items() if t.data.ndim == 1}
    return matrices, vectors


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return tensorfile.read(path)
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{path} cannot be read as safetensors ({error}); fetch the model again.") from error


def _check_shapes(model: Model, folder: Path) -> None:
    for name, shape in model.config.matrices().items():
        found = model.matrices.get(name)
        if found is None or found.q.shape != shape or found.e.shape != (shape[0], shape[1] // BLOCK):
            what = "is missing" if found is None else f"has shape {list(found.q.shape)} instead of {list(shape)}"
            raise ModelMissing(f"{folder}: the matrix {name} {what}; its weights do not belong to its config.json.")
    for name in model.config.vectors():
        if name not in model.vectors or model.vectors[name].shape != (model.config.hidden,):
            raise ModelMissing(f"{folder}: the vector {name} is missing or too short; fetch the model again.")


def _config(folder: Path) -> Config:
    if not folder.is_dir():
        raise ModelMissing(f"{folder} is not a folder; give the folder of a packed or Hugging Face Llama model.")
    return config_of(json_object(_need(folder, "config.json")), folder)


def _card(folder: Path) -> dict[str, Any] | None:
    if not (folder / _CARD).is_file():
        return None
    card = json_object(folder / _CARD)
    if card.get("version") != VERSION:
        raise ModelMissing(f"{folder / _CARD} has format {card.get('version')}, not {VERSION}; update Fabula.")
    parts = card.get("parts")
    if card.get("style") not in ("slots", "plain") or not isinstance(parts, dict) or not parts:
        raise ModelMissing(f"{folder / _CARD} names no style or no parts; fetch the model again.")
    if any(Path(name).name != name for name in parts):
        raise ModelMissing(f"{folder / _CARD} names parts outside its folder; fetch the model again.")
    return card


def _need(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ModelMissing(f"{folder} has no {name}; copy the whole model folder.")
    return folder / name


def json_object(path: Path) -> dict[str, Any]:
    """The object in a model's JSON file. Raises ``ModelMissing`` when it is not to be read or holds something else."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{path} is not readable JSON ({error}); fetch the model again.") from error
    if not isinstance(value, dict):
        raise ModelMissing(f"{path} is not a JSON object; fetch the model again.")
    return value


def _dump(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
