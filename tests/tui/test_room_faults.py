"""What the machine does to a story in work, in the room and in the plain session alike: a calm line each, nothing lost."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from playing import Player, play, story_of, studio_for
from typer.testing import CliRunner

from agents.engines import open_engine
from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import ScriptedEngine
from cli import app
from planner.actions import MAX_TEXT
from planner.store import Library
from planner.tui.app import FabulaApp
from planner.tui.library import Shelf
from planner.tui.teller import Studio

MEGABYTE = "word " * 200_000


@contextmanager
def full_disk(library: Path, room: int = 16_384) -> Iterator[None]:
    """No file grows by more than ``room`` bytes beyond what the library has by now."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    has = max(file.stat().st_size for file in library.parent.glob(f"{library.name}*") if file.is_file())
    resource.setrlimit(resource.RLIMIT_FSIZE, (has + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def plain(library: Path, story: str, *lines: str, engine: tuple[str, ...] = ("--engine", "scripted")) -> Result:
    given = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(app, ["session", story, "--plain", "--library", str(library), *engine], input=given)


def test_a_full_disk_is_a_calm_line_in_the_room_and_the_story_goes_on_once_there_is_room(
    library: Library, tmp_path: Path
) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "enter")
        with full_disk(tmp_path / "library.db"):
            for _ in range(30):
                await player.press("enter", "u")
                if "full" in player.status:
                    break
            assert "The disk of the story library" in player.status
            assert player.app.is_running
        for _ in range(8):
            await player.press("enter")
        assert "at its end" in player.status
        assert library.is_done(player.story.id)
        assert len(player.texts()) == 6

    play(library, act)


def test_a_full_disk_is_a_calm_line_in_the_plain_session_too(tmp_path: Path) -> None:
    place = tmp_path / "library.db"
    with Library.open(place) as opened:
        story = story_of(opened).id
    assert plain(place, story, "", "", "").exit_code == 0
    with full_disk(place):
        result = plain(place, story, *["", "/undo"] * 30)
    assert "The disk of the story library" in result.output
    assert "Traceback" not in result.output
    with Library.open(place) as opened:
        kept = len(opened.path(opened.head(story)))
    assert kept >= 1
    assert plain(place, story, *[""] * 8).exit_code in {0, 2}
    with Library.open(place) as opened:
        assert opened.is_done(story)
        assert [row.text for row in opened.path(opened.head(story))] != []
        assert len(opened.path(opened.head(story))) == 6


def test_a_model_that_is_gone_is_said_calmly_where_all_stories_are(library: Library, tmp_path: Path) -> None:
    story = story_of(library)

    async def run() -> None:
        studio = studio_for(library)
        lost = Studio(library, lambda row: {"generator": open_engine("embedded", str(tmp_path / "gone"))}, studio.begin)  # type: ignore[dict-item]
        room = FabulaApp(lost, story)
        async with room.run_test(size=(80, 24)) as pilot:
            player = Player(room, pilot, library, story)
            await player.until(lambda: isinstance(room.screen, Shelf) and "gone" in player.status, "told")

    asyncio.run(run())
    result = plain(
        tmp_path / "library.db", story.id, "", engine=("--engine", "embedded", "--model", str(tmp_path / "gone"))
    )
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "gone" in result.stderr
    assert library.head(story.id) is None


class Short(ScriptedEngine):
    """A server whose context holds ``holds`` tokens of a paragraph's prompt, and says so as vLLM does."""

    holds = 10**9
    longest = 0

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        from prompts.errors import EngineError

        length = self.count_tokens(request.prompt.joined())
        if length > self.holds:
            raise EngineError(
                "The prompt is longer than the model's context; shorten the note, or take a model with more."
            )
        self.longest = max(self.longest, length)
        return super().complete(request, on_text)


def test_a_prompt_that_the_model_cannot_hold_is_a_calm_line_and_a_shorter_one_goes_on(library: Library) -> None:
    engine = Short()

    async def act(player: Player) -> None:
        await player.press("enter", "enter", "x")
        told = player.texts()
        engine.holds = engine.longest + 100
        await player.press("n")
        await player.type("long " * 200)
        await player.press("enter", "enter")
        assert "longer than the model's context" in player.status
        assert player.texts() == told
        await player.press("u", "enter")
        assert player.room.view is not None
        assert player.room.view.proposal is not None
        assert player.texts() == told

    play(library, act, engine=engine)


@pytest.mark.parametrize(
    "line", ["/write ", "/accept ", "/edit 1 ", "/note ", "/pin ", "/instruct ", "/summary ", "/search ", ""]
)
def test_a_megabyte_in_a_line_of_the_plain_session_is_one_sentence_or_a_wish_cut_short(
    tmp_path: Path, line: str
) -> None:
    place = tmp_path / "library.db"
    with Library.open(place) as opened:
        story = story_of(opened).id
        plain(place, story, "", "")
        before = [row.text for row in opened.path(opened.head(story))]
        assert before
        result = plain(place, story, f"{line}{MEGABYTE}")
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert len(result.output) < 10 * MAX_TEXT
        assert [row.text for row in opened.path(opened.head(story))][: len(before)] == before


def test_two_rooms_on_one_story_the_second_is_told_and_the_first_goes_on(library: Library, tmp_path: Path) -> None:
    async def act(player: Player) -> None:
        await player.press("enter", "enter")
        told = player.texts()
        second = await asyncio.to_thread(plain, tmp_path / "library.db", player.story.id, "", "/undo")
        assert second.exit_code == 2
        assert "is being written by another process" in second.stderr
        assert player.texts() == told
        await player.press("enter")
        assert len(player.texts()) == len(told) + 1

    play(library, act)
