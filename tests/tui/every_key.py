"""For the tests that press every key: which keys the screens have and which were pressed, and how a story stands in the library.

Invariant: what a story is said to be here is read from the library alone, never from the screen.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from playing import Player
from textual.binding import Binding
from textual.screen import Screen

import planner.tui
from planner.state import Beat, Premise
from planner.steps import Snapshot
from planner.store import ParagraphRow
from planner.tui.teller import Studio

MORE = "The rain went on."
"""What the editor of the person adds."""
_NUMBER = re.compile(r"\(\d+\)$")
"""Which alternative a digit means: one digit stands for all of them."""


@dataclass(frozen=True)
class Given:
    """What a story is written with: an engine by its name, and another model that can be chosen in its place."""

    engine: str
    other: str
    studio: Studio


def screens() -> set[type[Screen[Any]]]:
    """Every screen of the app that has keys of its own."""
    found: set[type[Screen[Any]]] = set()
    for module in pkgutil.iter_modules(planner.tui.__path__):
        for kind in vars(importlib.import_module(f"planner.tui.{module.name}")).values():
            ours = isinstance(kind, type) and issubclass(kind, Screen) and kind.__module__.startswith("planner.tui.")
            if ours and "BINDINGS" in vars(kind):
                found.add(kind)
    return found


def unpressed(
    pressed: Iterable[tuple[type[Screen[Any]], str]], on: Iterable[type[Screen[Any]]]
) -> set[tuple[str, str]]:
    """The actions of these screens that none of the pressed keys leads to, by the screen's name."""
    known = set(pressed)
    wanted, done = set[tuple[str, str]](), set[tuple[str, str]]()
    for screen in on:
        for binding in Binding.make_bindings(screen.BINDINGS):
            action = (screen.__name__, _NUMBER.sub("(n)", binding.action))
            wanted.add(action)
            if (screen, binding.key) in known:
                done.add(action)
    return wanted - done


def stands(player: Player, branch: str = "main") -> Snapshot:
    """How a branch stands by its newest step in the library."""
    return player.library.steps(player.story.id, branch, last=1)[0].after


def step(player: Player, branch: str = "main") -> tuple[str, str]:
    """What the newest step of a branch was."""
    newest = player.library.steps(player.story.id, branch, last=1)[0]
    return newest.way, newest.what


def premise(player: Player) -> Premise:
    return player.library.premise(stands(player).premise)


def beats(player: Player) -> tuple[Beat, ...]:
    return player.library.outline(stands(player).outline).beats


def last(player: Player, branch: str = "main") -> ParagraphRow:
    return player.library.path(player.library.head(player.story.id, branch))[-1]


def prompts(player: Player) -> list[str]:
    """What was asked for each paragraph, the oldest first."""
    return [output.prompt for key, output in player.library.outputs(player.story.id) if key.node == "generate"]


def everything(player: Player) -> tuple[object, ...]:
    """All that the library holds of the story, to see that a key that only looks changes nothing of it."""
    library, story = player.library, player.story.id
    heads = library.branches(story)
    steps = [library.steps(story, branch) for branch in heads]
    made = library.latest_premise(story), library.latest_outline(story), library.count_outputs(story)
    return heads, steps, made, library.pinned(story), library.role_changes(story), library.standing(story)


async def answered(player: Player, key: str, text: str, end: str = "enter") -> None:
    """Press a key, type into what it opens, and end that."""
    await player.press(key)
    await player.type(text)
    await player.press(end)
