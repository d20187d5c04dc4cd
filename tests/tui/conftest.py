"""A fresh library for each test of the writing room, and what the tests that press every key are played with."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from every_key import MORE, Given
from playing import story_of

from agents.brief import Brief
from agents.engines.base import Engine
from agents.engines.embedded import BUNDLED, EmbeddedEngine
from agents.engines.scripted import ScriptedEngine
from planner.context import ROLES
from planner.role_engines import RoleEngines
from planner.routing import Route
from planner.store import Library, StoryRow
from planner.tui.teller import Studio


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db") as opened:
        yield opened


@pytest.fixture(params=["scripted", pytest.param("embedded", marks=pytest.mark.model)])
def given(request: pytest.FixtureRequest, library: Library, tmp_path: Path) -> Given:
    """A studio whose roles can be given other models, as ``fabula session`` gives them."""
    name = str(request.param)
    other = "another"
    if name == "embedded":
        other = str(shutil.copytree(BUNDLED, tmp_path / "another"))

    def open_route(way: Route) -> Engine:
        if name == "scripted":
            return ScriptedEngine(model=way.model or "first")
        return EmbeddedEngine(Path(way.model) if way.model else None, threads=1)

    def engines_for(story: StoryRow) -> RoleEngines:
        return RoleEngines(dict.fromkeys(ROLES, Route(name, "")), open_route, library.role_changes(story.id))

    def begin(brief: Brief) -> StoryRow:
        return story_of(library, brief)

    return Given(name, other, Studio(library, engines_for, begin))


@pytest.fixture
def an_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An editor that adds a sentence."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        f"file.write_text(file.read_text(encoding='utf-8') + {' ' + MORE!r}, encoding='utf-8')\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
