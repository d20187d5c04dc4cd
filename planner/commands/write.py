"""``fabula write`` and ``fabula continue``: from a premise to a story, and on from where it stopped."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agents.brief import make_brief
from agents.engines.metrics import Meter
from planner import routing
from planner import settings as setting
from planner.arc import load_shape
from planner.commands import common
from planner.display import LiveDisplay
from planner.harmless import as_json as in_json
from planner.harmless import harmless
from planner.manuscript import to_json, to_markdown
from planner.role_engines import close_engines
from planner.session import MAIN, begin, open_story, read_story
from planner.state import PointOfView, Tense
from planner.store import Library, StoryRow
from prompts.errors import InputError
from prompts.safe import pictured

Wish = typer.Option


@common.handled
def write(
    premise: Annotated[str, typer.Argument(help="What the story is about, in a sentence or two.", show_default=False)],
    genre: Annotated[str, Wish(help="Detected from the premise when not given.")] = "",
    tone: Annotated[str, Wish(help="For example: eerie, warm, dry.")] = "",
    title: Annotated[str, Wish(help="Found by the model when not given.")] = "",
    character: Annotated[list[str] | None, Wish(help='"Name: trait, trait, a role, she, wants ..."; up to 4.')] = None,
    setting_: Annotated[str, Wish("--setting", help="Where the story takes place.")] = "",
    plot: Annotated[list[str] | None, Wish(help="Something that should happen; may be repeated.")] = None,
    avoid: Annotated[list[str] | None, Wish(help="Something to keep out; may be repeated.")] = None,
    pov: Annotated[PointOfView, Wish(help="Point of view.")] = PointOfView.THIRD,
    tense: Annotated[Tense, Wish(help="Tense of the telling.")] = Tense.PAST,
    arc: Annotated[str | None, Wish(help="Arc shape, or a YAML file with your own.", show_default=False)] = None,
    paragraphs: Annotated[int | None, Wish(help="Length of the story.", show_default=False)] = None,
    seed: Annotated[int | None, Wish(help="Same premise and seed, same story.", show_default=False)] = None,
    n: Annotated[int | None, Wish("--n", help="Candidates for each paragraph.", show_default=False)] = None,
    temperature: Annotated[float | None, Wish(help="Sampling temperature.", show_default=False)] = None,
    engine: common.EngineOption = None,
    model: common.ModelOption = None,
    server: common.ServerOption = None,
    library: common.LibraryOption = None,
    out: Annotated[
        Path | None, Wish(help="Write the finished story to this Markdown file.", show_default=False)
    ] = None,
    as_json: common.JsonOption = False,
    quiet: common.QuietOption = False,
) -> None:
    """Plan and write a story from a premise."""
    loaded = setting.load(
        {"engine": engine, "model": model, "server": server, "library": library, "write.arc": arc,
         "write.paragraphs": paragraphs, "write.n": n, "write.temperature": temperature}
    ).settings  # fmt: skip
    brief = make_brief(
        logline=premise, genre=genre, tone=tone, title=title, characters=tuple(character or ()), setting=setting_,
        plot=tuple(plot or ()), avoid=tuple(avoid or ()), point_of_view=pov, tense=tense, arc=loaded.write.arc,
        paragraphs=loaded.write.paragraphs,
    )  # fmt: skip
    load_shape(brief.arc)
    if Path(brief.arc).suffix in {".yaml", ".yml"}:  # so that the story can be continued from another folder
        brief = brief.model_copy(update={"arc": str(Path(brief.arc).absolute())})
    _writable(out)
    with common.open_library(loaded) as shelf:
        engines = common.open_engines(loaded)
        chosen = seed if seed is not None else secrets.randbelow(2**31)
        row = begin(shelf, brief, chosen, common.write_settings(loaded), routing.note(loaded))
        _run(shelf, row, engines, out, as_json, quiet)


@common.handled
def continue_(
    story: Annotated[str, typer.Argument(help="The story's id or its first letters.", show_default=False)],
    reroute: Annotated[
        bool, Wish("--reroute", help="With the engines of today's settings, not those that it was begun with.")
    ] = False,
    engine: common.EngineOption = None,
    model: common.ModelOption = None,
    server: common.ServerOption = None,
    library: common.LibraryOption = None,
    out: Annotated[
        Path | None, Wish(help="Write the finished story to this Markdown file.", show_default=False)
    ] = None,
    as_json: common.JsonOption = False,
    quiet: common.QuietOption = False,
) -> None:
    """Go on with a story that was stopped, at the step where it stopped."""
    flags: dict[str, Any] = {"engine": engine, "model": model, "server": server, "library": library}
    _writable(out)
    loaded = setting.load(flags).settings
    with common.open_library(loaded) as shelf:
        row = shelf.story(story)
        begun = row.options.get("engine")
        if isinstance(begun, dict) and not engine and not reroute:  # what the story was begun with; flags win over it
            loaded = setting.load(flags, story=routing.remembered(begun, loaded)).settings
        kept = {} if engine or model or reroute else shelf.role_changes(row.id)
        _run(shelf, row, common.open_engines(loaded, kept), out, as_json, quiet)


def _run(
    shelf: Library,
    row: StoryRow,
    engines: dict[Any, Any],
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    display = common.display_for(quiet, as_json)
    before = read_story(shelf, row)
    meter = Meter(() if quiet or as_json else common.addresses(engines))
    try:
        with open_story(shelf, row, engines, listen=display.listen) as session, display:
            told = harmless(before)
            if isinstance(display, LiveDisplay) and told.premise and told.outline:
                display.resume(told.premise, told.outline.beats, [p.text for p in told.paragraphs])
            common.write_all(session)
    except common.Stopped as stopped:
        raise common.say_stopped(stopped, shelf) from None
    finally:
        close_engines(engines)
    after = read_story(shelf, row)
    if out:
        _save(out, to_markdown(after))
    if as_json:
        head = shelf.head(row.id, MAIN)
        print(in_json(to_json(after, shelf.summary(head) if head else None)))
    elif not quiet:
        where = escape(f", written to {out}") if out else ""
        cached = f", {said}" if (said := meter.says()) else ""
        note = "already complete" if before.done else "complete"
        Console(stderr=True, soft_wrap=True).print(
            f"[bold]{escape(pictured(after.title))}[/] is {note}: {len(after.paragraphs)} paragraphs, {after.words} words, seed "
            f"{row.seed}{cached}{where}. Read it again with: [bold]fabula show {row.id}[/]", highlight=False,
        )  # fmt: skip


def _writable(out: Path | None) -> None:
    """Find out before the writing, not after it, that the file cannot be written."""
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"--out {out} is a folder; name a file in it.")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: the folder {out.absolute().parent} does not exist; make it first.")


def _save(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--out {out} cannot be written: {error.strerror}; the story is kept in the library."
        ) from error
