"""Small made-up corpora, a tokenizer learnt on two worlds, and tiny data sets: nothing is read from outside."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path

import pytest
from corpus_samples import WORLDS, WriteCorpus
from tokenizers import Tokenizer

from finetune.data.build import build_worlds, tokenizer_texts
from finetune.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer


@pytest.fixture
def write_corpus(tmp_path: Path) -> WriteCorpus:
    """Write rows (dicts, or lines as they are) as ``NAME.jsonl.xz``; returns the folder."""
    folder = tmp_path / "corpora"
    folder.mkdir()

    def write(name: str, rows: list[object]) -> Path:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return folder

    return write


@pytest.fixture(scope="session")
def two_worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two of the shipped worlds."""
    folder = tmp_path_factory.mktemp("worlds")
    for name in ("mystery-lamp-on-the-rock", "comedy-the-patient-baron"):
        shutil.copy(WORLDS / f"{name}.yaml", folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer_folder(two_worlds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer(tokenizer_texts(None, stories_a_world=5, worlds=two_worlds), 700), folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return load_tokenizer(tokenizer_folder)


@pytest.fixture(scope="session")
def worlds_data(two_worlds: Path, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two worlds with ``train`` and ``held`` in it."""
    folder = tmp_path_factory.mktemp("data") / "worlds"
    build_worlds(folder, tokenizer, stories=6, held=2, folder=two_worlds)
    return folder
