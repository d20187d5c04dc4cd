"""What a person does to a story: decided on, edited, taken back and branched, seen in the library and after a restart."""

from __future__ import annotations

import pytest
from storytelling import OWN, here, new_story, opened, tell, texts, write

from agents.engines.scripted import ScriptedEngine
from planner.events import TextPiece
from planner.session import Session, read_story
from planner.state import PointOfView
from planner.store import Library, StoryRow
from prompts.errors import InputError, WritingStopped


def test_a_proposed_paragraph_waits_for_the_person(session: Session) -> None:
    draft = session.propose()
    assert draft is not None
    assert session.propose() == draft  # it is not written twice
    assert here(session) == []
    assert session.accept().text == draft.text
    assert here(session) == [draft.text]
    assert session.proposal() is None


def test_what_is_accepted_paragraph_by_paragraph_is_the_story_that_writes_itself(
    file_library: Library, session: Session
) -> None:
    whole = tell(file_library, new_story(file_library, 6))
    while session.propose():
        session.accept()
    assert here(session) == whole
    assert read_story(file_library, session.story).done


def test_a_proposal_outlives_the_process(file_library: Library, story: StoryRow) -> None:
    with opened(file_library, story, ScriptedEngine()) as first:
        draft = first.propose()
    with opened(file_library, story, engine := ScriptedEngine()) as second:
        assert second.proposal() == draft
        second.accept()
    assert engine.calls == 1  # the summary
    assert draft is not None
    assert texts(file_library, story) == [draft.text]


def test_a_proposal_of_an_earlier_process_is_decided_on_like_any_other(file_library: Library, story: StoryRow) -> None:
    with opened(file_library, story, ScriptedEngine()) as first:
        draft = first.propose()
    with opened(file_library, story, ScriptedEngine()) as second:
        other = second.reroll()
    assert texts(file_library, story) == []
    assert draft is not None
    assert other is not None
    assert other.text != draft.text
    with opened(file_library, story, ScriptedEngine()) as third:
        assert third.accept(OWN).meta["source"] == other.text
    assert texts(file_library, story) == [OWN]


def test_a_reroll_is_another_text_and_the_old_ones_can_be_picked(session: Session) -> None:
    first, second = session.propose(), session.reroll("they quarrel; keep it short")
    assert first is not None
    assert second is not None
    assert first.text != second.text
    alternatives = session.alternatives()
    assert {first.text, second.text} <= set(alternatives)
    assert len(alternatives) == len(set(alternatives))
    prompts = [output.prompt for _, output in session.library.outputs(session.story.id) if "paragraph" in output.prompt]
    assert "they quarrel" in prompts[-1]
    assert "they quarrel" not in prompts[0]
    row = session.accept(first.text)
    assert row.text == first.text
    assert (row.meta["author"], row.meta["source"]) == ("model", second.text)  # picked, not written by the person
    session.propose()
    assert "they quarrel" not in list(session.library.outputs(session.story.id))[-1][1].prompt
    assert row.index == 0


def test_an_accepted_text_of_ones_own_is_read_for_facts_and_keeps_the_models_text(session: Session) -> None:
    draft = session.propose()
    assert draft is not None
    hero, place = session.premise.cast[0].name, session.premise.setting[0].name
    row = session.accept(f"{hero} waited at {place}. Then {hero} died.")
    assert (row.meta["author"], row.meta["source"]) == ("person", draft.text)
    assert {str(fact.relation) for fact in session.library.facts_of(row.id)} == {"at", "dead"}
    assert any("dead" in sentence for sentence in session.world())


def test_a_dropped_proposal_is_followed_by_another(session: Session) -> None:
    first = session.propose()
    session.discard()
    assert session.proposal() is None
    assert here(session) == []
    assert session.propose() != first


def test_undo_and_redo_walk_through_paragraphs_and_edits(session: Session) -> None:
    three = write(session, 3)
    session.edit(OWN)
    edited = [*three[:2], OWN]
    assert here(session) == edited
    four = write(session, 1)
    seen = [four]
    for expected in (edited, three, three[:2], three[:1], []):
        assert session.undo() == 1
        assert here(session) == expected
        seen.append(expected)
    assert session.undo() == 0
    for expected in reversed(seen[:-1]):
        assert session.redo() == 1
        assert here(session) == expected
    assert session.redo() == 0
    assert session.undo(99) == 5
    assert session.redo(99) == 5
    assert here(session) == four


def test_the_summary_goes_back_with_the_text(session: Session) -> None:
    write(session, 2)
    before = session.state["summary"]
    write(session, 1)
    assert session.state["summary"] != before
    session.undo()
    assert session.state["summary"] == before
    assert session.state["arc"].paragraph == 2


