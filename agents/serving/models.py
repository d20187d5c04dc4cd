"""What is to be served, looked at before a server is started: a base model and at most one LoRA adapter for each role.

vLLM takes half a minute to find out that a folder is wrong, and then names another cause. Invariant: what ``base`` and
``adapter`` return can be loaded as far as its files tell, and every adapter fits the base in shape.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

from agents.engines import packed, tensorfile
from agents.engines.embedded import BUNDLED
from agents.engines.packed import json_object
from prompts.errors import InputError, ModelMissing

BUNDLED_NAME: Final = "fabula-small"
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_PICKLED: Final = (".bin", ".pt", ".pth")
# The input and output side of a layer's matrices, as keys of ``Base.sides``.
_SIDES: Final = {
    "q_proj": ("hidden", "query"), "k_proj": ("hidden", "key"), "v_proj": ("hidden", "key"), "o_proj": ("query", "hidden"),
    "gate_proj": ("hidden", "inner"), "up_proj": ("hidden", "inner"), "down_proj": ("inner", "hidden"),
}  # fmt: skip
_LORA: Final = re.compile(r"\.(?:layers|h)\.(\d+)\..*?(\w+)\.lora_([AB])(?:\.default)?\.weight$")


@dataclass(frozen=True)
class Base:
    """A model that vLLM can load: ``path`` a folder or a Hub id, ``name`` what clients call it.

    ``context`` is in tokens, 0 where it isn't known before loading; ``cache_bytes`` is what one token takes in the
    server's memory of prompts (bfloat16 keys and values of all layers), 0 likewise. ``sides`` holds the lengths of the
    sides of its matrices, as far as its config tells them.
    """

    path: str
    name: str
    local: bool
    context: int = 0
    cache_bytes: int = 0
    layers: int = 0
    sides: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: clients ask for the model ``role``. ``made_for`` is the base that its own config names."""

    role: str
    path: Path
    rank: int
    made_for: str


def base(wanted: str = "") -> Base:
    """The base model at a folder or a Hub id; empty: the bundled one, whose layout for vLLM is made on the way.

    Raises ``ModelMissing`` when the folder is not there or is not a whole model.
    """
    if not wanted:
        return _local(_unpacked(BUNDLED), BUNDLED_NAME)
    folder = Path(wanted).expanduser()
    if not folder.exists():
        if _HUB_ID.fullmatch(wanted):
            return Base(path=wanted, name=wanted, local=False)
        raise ModelMissing(f"--base {wanted}: there is no such folder; give a model's folder or its id on the Hub.")
    if not folder.is_dir():
        raise ModelMissing(f"--base {wanted} is a file; give the folder that holds the whole model.")
    folder = folder.absolute()
    if (folder / "fabula.json").is_file():
        return _local(_unpacked(folder), folder.name)
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ModelMissing(
                f"--base {wanted} is an adapter; give it as --generator or --summarizer, and its base model as --base."
            )
        raise ModelMissing(f"--base {wanted} has no config.json; give the folder that holds the whole model.")
    if not any(folder.glob("*.safetensors")):
        pickled = next((p.name for p in sorted(folder.iterdir()) if p.suffix in _PICKLED), "")
        why = f"only pickled weights ({pickled}), which can run code" if pickled else "no weights (*.safetensors)"
        raise ModelMissing(f"--base {wanted} holds {why}; give a folder with safetensors.")
    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
    ):
        raise ModelMissing(f"--base {wanted} has no tokenizer (tokenizer.json); copy the whole model folder.")
    return _local(folder, folder.name)


