"""The key m: a role's model and sampling on one screen, what it does to the library, and what the numbers say of it."""

from __future__ import annotations

import playing
import pytest
from playing import Player, play, proposal
from textual.widgets import Input, Select

from agents.engines.base import Engine
from agents.engines.metrics import Counts
from agents.engines.scripted import ScriptedEngine
from planner.context import ROLES
from planner.role_engines import RoleEngines
from planner.role_log import RoleChange
from planner.routing import Route
from planner.store import Library, StoryRow
from planner.tui.roles import Roles
from planner.tui.teller import Studio
from prompts.errors import EngineError


class Served(ScriptedEngine):
    """One of two models of a server."""

    def __init__(self, model: str) -> None:
        super().__init__(model=model)
        self.closed = False

    def models(self) -> list[str]:
        return ["small", "large"]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Served]:
    """Every engine that is opened: the roles can be given other models, as ``fabula session`` gives them."""
    opened: list[Served] = []

    def open_route(way: Route) -> Engine:
        if way.model not in {"small", "large"}:
            raise EngineError(f"The server does not serve {way.model!r}. It serves small, large.")
        opened.append(Served(way.model))
        return opened[-1]

    def studio(library: Library, _: Engine | None = None) -> Studio:
        def engines_for(story: StoryRow) -> RoleEngines:
            ways = dict.fromkeys(ROLES, Route("scripted", "small"))
            return RoleEngines(ways, open_route, library.role_changes(story.id))

        return Studio(library, engines_for, lambda brief: playing.story_of(library, brief))

    monkeypatch.setattr(playing, "studio_for", studio)
    return opened


def fields(player: Player) -> dict[str, str]:
    """What stands on the screen of the roles, by the fields' names."""
    return {str(field.id).removeprefix("role-"): field.value for field in player.app.screen.query(Input)}


async def fill(player: Player, name: str, value: str) -> None:
    field = player.app.screen.query_one(f"#role-{name}", Input)
    field.focus()
    await player.until(lambda: player.app.focused is field, "it has the focus")
    await player.type(value)


def drawn(library: Library, player: Player) -> list[tuple[str, object]]:
    outputs = [output for key, output in library.outputs(player.story.id) if key.node == "generate"]
    return [(output.model, output.request["sampling"]["temperature"]) for output in outputs]  # type: ignore[call-overload,index]


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_m_gives_the_generator_another_model_and_sampling(
    library: Library, engines: list[Served], size: tuple[int, int]
) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        first = proposal(player)
        await player.press("m")
        assert isinstance(player.app.screen, Roles)
        assert fields(player) == {
            "model": "small", "temperature": "0.8", "top_p": "0.95", "top_k": "0", "min_p": "0",
            "repetition_penalty": "1", "max_tokens": "320", "n": "1",
        }  # fmt: skip
        for words in ("Roles", "generator", "Model", "Temperature", "n (candidates)", "small, large", "Ctrl+S keep"):
            assert words in player.shown
        await player.press("tab")
        await player.type("large")
        await player.press("tab")
        await player.type("1.5")
        await player.press("ctrl+s")
        assert not isinstance(player.app.screen, Roles)
        assert library.role_changes(player.story.id) == {
            "generator": RoleChange(model="large", engine="scripted", sampling={"temperature": 1.5})
        }
        assert proposal(player) == first
        assert "Kept" in player.status
        await player.press("enter")
        assert drawn(library, player) == [("small", 0.8), ("large", 1.5)]
        assert player.room.view is not None
        assert player.room.view.model == "large"

    play(library, act, size=size)
    assert [engine.closed for engine in engines] == [True, True]


def test_what_is_kept_stands_there_when_the_story_is_opened_again(library: Library, engines: list[Served]) -> None:
    story = playing.story_of(library)

    async def change(player: Player) -> None:
        await player.press("m")
        await fill(player, "temperature", "1.5")
        await player.press("enter")

    async def look(player: Player) -> None:
        await player.press("m")
        assert fields(player)["temperature"] == "1.5"
        await fill(player, "temperature", "")
        await player.press("ctrl+s", "m")
        assert fields(player)["temperature"] == "0.8"

    play(library, change, story=story)
    play(library, look, story=story)
    assert library.role_changes(story.id) == {"generator": RoleChange()}


def test_every_role_is_there_and_what_was_typed_for_one_waits_while_another_is_looked_at(
    library: Library, engines: list[Served]
) -> None:
    async def act(player: Player) -> None:
        await player.press("m")
        await fill(player, "top_p", "0.5")
        chooser = player.app.screen.query_one("#role", Select)
        chooser.focus()
        await player.until(lambda: player.app.focused is chooser, "it has the focus")
        await player.press("enter", "down", "enter")
        assert chooser.value == "summarizer"
        assert fields(player)["top_p"] == ""
        assert "n (candidates)" not in player.shown
        await fill(player, "min_p", "0.25")
        await player.press("ctrl+s")
        assert library.role_changes(player.story.id) == {
            "generator": RoleChange(sampling={"top_p": 0.5}), "summarizer": RoleChange(sampling={"min_p": 0.25}),
        }  # fmt: skip

    play(library, act)


def test_what_cannot_be_is_said_and_stays_to_be_mended(library: Library, engines: list[Served]) -> None:
    async def act(player: Player) -> None:
        await player.press("m")
        for name, wrong, says, right in (
            ("model", "huge", "The server does not serve 'huge'.", "large"),
            ("temperature", "9", "the value must be at most 5", "1.5"),
        ):
            await fill(player, name, wrong)
            await player.press("ctrl+s")
            assert isinstance(player.app.screen, Roles)
            assert says in player.shown
            assert fields(player)[name] == wrong
            assert library.role_changes(player.story.id) == {}
            await fill(player, name, right)
        await player.press("ctrl+s")
        assert library.role_changes(player.story.id)["generator"].model == "large"

    play(library, act, size=(80, 24))


def test_escape_leaves_without_a_change(library: Library, engines: list[Served]) -> None:
    async def act(player: Player) -> None:
        await player.press("m")
        await fill(player, "temperature", "1.5")
        await player.press("escape")
        assert not isinstance(player.app.screen, Roles)
        await player.press("m", "ctrl+s")
        assert library.role_changes(player.story.id) == {}

    play(library, act)


def test_a_command_changes_a_role_too(library: Library, engines: list[Served]) -> None:
    async def act(player: Player) -> None:
        await player.press("colon")
        await player.type("/model generator large")
        await player.press("enter")
        assert player.status == "The generator speaks through large from here on."
        await player.press("colon")
        await player.type("/sampling generator top_k=40")
        await player.press("enter")
        assert library.role_changes(player.story.id)["generator"].sampling == {"top_k": 40}

    play(library, act)


def test_the_numbers_say_what_the_prompt_cache_saved(library: Library, engines: list[Served]) -> None:
    async def act(player: Player) -> None:
        await player.press("enter")
        assert "cached     –" in player.shown
        engines[0].prompt_counts = Counts(asked=200, remembered=150)  # type: ignore[attr-defined]
        await player.press("enter")
        assert "cached     75 % of the prompts" in player.shown

    play(library, act, size=(160, 60))
