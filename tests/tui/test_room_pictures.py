"""Every screen at three sizes in both themes against its picture: the same letters in the same colours.

``make pictures`` draws them anew; what changed is then seen in the diff of ``tests/tui/pictures``. With ``SVG=folder`` it also
leaves each screen there as an SVG. They are drawn by the versions of Textual and Rich that the test group pins.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import types
from pathlib import Path

import pytest
from pictures import Screen, compare, contrast, drawn, lines, take
from playing import Player, Slow, play
from scenes import SCENES, Scene, prepare
from textual.widgets import DataTable

from planner.session import Session
from planner.store import Library
from planner.tui import room, teller
from planner.tui.view import View, look

UPDATE, SVG = bool(os.environ.get("UPDATE_PICTURES")), os.environ.get("SVG", "")
HERE = Path(__file__).parent / "pictures"
THEMES = ("fabula-dark", "fabula-light")
READABLE = 4.5
"""Contrast that WCAG 2.2 asks of text (AA)."""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    prepare(folder)
    return folder


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_screen_looks_as_in_its_picture(
    scene: Scene, libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_SPINNER", "⠋")
    monkeypatch.setattr(room, "time", types.SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(teller, "look", unhurried)
    shutil.copy(libraries / f"{scene.story or 'waiting'}.db", tmp_path / "story.db")
    faults: list[str] = []
    engine = Slow()

    async def act(player: Player) -> None:
        await scene.go(player, engine)
        for size in scene.sizes:
            await player.pilot.resize_terminal(*size)
            name = f"{scene.name}.{size[0]}x{size[1]}"
            screens: dict[str, Screen] = {}
            for theme in THEMES:
                player.app.theme = theme
                if scene.anew:
                    await player.press("escape")
                    await scene.go(player, engine)
                screens[theme] = await still(player)
                faults.extend(f"{name}, {theme}: {fault}" for fault in unreadable(player, screens[theme]))
                if SVG:
                    (Path(SVG) / f"{name}.{theme}.svg").write_text(player.app.export_screenshot(), encoding="utf-8")
            seen = "\n".join(lines(screens[THEMES[0]]))
            faults.extend(f"{name} says nowhere {words!r}" for words in scene.says if words not in seen)
            faults.append(compare(HERE / f"{name}.txt", drawn(screens), UPDATE))
        engine.words = 0
        engine.go.set()

    with Library.open(tmp_path / "story.db") as library:
        story = library.story(library.stories()[0].id) if scene.story else None
        play(library, act, engine=engine, story=story, size=scene.sizes[0], in_library=not scene.story)
    assert not any(faults), "\n".join(filter(None, faults))


def unhurried(session: Session) -> View:
    """What the room shows, as if every paragraph had taken a second; its true time is another on each machine."""
    view = look(session)
    draft = view.proposal and view.proposal.model_copy(update={"seconds": 1.0})
    return dataclasses.replace(view, proposal=draft)


async def still(player: Player) -> Screen:
    """What is on the screen once four looks at it see the same and nobody has anything left to do; no cursor blinks."""
    before: Screen = []
    same = 0
    for _ in range(300):
        for field in player.app.screen.query("Input, TextArea"):
            field.cursor_blink = False  # type: ignore[attr-defined]
        await player.pilot.pause(0.03)
        now = take(player.app)
        filling = any(worker.group == "fill" and not worker.is_finished for worker in player.app.workers)
        for node in (player.app, *player.app.screen.walk_children(with_self=True)):
            filling |= not node._message_queue.empty() or bool(node._next_callbacks)
        for table in player.app.screen.query(DataTable):  # it finds the width of its columns later than its rows
            filling |= table._require_update_dimensions or bool(table._updated_cells)
        same = same + 1 if now == before and not filling else 0
        if same == 3:
            return now
        before = now
    raise AssertionError("the screen is never still")


def unreadable(player: Player, screen: Screen) -> list[str]:
    """Letters of the topmost screen that are too close in colour to their ground, and control characters anywhere."""
    faults = {}
    for y, line in enumerate(screen):
        assert len(line) == player.app.size.width
        for x, cell in enumerate(line):
            ink, paper, _ = cell.look
            if cell.letter and not cell.letter.isprintable():
                faults[f"{cell.letter!r} at {x}, {y}"] = ""
            if not drawn_line(cell.letter) and contrast(ink, paper) < READABLE:
                widget, _region = player.app.screen.get_widget_at(x, y)
                if widget is not player.app.screen:  # what is under a dialog is meant to fade
                    faults.setdefault(f"{ink} on {paper} is {contrast(ink, paper):.2f}", lines([line])[0].strip())
    return [f"{fault}: {where}" for fault, where in faults.items()]


def drawn_line(letter: str) -> bool:
    """Whether it is a blank, or part of a border, a bar or a curve rather than text."""
    return letter in {"", " "} or "\u2500" <= letter <= "\u259f" or letter > "\U0001f000"


def test_no_picture_is_left_of_a_screen_that_is_gone() -> None:
    wanted = {f"{scene.name}.{width}x{height}.txt" for scene in SCENES for width, height in scene.sizes}
    assert {file.name for file in HERE.iterdir()} == wanted
    assert sum(file.stat().st_size for file in HERE.iterdir()) < 1_500_000
