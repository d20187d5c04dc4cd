"""Which branch of a story a command is about.

Invariant: a name that no branch has is one sentence that says which there are.
"""

from __future__ import annotations

from typing import Annotated

import typer

from planner.store import Library
from prompts.errors import StoryMissing

BranchOption = Annotated[str, typer.Option("--branch", help="Which branch of the story.")]


def head_of(library: Library, story: str, branch: str) -> str | None:
    """The last paragraph of a branch, None before the first one. Raises ``StoryMissing`` where there is no such branch."""
    known = library.branches(story)
    if branch not in known:
        raise StoryMissing(
            f"There is no branch {branch!r}; there {'are' if len(known) > 1 else 'is'} {', '.join(known)}."
        )
    return known[branch]
