"""``fabula rename``, ``archive``, ``delete`` and ``restore``: what a person does with a story as a whole.

Nothing is ever removed, so each says how it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

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
    done = _done(story, library, lambda shelf, row: shelf.rename(row.id, title))
    print(f"{done.id} is called {done.title} now.")


@common.handled
def archive(story: Story, library: common.LibraryOption = None) -> None:
    """Leave a story out of the list; it can be read and written as before."""
    done = _done(story, library, lambda shelf, row: shelf.archive(row.id))
    print(f"{done.title} is archived. Bring it back with: fabula restore {done.id}")


@common.handled
def delete(story: Story, library: common.LibraryOption = None) -> None:
    """Delete a story; it can be restored."""
    done = _done(story, library, lambda shelf, row: shelf.delete(row.id))
    print(f"{done.title} is deleted. Bring it back with: fabula restore {done.id}")


@common.handled
def restore(story: Story, library: common.LibraryOption = None) -> None:
    """Bring back a story that was archived or deleted."""
    done = _done(story, library, lambda shelf, row: shelf.restore(row.id), deleted=True)
    print(f"{done.title} is back. Go on with: fabula continue {done.id}")


class _Done(NamedTuple):
    """A story that something was done with, and what it is called now."""

    id: str
    title: str


def _done(
    story: str, library: str | None, act: Callable[[Library, StoryRow], object], *, deleted: bool = False
) -> _Done:
    """Find a story, a deleted one too where ``deleted`` says so, and do ``act`` with it."""
    with common.open_library(setting.load({"library": library}).settings) as shelf:
        row = shelf.story(story, deleted=deleted)
        act(shelf, row)
        return _Done(row.id, line(read_story(shelf, row).title))
