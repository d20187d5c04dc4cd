"""A fresh library for each test of the writing room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.store import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as opened:
        yield opened
