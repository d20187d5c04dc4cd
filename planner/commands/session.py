"""``fabula session``: the writing room, or line by line with ``--plain``."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agents.brief import Brief, make_brief
from planner import routing
from planner import settings as setting
from planner.arc import load_shape
from planner.commands import common
from planner.plain import Plain
from planner.role_engines import close_engines
from planner.session import begin, open_story
from planner.store import Library, StoryRow
from prompts.errors import InputError

Wish = typer.Option


@common.handled
def session(
    story: Annotated[
        str, typer.Argument(help="A story's id or its first letters, or a premise.", show_default=False)
    ] = "",
    plain: Annotated[bool, Wish("--plain", help="Line by line, for screen readers and pipes.")] = False,
    genre: Annotated[str, Wish(help="Of a new story; detected when not given.")] = "",
    character: Annotated[list[str] | None, Wish(help='"Name: trait, a role, wants ..."; up to 4.')] = None,
    setting_: Annotated[str, Wish("--setting", help="Where a new story takes place.")] = "",
    arc: Annotated[str | None, Wish(help="Arc shape, or a YAML file with your own.", show_default=False)] = None,
    paragraphs: Annotated[int | None, Wish(help="Length of a new story.", show_default=False)] = None,
    seed: Annotated[int | None, Wish(help="Same premise and seed, same story.", show_default=False)] = None,
    engine: common.EngineOption = None,
    model: common.ModelOption = None,
    server: common.ServerOption = None,
    library: common.LibraryOption = None,
) -> None:
    """Write a story together with the model, a paragraph at a time."""
    flags: dict[str, Any] = {"engine": engine, "model": model, "server": server, "library": library}
    loaded = setting.load(flags | {"write.arc": arc, "write.paragraphs": paragraphs}).settings
    if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError("The writing room needs a terminal; use --plain here, or fabula write.")
    with common.open_library(loaded) as shelf:

        def engines_for(row: StoryRow) -> dict[Any, Any]:
            begun, kept = row.options.get("engine"), {} if engine or model else shelf.role_changes(row.id)
            if isinstance(begun, dict) and not engine:  # what the story was begun with, unless a flag says otherwise
                today = setting.load(flags, story=routing.remembered(begun, loaded)).settings
                return common.open_engines(today, kept)
            return common.open_engines(loaded, kept)

        def start(brief: Brief) -> StoryRow:
            chosen = secrets.randbelow(2**31) if seed is None else seed
            return begin(shelf, brief, chosen, common.write_settings(loaded), routing.note(loaded))

        def wanted(said: str) -> tuple[StoryRow | None, bool]:
            """The story that is meant, and whether it was begun just now: an id is one word, a premise has several."""
            if len(said.split()) < 2:
                return shelf.story(said) if said.strip() else None, False
            shape = loaded.write.arc
            load_shape(shape)
            if Path(shape).suffix in {".yaml", ".yml"}:  # so that the story can be opened from another folder
                shape = str(Path(shape).absolute())
            brief = make_brief(
                logline=said, genre=genre, characters=tuple(character or ()), setting=setting_, arc=shape,
                paragraphs=loaded.write.paragraphs,
            )  # fmt: skip
            return start(brief), True

        if plain:
            talker = Plain()
            row, new = wanted(story or talker.choose(shelf))
            if row:
                _talk(talker, shelf, row, engines_for(row), new)
            return

        from planner.tui.app import FabulaApp
        from planner.tui.teller import Studio

        row, new = wanted(story)
        studio = Studio(shelf, engines_for, start, arc=loaded.write.arc, paragraphs=loaded.write.paragraphs)
        FabulaApp(studio, row, write=new).run()


def _talk(talker: Plain, shelf: Library, row: StoryRow, engines: dict[Any, Any], new: bool) -> None:
    """The plain session. A script's exit code is 2 when a line could not be obeyed, 130 when it was interrupted."""
    try:
        with open_story(shelf, row, engines, listen=talker.listen, branch=shelf.latest_branch(row.id)) as opened:
            talker.talk(opened, new)
    except KeyboardInterrupt:
        talker.say(f"Stopped. Everything is kept. Go on with: fabula session {row.id} --plain")
        raise typer.Exit(130) from None
    finally:
        close_engines(engines)
    if talker.failed and not talker.terminal:
        raise typer.Exit(2)
