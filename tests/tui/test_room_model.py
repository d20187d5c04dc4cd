"""The writing room with the bundled model, stopped in the midst of its writing; every other key is in test_every_key.py."""

from __future__ import annotations

import time

import pytest
from playing import Player, play, proposal, story_of

from agents.engines.base import Completion, OnText, Request
from agents.engines.embedded import EmbeddedEngine
from agents.text import whole_sentences
from planner.store import Library
from planner.tui.dialogs import Choice

pytestmark = pytest.mark.model


class Paced(EmbeddedEngine):
    """The bundled model, which takes its time between two words while ``paced``, so that it can be stopped there."""

    paced = False

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        def slowly(piece: str) -> None:
            if on_text:
                on_text(piece)
            if self.paced:
                time.sleep(0.05)

        return super().complete(request, slowly if on_text else None)


@pytest.mark.parametrize("kept", [True, False])
def test_writing_on_alone_rests_where_it_should_and_escape_stops_between_two_words(
    library: Library, kept: bool
) -> None:
    engine = Paced(threads=1)

    async def act(player: Player) -> None:
        await player.press("a", "b")
        view = player.room.view
        assert view is not None
        assert view.outline is not None
        told = player.texts()
        assert len(told) == view.outline.beats[0].paragraphs or "finding" in player.status
        engine.paced = True
        if view.proposal:
            await player.press("x")
        await player.pilot.press("enter")
        await player.until(lambda: ". " in player.app.teller.feed.stream, "a sentence")
        await player.pilot.press("escape")
        await player.until(lambda: isinstance(player.app.screen, Choice), "asked")
        assert player.texts() == told
        engine.paced = False
        await player.press("k" if kept else "d")
        if kept:
            assert player.texts()[:-1] == told
            row = library.path(library.head(player.story.id))[-1]
            assert row.text == whole_sentences(str(row.meta["source"]).strip())
            assert row.text[-1] in ".!?”\"'’"
        else:
            assert player.texts() == told
        before = player.texts()
        await player.press("enter")
        assert player.texts() == before
        assert proposal(player)

    play(library, act, engine=engine, story=story_of(library, paragraphs=6))
