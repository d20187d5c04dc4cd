"""A whole story on the scripted engine: planned, written to its length, revised within bounds, never growing the state."""

from __future__ import annotations

import pytest
from storytelling import LOGLINE, new_story, opened, paragraphs_say, tell, texts

from agents.engines.scripted import ScriptedEngine
from agents.generator import GeneratorSettings
from planner.arc import load_shape, steps_for
from planner.context import WriteSettings
from planner.events import Checked, Committed, Event, Writing
from planner.session import read_story
from planner.store import Library
from prompts.errors import InputError

GREEN = "Mara had green eyes, and she took the lamp from its hook and went down to the water to look for the door."
BROWN = "Mara had brown eyes, and she took the lamp from its hook and went down to the water to look for the door."
CLEAN = "The sea was quiet that night, and Mara counted the steps to the water, one by one, until her lamp went dark."
LONG = (
    "Mara had brown eyes. At dawn somebody knocked three times from below, and nobody on the rock dared to answer it."
)
SHORT = "Mara had brown eyes"
MARA = ("Mara: stubborn, she",)


@pytest.mark.parametrize(
    ("arc", "paragraphs"), [("three-act", 3), ("three-act", 12), ("kishotenketsu", 8), ("freytag", 25)]
)
def test_a_story_has_the_beats_of_its_arc_and_the_length_that_was_asked_for(
    file_library: Library, arc: str, paragraphs: int
) -> None:
    story = new_story(file_library, paragraphs, arc=arc)
    told = tell(file_library, story)
    read = read_story(file_library, story)
    steps = steps_for(load_shape(arc), paragraphs)
    assert len(told) == paragraphs
    assert read.done
    assert read.outline is not None
    assert [(beat.label, beat.paragraphs) for beat in read.outline.beats] == [(s.label, s.paragraphs) for s in steps]
    assert [row.beat for row in read.paragraphs] == [i for i, s in enumerate(steps) for _ in range(s.paragraphs)]
    assert [row.index for row in read.paragraphs] == list(range(paragraphs))
    assert all(told)


def test_the_premise_keeps_what_was_wished_for(file_library: Library) -> None:
    story = new_story(file_library, characters=MARA, genre="horror", tone="dry", title="Below")
    tell(file_library, story)
    premise = read_story(file_library, story).premise
    assert premise is not None
    assert (premise.logline, premise.title, premise.genre, premise.tone) == (LOGLINE, "Below", "horror", "dry")
    assert premise.cast[0].name == "Mara"
    assert "stubborn" in premise.cast[0].traits


def test_the_same_seed_tells_the_same_story_and_others_tell_others(file_library: Library) -> None:
    told = [tuple(tell(file_library, new_story(file_library, 4, seed=seed))) for seed in (1, 1, 2, 3)]
    assert told[0] == told[1]
    assert len(set(told)) == 3


def test_a_draft_that_contradicts_the_story_is_written_anew_and_the_clean_one_is_kept(file_library: Library) -> None:
    story = new_story(file_library, 3, characters=MARA)
    prompts: list[str] = []
    heard: list[Event] = []
    told = tell(
        file_library, story, ScriptedEngine(paragraphs_say([GREEN, BROWN, CLEAN, CLEAN], prompts)), heard.append
    )
    assert told[:2] == [GREEN, CLEAN]
    assert len(prompts) == 4
    assert "An earlier draft was wrong: Mara had green eyes (paragraph 1), here it is brown eyes" in prompts[2]
    assert all("An earlier draft" not in prompts[i] for i in (0, 1, 3))
    assert [event.attempt for event in heard if isinstance(event, Writing)] == [0, 0, 1, 0]
    assert [event.kept for event in heard if isinstance(event, Checked)] == [True, False, True, True]
    assert [len(event.findings) for event in heard if isinstance(event, Committed)] == [0, 0, 0]
    assert all(file_library.findings_of(row.id) == [] for row in file_library.path(file_library.head(story.id)))


