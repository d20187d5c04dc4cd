"""One tiny model and one engine for all engine tests; making them takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny

from agents.engines.embedded import EmbeddedEngine


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary Hugging Face folder, float32."""
    return tiny.make_folder(tmp_path_factory.mktemp("plain") / "hf")


@pytest.fixture(scope="session")
def packed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model packed, in slots style."""
    return tiny.make_packed(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="session", params=["float", "int8"])
def engine(request: pytest.FixtureRequest, packed_folder: Path) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(packed_folder, threads=1, compute=request.param)
    yield engine
    engine.close()