def test_what_is_written_after_an_undo_is_new_and_ends_the_redoing(session: Session) -> None:
    two = write(session, 2)
    session.undo()
    other = write(session, 1)
    assert other[0] == two[0]
    assert other[1] != two[1]
    assert session.redo() == 0
    assert [row.text for row in session.library.children(session.library.path(session.state["head"])[0].id)] == [
        two[1], other[1]
    ]  # fmt: skip


def test_an_edit_in_the_middle_keeps_what_follows_and_sums_it_up_anew(session: Session) -> None:
    four = write(session, 4)
    old = session.state["summary"]
    session.edit(OWN, 1)
    assert here(session) == [four[0], OWN, *four[2:]]
    rows = session.library.path(session.state["head"])
    assert all(session.library.summary(row.id) for row in rows)
    assert [row.meta.get("author", "model") for row in rows] == ["model", "person", "model", "model"]
    assert rows[1].meta["source"] == four[1]
    assert rows[3].meta["model"] == "scripted-1"
    session.undo()
    assert here(session) == four
    assert session.state["summary"] == old


def test_a_paragraph_of_ones_own_and_a_jump(session: Session) -> None:
    write(session, 2)
    session.add(OWN)
    assert here(session)[-1] == OWN
    session.jump(0)
    assert len(here(session)) == 1
    session.undo()
    assert here(session)[-1] == OWN
    assert [row.index for row in session.search("THE MILL was")] == [2]


def test_a_story_that_was_ended_goes_on_after_an_undo(session: Session) -> None:
    session.write()
    assert session.done
    session.undo(2)
    assert not session.done
    assert not session.library.is_done(session.story.id)
    session.write()
    assert len(here(session)) == 6
    assert session.done


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (lambda s: s.accept(), "No paragraph is proposed"),
        (lambda s: s.edit("  "), "is empty"),
        (lambda s: s.edit("x" * 30_000), "may have 20,000 characters"),
        (lambda s: s.edit("x", 7), "There is no paragraph 8; the story has 1"),
        (lambda s: s.jump(-1), "There is no paragraph 0"),
        (lambda s: s.move_beat(0, 99), "There is no number 100"),
        (lambda s: s.change_beat(0, happens="x" * 900), "happens cannot be changed so"),
        (lambda s: s.change_entity("Nobody", name="x"), "Nobody and nothing here"),
        (lambda s: s.unpin(0), "There is no number 1"),
        (lambda s: s.set_outline(()), "beats cannot be changed so"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence_and_changes_nothing(
    session: Session, action: object, sentence: str
) -> None:
    write(session, 1)
    before = session.snapshot()
    with pytest.raises(InputError, match=sentence):
        action(session)  # type: ignore[operator]
    assert session.snapshot() == before
    assert session.premise.point_of_view is PointOfView.THIRD


def test_a_step_whose_checkpoint_was_lost_is_taken_in_when_the_story_is_opened(
    file_library: Library, story: StoryRow
) -> None:
    with opened(file_library, story, ScriptedEngine()) as first:
        two = write(first, 2)
        after = first.at(file_library.path(first.state["head"])[0].id)
        file_library.add_step(story.id, "main", "do", "jump", first.snapshot(), after, False)  # and killed here
    with opened(file_library, story, ScriptedEngine()) as second:
        assert here(second) == two[:1]
        assert len(write(second, 1)) == 2


def stopped_after(session: Session, words: int) -> str:
    """Ask for a paragraph and stop it after so many words; returns those."""
    heard: list[str] = []
    session.context.listen = lambda event: heard.append(event.text) if isinstance(event, TextPiece) else None
    session.context.stop = lambda: len(heard) >= words
    with pytest.raises(WritingStopped):
        session.propose()
    session.context.stop = lambda: False
    assert session.stopped()
    return "".join(heard)


def test_a_stopped_paragraph_is_kept_up_to_its_last_whole_sentence(session: Session) -> None:
    one = write(session, 1)
    partial = stopped_after(session, 12)
    row = session.keep(partial)
    assert partial.startswith(row.text)
    assert row.text.endswith(".")
    assert here(session) == [*one, row.text]
    assert row.meta["source"] == partial
    assert not session.stopped()
    assert len(write(session, 1)) == 3


def test_a_stopped_paragraph_is_gone_on_with_or_dropped_for_another(session: Session) -> None:
    write(session, 1)
    partial = stopped_after(session, 3)
    draft = session.propose()
    assert draft is not None
    assert draft.text.startswith(partial)
    session.discard()
    partial = stopped_after(session, 3)
    session.discard()
    assert not session.stopped()
    other = session.propose()
    assert other is not None
    assert not other.text.startswith(partial)


def test_a_wish_does_not_lose_the_proposed_paragraph(session: Session) -> None:
    write(session, 1)
    draft = session.propose()
    with pytest.raises(InputError, match="proposed already"):
        session.instruct("they quarrel")
    assert session.proposal() == draft


def test_there_are_no_alternatives_before_the_outline(session: Session) -> None:
    with pytest.raises(InputError, match="no outline yet"):
        session.alternatives()
