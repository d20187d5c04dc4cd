"""No test sees the settings, the library or the working folder of whoever runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

KEPT = {"FABULA_TEST_POSTGRES", "FABULA_TEST_VLLM"}
TERMINAL = {"FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"}


@pytest.fixture(autouse=True)
def a_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Home, data and settings lie in the test's own folder; no variable of Fabula's is set."""
    for name in list(os.environ):
        ours = name.startswith(("FABULA_", "SCRIPTED_", "XDG_")) or name in TERMINAL
        if ours and name not in KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for kind in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "xdg" / kind.lower()))
    monkeypatch.chdir(tmp_path)
