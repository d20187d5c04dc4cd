"""``fabula export``: a story as a file that other programs open; the folder of a training run is handed on.

Invariant: what holds a run.json is a run, all else the id of a story; nothing of the training code is loaded for a story.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from planner import settings as setting
from planner.commands import common, train
from planner.commands.branches import BranchOption, head_of
from planner.export import files
from planner.export.book import Book, Wanted
from planner.export.branch import book_of
from planner.export.formats import BINARY, Format
from planner.export.formats import export as exported
from planner.session import MAIN
from planner.store import Library
from prompts.errors import InputError

Wish = typer.Option
RUN_FORMS = ("adapter", "merged", "embedded")  # what a run alone can be exported as


class StoryOrRun(TyperCommand):
    """Leaves the arguments unread where one of them is the folder of a training run, which has options of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        run = any((Path(argument) / "run.json").is_file() for argument in args if not argument.startswith("-"))
        form = any(argument.removeprefix("--to=") in RUN_FORMS for argument in args)
        if not run and not form:
            return super().parse_args(ctx, args)
        ctx.obj = StoryOrRun
        ctx.args = list(args)
        return list(args)

    def invoke(self, ctx: Any) -> Any:
        return train.export_run(ctx) if ctx.obj is StoryOrRun else super().invoke(ctx)


@common.handled
def export(
    story: Annotated[str, typer.Argument(help="The story's id or its first letters.", show_default=False)],
    to: Annotated[Format, Wish("--to", help="What kind of file.", show_default=False)],
    out: Annotated[
        str | None, Wish(help="The file, or - for stdout; else one named after the title.", show_default=False)
    ] = None,
    force: Annotated[bool, Wish("--force", help="Replace the file if it is there.")] = False,
    outline: Annotated[bool, Wish("--outline", help="Add the outline. JSON always holds it.")] = False,
    summary: Annotated[bool, Wish("--summary", help="Add the summary. JSON always holds it.")] = False,
    facts: Annotated[bool, Wish("--facts", help="Add what holds in the story's world. JSON always holds it.")] = False,
    branch: BranchOption = MAIN,
    library: common.LibraryOption = None,
) -> None:
    """Export a story as Markdown, text, HTML, EPUB, Word, PDF or JSON.

    In place of a story, the folder of a training run exports its model: fabula export RUN --help tells how.
    """
    if out == "-" and to in BINARY:
        raise InputError(f"--out - is for text; give {to} a file.")
    if out and out != "-":
        files.check_target(Path(out), force)
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        book = _book(shelf, story, branch, Wanted(outline, summary, facts))
    path = Path(out or f"{files.slug(book.title, book.origin.story)}.{to}")
    if out != "-":
        files.check_target(path, force)
    data, notes = exported(book, to)
    if out == "-":
        sys.stdout.buffer.write(data)
    else:
        files.write(path, data, force)
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")  # as the system knows it, so that $(fabula export ...) works
    sys.stdout.buffer.flush()
    for note in notes:
        print(note, file=sys.stderr)


def _book(shelf: Library, prefix: str, branch: str, wanted: Wanted) -> Book:
    row = shelf.story(prefix)
    head = head_of(shelf, row.id, branch)
    return book_of(shelf, row, branch, shelf.summary(head) if head else None, wanted)
