"""What a person changes of a story's plan, its branches and its pins: seen in the library, in prompts, and taken back."""

from __future__ import annotations

import pytest
from storytelling import here, write

from planner.session import Session, read_story
from prompts.errors import InputError, StoryMissing


def test_branches_go_their_own_ways_and_can_be_compared(session: Session) -> None:
    two = write(session, 2)
    session.branch("darker")
    assert here(session) == two
    session.undo()
    darker = write(session, 2)
    with pytest.raises(InputError, match="already"):
        session.branch("main")
    session.switch("main")
    assert here(session) == two
    main = write(session, 1)
    compared = session.compare("main", "darker")
    assert compared.shared == 1
    assert [row.text for row in compared.one] == main[1:]
    assert [row.text for row in compared.other] == darker[1:]
    assert darker[1:] != main[1:]
    for missing in (lambda: session.switch("nowhere"), lambda: session.compare("main", "nowhere")):
        with pytest.raises(StoryMissing, match="There is no branch 'nowhere'"):
            missing()


def test_the_plan_is_changed_in_steps_that_can_be_taken_back(session: Session) -> None:
    write(session, 1)
    outline, premise = session.outline, session.premise
    session.insert_beat(1, "A stranger knocks.")
    session.move_beat(1, 2)
    session.change_beat(0, happens="It rains.")
    assert [beat.happens for beat in session.outline.beats][:3] == [
        "It rains.",
        outline.beats[1].happens,
        "A stranger knocks.",
    ]
    session.drop_beat(2)
    assert len(session.outline.beats) == len(outline.beats)
    session.change_premise(tone="grim")
    session.change_entity(premise.cast[0].name, name="Ottilie", traits=("brave",))
    assert session.premise.cast[0].aliases == (premise.cast[0].name,)
    session.set_note("Short sentences.")
    session.set_summary(["It rained."])
    session.write_paragraph()
    prompt = [o.prompt for k, o in session.library.outputs(session.story.id) if k.node == "generate"][-1]
    assert "Short sentences." in prompt
    assert "It rained." in prompt
    assert read_story(session.library, session.story).premise == session.premise
    assert session.undo(9) == 9
    assert (session.outline, session.premise) == (outline, premise)
    assert session.state["note"] == ""
    assert read_story(session.library, session.story).outline == outline


def test_pins_hold_until_they_are_taken_back(session: Session) -> None:
    write(session, 1)
    hero = session.premise.cast[0].name
    fact = session.pin(f"{hero} is left-handed")
    assert fact.object == "left-handed"
    assert session.world()[0] == f"{hero} is left-handed"
    session.pin(f"{hero} speaks to nobody")
    session.write_paragraph()
    prompt = [o.prompt for k, o in session.library.outputs(session.story.id) if k.node == "generate"][-1]
    assert f"{hero} is left-handed" in prompt
    assert session.unpin(0) == fact
    assert session.unpin(0).quote == f"{hero} speaks to nobody"
    assert session.library.pinned(session.story.id) == []
    with pytest.raises(InputError, match="about someone"):
        session.pin("The moon is green")
