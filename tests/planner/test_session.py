"""A story that stops anywhere goes on as if it never had, and no model call that was journalled is paid for twice."""

from __future__ import annotations

from typing import Any

import pytest
from storytelling import Failing, new_story, opened, tell, texts

from agents.engines.scripted import ScriptedEngine
from planner.checkpoints import LibrarySqliteSaver
from planner.session import BURST, MAIN, Durability, brief_of, read_story, settings_of
from planner.store import Library
from prompts.errors import EngineError, InputError, LibraryFull, StoryBusy

CALLS = 9
"""Premise, title, outline, and for each of three paragraphs the paragraph and the summary."""


def test_a_short_story_takes_the_calls_that_these_tests_count_on(file_library: Library) -> None:
    engine = Failing()
    tell(file_library, new_story(file_library), engine)
    assert len(engine.answered) == CALLS


@pytest.mark.parametrize("durability", ["sync", "exit"])
@pytest.mark.parametrize("k", range(1, CALLS + 1))
def test_a_story_that_fails_at_any_call_goes_on_as_if_it_had_not(
    file_library: Library, k: int, durability: Durability
) -> None:
    undisturbed = Failing()
    whole = tell(file_library, new_story(file_library), undisturbed)

    story, broken, mended = new_story(file_library), Failing(k), Failing()
    with pytest.raises(EngineError, match="The engine is gone"):
        tell(file_library, story, broken, durability=durability)
    kept = texts(file_library, story)
    assert len(broken.answered) == k - 1
    assert kept == whole[: len(kept)]

    assert tell(file_library, story, mended, durability=durability) == whole
    assert broken.answered + mended.answered == undisturbed.answered  # each call once, none again
    assert len(file_library.roots(story.id)) == 1
    assert all(len(file_library.children(row.id)) <= 1 for row in file_library.path(file_library.head(story.id)))
    assert read_story(file_library, story).done


def test_a_session_goes_on_after_a_failed_paragraph_without_being_reopened(file_library: Library) -> None:
    whole = tell(file_library, new_story(file_library))
    story, engine = new_story(file_library), Failing(6)
    with opened(file_library, story, engine) as session:
        with pytest.raises(EngineError):
            session.write()
        engine.k = None
        session.write()
    assert texts(file_library, story) == whole


@pytest.mark.parametrize("reopen", [False, True])
def test_a_call_that_is_journalled_in_a_node_that_then_fails_is_not_made_again(
    file_library: Library, monkeypatch: pytest.MonkeyPatch, reopen: bool
) -> None:
    undisturbed = Failing()
    whole = tell(file_library, new_story(file_library), undisturbed)
    story, engine = new_story(file_library), Failing()
    kept = file_library.add_summary

    def full_once(*args: Any) -> Any:
        monkeypatch.setattr(file_library, "add_summary", kept)
        raise LibraryFull("The disk is full.")

    with opened(file_library, story, engine) as session:
        session.write_paragraph()
        monkeypatch.setattr(file_library, "add_summary", full_once)
        with pytest.raises(LibraryFull):  # after the second paragraph was committed and its summary paid for
            session.write_paragraph()
        if not reopen:
            session.write()
    tell(file_library, story, engine)
    assert texts(file_library, story) == whole
    assert engine.answered == undisturbed.answered


@pytest.mark.parametrize("lost", range(2, 12))
def test_a_story_goes_on_from_a_node_that_returned_before_its_checkpoint_was_written(
    file_library: Library, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    undisturbed = Failing()
    whole = tell(file_library, new_story(file_library), undisturbed)
    story, engine, put, count = new_story(file_library), Failing(), LibrarySqliteSaver.put, 0

    def full(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == lost:
            raise LibraryFull("The disk is full.")
        return put(*args)

    monkeypatch.setattr(LibrarySqliteSaver, "put", full)
    with pytest.raises(LibraryFull):
        tell(file_library, story, engine)
    assert tell(file_library, story, engine) == whole
    assert engine.answered == undisturbed.answered


def test_a_story_told_in_bursts_is_the_same(file_library: Library) -> None:
    paragraphs = BURST + 3
    whole = tell(file_library, new_story(file_library, paragraphs))
    story = new_story(file_library, paragraphs)
    with opened(file_library, story, ScriptedEngine(), durability="exit") as session:
        assert session.write_burst(BURST)
        assert len(texts(file_library, story)) == BURST
        assert session.write_burst(BURST)  # only as far as the outline goes
        assert not session.write_burst(BURST)
    assert texts(file_library, story) == whole
    assert read_story(file_library, story).done


def test_a_story_reopened_after_every_paragraph_is_the_same(file_library: Library) -> None:
    whole = tell(file_library, new_story(file_library, 6))
    story = new_story(file_library, 6)
    for written in range(1, 7):
        with opened(file_library, story, ScriptedEngine()) as session:
            assert session.write_paragraph()
        assert texts(file_library, story) == whole[:written]


def test_a_story_at_its_end_is_left_alone(file_library: Library) -> None:
    story, engine = new_story(file_library), Failing()
    with opened(file_library, story, engine) as session:
        session.write()
        head, calls = file_library.head(story.id), len(engine.answered)
        assert session.done
        assert not session.write_paragraph()
    with opened(file_library, story, engine) as session:
        assert session.done
        assert not session.write_paragraph()
        session.write()
    assert len(engine.answered) == calls
    assert file_library.head(story.id) == head


def test_writing_stops_between_two_paragraphs_when_it_is_told_to(file_library: Library) -> None:
    story = new_story(file_library, 5)
    with opened(file_library, story, ScriptedEngine()) as session:
        session.write(stop=lambda: len(texts(file_library, story)) == 2)
        assert not session.done
    assert len(texts(file_library, story)) == 2
    assert not file_library.is_done(story.id, MAIN)


def test_one_session_at_a_time_has_a_story_and_others_are_free(file_library: Library) -> None:
    story, other = new_story(file_library), new_story(file_library)
    with opened(file_library, story, ScriptedEngine()):
        with pytest.raises(StoryBusy), opened(file_library, story, ScriptedEngine()):
            pass
        tell(file_library, other)
    tell(file_library, story)


def test_two_stories_written_by_turns_do_not_mix(file_library: Library) -> None:
    alone = [tell(file_library, new_story(file_library, 4, seed=seed)) for seed in (1, 2)]
    one, two = (new_story(file_library, 4, seed=seed) for seed in (1, 2))
    with opened(file_library, one, ScriptedEngine()) as first, opened(file_library, two, ScriptedEngine()) as second:
        for _ in range(4):
            assert first.write_paragraph()
            assert second.write_paragraph()
    assert [texts(file_library, one), texts(file_library, two)] == alone


def test_a_story_remembers_what_it_was_begun_with(file_library: Library) -> None:
    story = new_story(file_library, 7, tone="dry", arc="freytag")
    again = file_library.story(story.id)
    assert (brief_of(again).paragraphs, brief_of(again).tone, brief_of(again).arc) == (7, "dry", "freytag")
    assert settings_of(again).generator.n == 1
    assert again.options["engine"] == {"name": "scripted"}


def test_a_story_that_was_only_begun_can_be_read(file_library: Library) -> None:
    story = new_story(file_library)
    read = read_story(file_library, story)
    assert (read.title, read.words, read.paragraphs, read.premise, read.outline, read.done) == (
        story.logline, 0, (), None, None, False,
    )  # fmt: skip


def test_a_wish_that_cannot_be_met_begins_no_story(file_library: Library) -> None:
    with pytest.raises(InputError, match="must be between 3 and 100,000"):
        new_story(file_library, 2)
    assert file_library.stories() == []
