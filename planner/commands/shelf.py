"""``fabula rename``, ``archive``, ``delete`` and ``restore``: what a person does with a story as a whole.

Nothing is ever removed, so each says how it is taken back.
"""

from __future__ import annotations

from typing import Annotated

import typer

from planner import settings as setting
from planner.commands import common
from planner.export.clean import line
from planner.session import read_story
from planner.store import Library, StoryRow

Story = Annotated[str, typer.Argument(help="The story's id or its first letters.", show_default=False)]


@common.handled
def rename(
    story: Story,
    title: Annotated[str, typer.Argument(help='The new title; "" gives back the first one.', show_default=False)],
    library: common.LibraryOption = None,
) -> None:
    """Give a story another title."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story)
        shelf.rename(row.id, title)
        print(f"{row.id} is called {_title(shelf, row)} now.")


@common.handled
def archive(story: Story, library: common.LibraryOption = None) -> None:
    """Leave a story out of the list; it can be read and written as before."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story)
        shelf.archive(row.id)
        print(f"{_title(shelf, row)} is archived. Bring it back with: fabula restore {row.id}")


@common.handled
def delete(story: Story, library: common.LibraryOption = None) -> None:
    """Delete a story; it can be restored."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story)
        shelf.delete(row.id)
        print(f"{_title(shelf, row)} is deleted. Bring it back with: fabula restore {row.id}")


@common.handled
def restore(story: Story, library: common.LibraryOption = None) -> None:
    """Bring back a story that was archived or deleted."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story, deleted=True)
        shelf.restore(row.id)
        print(f"{_title(shelf, row)} is back. Go on with: fabula continue {row.id}")


def _title(shelf: Library, row: StoryRow) -> str:
    return line(read_story(shelf, row).title)
