"""``fabula session``: the writing room, or line by line with ``--plain``."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated, Any

import typer

from agents.brief import Brief, make_brief
from planner import routing
from planner import settings as setting
from planner.commands import common
from planner.session import begin
from planner.settings import Settings
from planner.store import Library, StoryRow
from prompts.errors import InputError


@common.handled
def session(
    story: Annotated[
        str, typer.Argument(help="A story's id or its first letters, or a premise.", show_default=False)
    ] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Line by line, for screen readers and pipes.")] = False,
    engine: common.EngineOption = None,
    model: common.ModelOption = None,
    server: common.ServerOption = None,
    library: common.LibraryOption = None,
) -> None:
    """Write a story together with the model, a paragraph at a time."""
    flags: dict[str, Any] = {"engine": engine, "model": model, "server": server, "library": library}
    loaded = setting.load(flags).settings
    if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("The writing room needs a terminal; use --plain here, or fabula write.")
    with common.open_library(loaded) as shelf:

        def engines_for(row: StoryRow) -> dict[Any, Any]:
            begun = row.options.get("engine")
            if isinstance(begun, dict) and not engine:  # what the story was begun with, unless a flag says otherwise
                return common.open_engines(setting.load(flags, story=routing.remembered(begun, loaded)).settings)
            return common.open_engines(loaded)

        def start(brief: Brief) -> StoryRow:
            return begin(shelf, brief, secrets.randbelow(2**31), common.write_settings(loaded), routing.note(loaded))

        from planner.tui.app import FabulaApp
        from planner.tui.teller import Studio

        row, new = _wanted(shelf, story, start, loaded)
        studio = Studio(shelf, engines_for, start, arc=loaded.write.arc, paragraphs=loaded.write.paragraphs)
        FabulaApp(studio, row, write=new).run()


def _wanted(shelf: Library, said: str, start: Any, loaded: Settings) -> tuple[StoryRow | None, bool]:
    """The story that is meant, and whether it was begun just now: an id is one word, a premise has several."""
    if not said.strip():
        return None, False
    if len(said.split()) == 1:
        return shelf.story(said), False
    brief = make_brief(logline=said, arc=loaded.write.arc, paragraphs=loaded.write.paragraphs)
    return start(brief), True
