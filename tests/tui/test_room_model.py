"""The writing room with the bundled model: every key that matters, and what the library holds after each."""

from __future__ import annotations

import time

import pytest
from playing import OWN, Player, play, proposal, story_of

from agents.engines.base import Completion, OnText, Request
from agents.engines.embedded import EmbeddedEngine
from agents.text import whole_sentences
from planner.store import Library
from planner.tui.dialogs import Choice
from planner.tui.reroll import Alternatives

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


def test_a_story_is_written_with_the_keys(library: Library) -> None:
    async def act(player: Player) -> None:
        story = player.story.id
        await player.press("enter")
        first = proposal(player)
        assert player.texts() == []
        await player.press("enter")
        assert player.texts() == [first]

        await player.press("r")
        assert isinstance(player.app.screen, Alternatives)
        other = player.app.screen._texts[1]
        assert other != proposal(player)
        await player.press("2", "enter")
        assert player.texts() == [first, other]

        await player.press("enter")
        model = proposal(player)
        await player.press("e")
        await player.type(f"{model} {OWN}")
        await player.press("ctrl+s")
        assert player.texts() == [first, other, f"{model} {OWN}"]
        assert library.path(library.head(story))[-1].meta["source"] == model

        await player.press("u", "u")
        assert player.texts() == [first]
        await player.press("ctrl+r", "ctrl+r")
        assert player.texts() == [first, other, f"{model} {OWN}"]

        await player.press("b")
        await player.type("darker")
        await player.press("enter", "w")
        await player.type(OWN)
        await player.press("ctrl+s")
        assert set(library.branches(story)) == {"main", "darker"}
        assert player.texts("darker") == [*player.texts(), OWN]
        assert library.path(library.head(story, "darker"))[-1].meta["author"] == "person"

        name = player.room.view.premise.cast[0].name  # type: ignore[union-attr]
        await player.press("p")
        await player.type(f"{name} is brave")
        await player.press("enter")
        assert [fact.quote for fact in library.pinned(story)] == [f"{name} is brave"]

        await player.press("i")
        await player.type("they quarrel")
        await player.press("enter")
        wished = proposal(player)
        prompts = [output.prompt for key, output in library.outputs(story) if key.node == "generate"]
        assert "quarrel" in prompts[-1]
        assert not any("quarrel" in prompt for prompt in prompts[:-1])
        await player.press("enter")
        assert player.texts("darker")[4:] == [wished]
        assert len(player.texts()) == 3

    play(library, act, engine=EmbeddedEngine(threads=1))


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
