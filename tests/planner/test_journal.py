"""A call that was journalled is answered from the journal, whatever the engine would say now."""

from __future__ import annotations

import pytest
from story_samples import call, new_story
from storytelling import Failing

from agents.engines.base import Prompt, Request
from agents.engines.scripted import ScriptedEngine
from planner.journal import Recorded
from planner.store import Library
from prompts.errors import EngineError

ASK = Request(prompt=Prompt(text="Go on.", system="You write."), n=2, seed=7)


def test_a_journalled_call_is_not_made_again(file_library: Library) -> None:
    story = new_story(file_library)
    first = Recorded(ScriptedEngine(["One.", "Two."]), "generator", file_library, call(story))
    said = first.complete(ASK)
    other = ScriptedEngine(["Something else."] * 2)
    assert Recorded(other, "generator", file_library, call(story)).complete(ASK) == said
    assert [completion.text for completion in said] == ["One.", "Two."]
    assert other.calls == 0


def test_the_calls_of_a_node_are_told_apart_by_their_order(file_library: Library) -> None:
    story = new_story(file_library)
    for engine in (ScriptedEngine(["a", "b", "c", "d"]), ScriptedEngine([])):
        recorded = Recorded(engine, "premise", file_library, call(story))
        assert [recorded.complete(ASK)[0].text for _ in range(2)] == ["a", "c"]


def test_another_head_node_attempt_or_story_is_another_call(file_library: Library) -> None:
    story = new_story(file_library)
    engine = ScriptedEngine(lambda request, index: "Same.")
    for key in (
        call(story), call(story, head="x"), call(story, node="check"), call(story, attempt=1),
        call(story).model_copy(update={"branch": "b"}), call(new_story(file_library)),
    ):  # fmt: skip
        Recorded(engine, "generator", file_library, key).complete(ASK)
    assert engine.calls == 6


def test_only_fresh_calls_are_counted_in_tokens_and_seconds(file_library: Library) -> None:
    story = new_story(file_library)
    fresh, again = (
        Recorded(ScriptedEngine(["One word more.", "Two."]), "generator", file_library, call(story)) for _ in range(2)
    )
    fresh.complete(ASK)
    again.complete(ASK)
    assert (fresh.tokens, again.tokens) == (4, 0)
    assert fresh.seconds > 0
    assert again.seconds == 0


def test_who_listens_hears_the_journalled_text_too(file_library: Library) -> None:
    story = new_story(file_library)
    for _ in range(2):
        heard: list[str] = []
        engine = ScriptedEngine(["One word more.", "Two."])
        Recorded(engine, "generator", file_library, call(story)).complete(ASK, heard.append)
        assert "".join(heard) == "One word more."


def test_a_call_that_failed_is_not_journalled_and_is_made_again(file_library: Library) -> None:
    story = new_story(file_library)
    with pytest.raises(EngineError):
        Recorded(Failing(1), "generator", file_library, call(story)).complete(ASK)
    assert file_library.count_outputs(story) == 0
    engine = Failing()
    Recorded(engine, "generator", file_library, call(story)).complete(ASK)
    assert len(engine.answered) == file_library.count_outputs(story) == 1


def test_the_journal_says_what_was_asked_of_whom(file_library: Library) -> None:
    story = new_story(file_library)
    Recorded(ScriptedEngine(["One.", "Two."], model="m-1"), "generator", file_library, call(story)).complete(ASK)
    ((key, output),) = file_library.outputs(story)
    assert key == call(story)
    assert (output.role, output.engine, output.model) == ("generator", "scripted", "m-1")
    assert (output.prompt, output.system, output.seed) == ("Go on.", "You write.", 7)
    assert output.request["n"] == 2
