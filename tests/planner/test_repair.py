"""A useless structured answer is asked for once more; when that fails too the story stands, and is continued later."""

from __future__ import annotations

import json

import pytest
from storytelling import new_story, opened, tell

from agents.engines.base import Request
from agents.engines.scripted import ScriptedEngine, answer
from planner.store import Library
from prompts.errors import BadOutput


def asks_for(what: str, request: Request) -> bool:
    return (
        request.json_schema is not None
        and {"premise": "cast", "outline": "beats"}[what] in request.json_schema["properties"]
    )


def bad_at(what: str, times: int) -> ScriptedEngine:
    """An engine whose first answers to one sort of request are useless."""
    left = [times]

    def script(request: Request, index: int) -> str:
        if asks_for(what, request) and left[0]:
            left[0] -= 1
            return json.dumps({"wrong": left[0]})
        return answer(request, index)

    return ScriptedEngine(script)


def calls(library: Library, story: str, node: str) -> list[tuple[int, int]]:
    return [(key.attempt, key.call) for key, _ in library.outputs(story) if key.node == node]


@pytest.mark.parametrize("what", ["premise", "outline"])
def test_bad_then_good_is_good_and_both_are_journalled(file_library: Library, what: str) -> None:
    story = new_story(file_library)
    assert len(tell(file_library, story, bad_at(what, 1))) == 3
    assert calls(file_library, story.id, what)[:2] == [(0, 0), (0, 1)]


@pytest.mark.parametrize("what", ["premise", "outline"])
def test_bad_twice_stops_and_the_story_is_finished_later_without_asking_the_same(
    file_library: Library, what: str
) -> None:
    story = new_story(file_library)
    engine = bad_at(what, 4)
    for written in ('{"wrong": 2}', '{"wrong": 0}'):
        with (
            pytest.raises(BadOutput, match="the story is kept") as raised,
            opened(file_library, story, engine) as session,
        ):
            session.write()
        assert raised.value.raw == written
    before = calls(file_library, story.id, what)
    assert before == [(0, 0), (0, 1), (1, 0), (1, 1)]
    again = ScriptedEngine()
    assert len(tell(file_library, story, again)) == 3
    assert calls(file_library, story.id, what)[:5] == [*before, (2, 0)]
    seeds = [output.seed for key, output in file_library.outputs(story.id) if key.node == what]
    assert len(set(seeds[:5])) == 5


def test_the_outline_is_told_of_only_once_it_stays(file_library: Library) -> None:
    story = new_story(file_library)
    with pytest.raises(BadOutput):
        tell(file_library, story, bad_at("outline", 2))
    told: list[str] = []
    tell(file_library, story, ScriptedEngine(), listen=lambda event: told.append(type(event).__name__))
    outlines = told.count("BeatPlanned")
    assert 0 < outlines <= 3
