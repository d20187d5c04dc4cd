"""``fabula list`` and ``fabula show``: what the library holds."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from planner import settings as setting
from planner.commands import common
from planner.commands.branches import BranchOption, head_of
from planner.display import MEASURE, genre_line, outline_table, premise_panel
from planner.harmless import as_json as in_json
from planner.harmless import harmless
from planner.manuscript import outline_markdown, to_json, to_markdown
from planner.session import MAIN, Manuscript, read_story
from planner.state import Summary
from planner.store import Library
from planner.world import fold, in_words
from prompts.errors import InputError
from prompts.safe import pictured

Flag = typer.Option


@common.handled
def list_(
    everything: Annotated[bool, Flag("--all", help="Archived and deleted stories as well.")] = False,
    library: common.LibraryOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """List the stories, newest first."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        stories = shelf.stories(hidden=everything)
        if as_json:
            print(in_json([story.model_dump(mode="json") for story in stories]))
            return
        if not stories:
            print('No stories yet. Begin one with: fabula write "a premise"')
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("id", "title", "genre", "paragraphs", "words", "state", "last written"):
            table.add_column(column, justify="right" if column in {"paragraphs", "words"} else "left", overflow="fold")
        for story in harmless(stories):
            state = ("complete" if story.done else "unfinished") if story.status == "open" else story.status
            written = story.updated[:16].replace("T", " ")
            table.add_row(
                f"[bold cyan]{story.id}[/]", Text(story.title), Text(story.genre), str(story.paragraphs),
                str(story.words), state, written,
            )  # fmt: skip
        Console().print(table)


@common.handled
def show(
    story: Annotated[str, typer.Argument(help="The story's id or its first letters.", show_default=False)],
    outline: Annotated[bool, Flag("--outline", help="The beats, who is on stage, what must change.")] = False,
    summary: Annotated[bool, Flag("--summary", help="The running summary, as the generator sees it.")] = False,
    world: Annotated[
        bool, Flag("--world", help="What holds in the story's world now, and the words it rests on.")
    ] = False,
    markdown: Annotated[bool, Flag("--md", help="Plain Markdown.")] = False,
    as_json: common.JsonOption = False,
    branch: BranchOption = MAIN,
    library: common.LibraryOption = None,
) -> None:
    """Show a story, or one side of its state."""
    if sum((outline, summary, world)) > 1:
        raise InputError("Choose one of --outline, --summary and --world.")
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story)
        head = head_of(shelf, row.id, branch)
        read = read_story(shelf, row, branch)
        if outline:
            _show_outline(read, markdown, as_json)
        elif summary:
            _show_summary(shelf.summary(head) if head else None, as_json)
        elif world:
            _show_world(shelf, read, head, as_json)
        elif as_json:
            print(in_json(to_json(read, shelf.summary(head) if head else None)))
        elif markdown or not Console().is_terminal:
            print(to_markdown(read), end="")
        else:
            _show_story(read)


def _show_story(read: Manuscript) -> None:
    console, read = Console(), harmless(read)
    if read.premise:
        console.print(premise_panel(read.premise))
    beats = read.outline.beats if read.outline else ()
    beat = -1
    for paragraph in read.paragraphs:
        if paragraph.beat != beat and paragraph.beat < len(beats):
            beat = paragraph.beat
            console.print(Text(f"  {beats[beat].label}", style="dim cyan"))
        console.print(Padding(Text(paragraph.text), (0, 0, 1, 2)), width=min(MEASURE, console.width))
    state = "The end." if read.done else f"Unfinished. Go on with: fabula continue {read.story.id}"
    genre = genre_line(read.premise) if read.premise else ""
    console.print(Text(f"  {state} {read.words} words. {genre}. Seed {read.story.seed}.", style="dim"))


def _show_outline(read: Manuscript, markdown: bool, as_json: bool) -> None:
    if not read.outline or not read.premise:
        print(f"The story has no outline yet. Go on with: fabula continue {read.story.id}")
    elif as_json:
        print(in_json(read.outline.model_dump(mode="json")))
    elif markdown or not Console().is_terminal:
        print(outline_markdown(read.outline, read.premise), end="")
    else:
        console, told = Console(), harmless((read.premise, read.outline))
        console.print(Text(f"{told[0].title}: {told[1].arc}", style="bold"))
        console.print(outline_table(list(told[1].beats)))


def _show_summary(summary: Summary | None, as_json: bool) -> None:
    if as_json:
        print(in_json(summary.model_dump(mode="json")) if summary else "null")
    else:
        Console(width=min(MEASURE, Console().width)).print(
            Text(pictured(summary.text) if summary else "(nothing to sum up yet)")
        )


def _show_world(shelf: Library, read: Manuscript, head: str | None, as_json: bool) -> None:
    """The world is folded from the facts anew, so what is shown is what the paragraphs say."""
    facts = shelf.facts(head)
    now = sorted(fold((*facts, *shelf.pinned(read.story.id))), key=lambda fact: (fact.subject, fact.paragraph))
    if as_json:
        print(in_json([fact.model_dump(mode="json") for fact in now]))
        return
    if not now:
        print("No facts yet.")
        return
    names = {entity.id: pictured(entity.name) for entity in read.premise.entities} if read.premise else {}
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("holds now", "since paragraph", "because"):
        table.add_column(column, justify="right" if column == "since paragraph" else "left")
    for fact in harmless(now):
        since = "pinned" if fact.pinned else str(fact.paragraph + 1)
        table.add_row(Text(in_words(fact, names)), since, Text(f'"{fact.quote}"', style="dim"))
    Console().print(table)