@pytest.mark.parametrize("revisions", [0, 1, 3])
def test_a_model_that_never_gets_it_right_is_asked_a_bounded_number_of_times(
    file_library: Library, revisions: int
) -> None:
    settings = WriteSettings(generator=GeneratorSettings(n=1), revisions=revisions)
    story = new_story(file_library, 3, characters=MARA, settings=settings)
    prompts: list[str] = []
    drafts = [GREEN, *[BROWN] * (1 + revisions), CLEAN]
    told = tell(file_library, story, ScriptedEngine(paragraphs_say(drafts, prompts)))
    assert told == [GREEN, BROWN, CLEAN]
    assert len(prompts) == 1 + (1 + revisions) + 1
    second = file_library.path(file_library.head(story.id))[1]
    assert [finding.rule for finding in file_library.findings_of(second.id)] == ["attribute_changed"]


def test_of_bad_drafts_the_best_is_kept_with_its_findings(file_library: Library) -> None:
    story = new_story(file_library, 3, characters=MARA)
    tell(file_library, story, ScriptedEngine(paragraphs_say([GREEN, SHORT, LONG, SHORT, CLEAN])))
    second = file_library.path(file_library.head(story.id))[1]
    assert second.text == LONG
    assert second.meta["attempt"] == 1
    assert [finding.quotes for finding in file_library.findings_of(second.id)] == [("Mara had brown eyes",)]


def test_fewer_errors_count_for_more_than_a_better_score(file_library: Library) -> None:
    worse = "Mara was left-handed. " + GREEN
    twice = "Mara was right-handed. " + BROWN
    story = new_story(file_library, 3, characters=MARA)
    tell(file_library, story, ScriptedEngine(paragraphs_say([worse, twice, SHORT, twice, CLEAN])))
    assert texts(file_library, story)[1] == SHORT


def test_of_several_candidates_the_one_without_contradiction_is_kept(file_library: Library) -> None:
    settings = WriteSettings(generator=GeneratorSettings(n=3))
    story = new_story(file_library, 3, characters=MARA, settings=settings)
    drafts = [GREEN, GREEN, GREEN, BROWN, CLEAN, BROWN, CLEAN]
    assert tell(file_library, story, ScriptedEngine(paragraphs_say(drafts)))[1] == CLEAN
    second = file_library.path(file_library.head(story.id))[1]
    assert (second.meta["attempt"], second.meta["chosen"]) == (0, 1)


def test_the_facts_of_a_paragraph_are_told_to_the_next(file_library: Library) -> None:
    prompts: list[str] = []
    story = new_story(file_library, 3, characters=MARA)
    tell(file_library, story, ScriptedEngine(paragraphs_say([GREEN, CLEAN], prompts)))
    assert "True now: Mara has green eyes" in prompts[1]
    assert "True now" not in prompts[0]


def test_a_paragraph_sees_the_one_before_it_and_no_other(file_library: Library) -> None:
    prompts: list[str] = []
    first, second, third = (f"Mara found the {thing} and asked nobody what it was for, nor where it had been." for thing in ("bell", "rope", "oar"))  # fmt: skip  # noqa: E501
    story = new_story(file_library, 3, characters=MARA)
    tell(file_library, story, ScriptedEngine(paragraphs_say([first, second, third], prompts)))
    assert [first in prompt for prompt in prompts] == [False, True, False]
    assert [second in prompt for prompt in prompts] == [False, False, True]


def test_the_state_does_not_grow_with_the_story(file_library: Library) -> None:
    story = new_story(file_library, 31)
    sizes: dict[int, int] = {}
    with opened(file_library, story, ScriptedEngine()) as session:
        for number in range(1, 31):
            assert session.write_paragraph()
            saver = session.planner.checkpointer
            assert saver is not None
            assert not isinstance(saver, bool)
            sizes[number] = len(saver.serde.dumps_typed(session.planner.get_state(session.config).values)[1])
    assert sizes[30] <= 1.3 * sizes[10]
    assert len("".join(texts(file_library, story))) > sizes[30]  # the text itself is elsewhere


def test_a_story_with_an_arc_that_is_none_is_never_begun(file_library: Library) -> None:
    with pytest.raises(InputError, match="There is no arc"):
        new_story(file_library, arc="spiral")
    assert file_library.stories() == []


def test_a_story_with_a_character_without_a_name_is_never_begun(file_library: Library) -> None:
    with pytest.raises(InputError, match="A character needs a name"):
        new_story(file_library, characters=(": brave",))
    assert file_library.stories() == []