def adapter(role: str, wanted: str, to: Base) -> Adapter:
    """The adapter for ``role`` in a folder, checked against the base ``to``.

    Raises ``InputError`` when it is a whole model, and ``ModelMissing`` when it is no LoRA adapter or not one of that base.
    """
    folder = Path(wanted).expanduser().absolute()
    if not folder.is_dir():
        raise ModelMissing(f"--{role} {wanted}: there is no such folder; give the folder of a LoRA adapter.")
    if not (folder / "adapter_config.json").is_file():
        if (folder / "config.json").is_file():
            raise InputError(
                f"--{role} {wanted} is a whole model, and a server has one base: serve it with 'fabula serve --base "
                f'{wanted} --port 8001\' and send the role there with server = "http://127.0.0.1:8001/v1" under '
                f"[roles.{role}]."
            )
        raise ModelMissing(f"--{role} {wanted} has no adapter_config.json; give the folder of a LoRA adapter.")
    config = json_object(folder / "adapter_config.json")
    kind, rank = config.get("peft_type"), config.get("r")
    if kind != "LORA" or not isinstance(rank, int) or rank < 1:
        raise ModelMissing(f"--{role} {wanted} is an adapter of the kind {kind}; vLLM serves only LoRA adapters.")
    if config.get("use_dora"):
        raise ModelMissing(
            f"--{role} {wanted} is a DoRA adapter, which vLLM does not serve; merge it into its base model."
        )
    single = config.get("rank_pattern")  # modules with a rank of their own
    rank = max([rank, *(n for n in single.values() if isinstance(n, int))]) if isinstance(single, dict) else rank
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelMissing(f"--{role} {wanted} has no adapter_model.safetensors; save the adapter as safetensors.")
    found = Adapter(role, folder, rank, str(config.get("base_model_name_or_path") or ""))
    if odd := _misfit(weights, to):
        named = f", it was made for {found.made_for}" if found.made_for else ""
        raise ModelMissing(f"--{role} {wanted} does not fit {to.name}{named} ({odd}); name its own base with --base.")
    return found


def _local(folder: Path, name: str) -> Base:
    config = json_object(folder / "config.json")
    config = {**config, **(config.get("text_config") or {})}  # models that also see keep the text side there
    hidden, heads, layers = (_count(config, key) for key in ("hidden_size", "num_attention_heads", "num_hidden_layers"))
    head = _count(config, "head_dim") or (hidden // heads if heads else 0)
    key = (_count(config, "num_key_value_heads") or heads) * head
    sides = {"hidden": hidden, "query": heads * head, "key": key, "inner": _count(config, "intermediate_size")}
    return Base(
        path=str(folder), name=name, local=True, context=_count(config, "max_position_embeddings"),
        cache_bytes=2 * 2 * layers * key, layers=layers, sides=tuple((k, v) for k, v in sides.items() if v),
    )  # fmt: skip


def _count(config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _misfit(weights: Path, to: Base) -> str:
    """In what the adapter's matrices differ from the base's, empty where nothing is known to differ."""
    try:
        tensors = tensorfile.read(weights)
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{weights} cannot be read as safetensors ({error}); save the adapter again.") from error
    if not tensors:
        raise ModelMissing(f"{weights} holds no weights; save the adapter again.")
    lengths = dict(to.sides)
    for name, tensor in sorted(tensors.items()):
        match = _LORA.search(name)
        if not match:
            continue
        layer, module, matrix = int(match[1]), match[2], match[3]
        if to.layers and layer >= to.layers:
            return f"it has a layer {layer + 1} and the base has {to.layers}"
        if module not in _SIDES or tensor.data.ndim != 2:
            continue
        side, length = (
            (_SIDES[module][0], tensor.data.shape[1]) if matrix == "A" else (_SIDES[module][1], len(tensor.data))
        )
        if lengths.get(side, length) != length:
            return f"its {module} has {length} where the base has {lengths[side]}"
    return ""


def _unpacked(folder: Path) -> Path:
    """The Hugging Face form of a packed folder, made once in the platform's cache folder and only ever seen whole."""
    digest = hashlib.sha256()
    for name in ("fabula.json", "config.json", "tokenizer.json"):  # fabula.json holds the weights' own sums
        if not (folder / name).is_file():
            raise ModelMissing(f"{folder} has no {name}; copy the whole model folder.")
        digest.update((folder / name).read_bytes())
    shelf = platformdirs.user_cache_path("fabula") / "served"
    target = shelf / f"{folder.name}-{digest.hexdigest()[:12]}"
    if target.is_dir():
        return target
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=shelf))
    except OSError as error:
        raise InputError(
            f"The cache folder {shelf} cannot be written: {error.strerror}; make room or mend it."
        ) from error
    try:
        packed.unpack(folder, made)
        made.chmod(0o755)
        made.rename(target)
    except OSError as error:
        if not target.is_dir():  # else another process was quicker, and made the same
            raise InputError(
                f"The cache folder {shelf} cannot be written: {error.strerror}; make room or mend it."
            ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target
