"""Slash commands: what each does to the story, seen in the library, and what is said where one cannot be obeyed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from slashing import OWN, begun, hero, last_prompt, said, texts
from storytelling import new_story, opened, paragraphs_say

from agents.engines.scripted import ScriptedEngine
from agents.text import sentences
from planner.session import Session
from planner.slash import COMMANDS, complete, help_lines, run
from planner.store import Library
from prompts.errors import InputError, WritingStopped


@pytest.fixture
def session(file_library: Library) -> Iterator[Session]:
    with opened(file_library, new_story(file_library, 6), ScriptedEngine()) as session:
        yield session


def test_next_proposes_and_then_takes_and_proposes(session: Session) -> None:
    first = run(session, "/next")
    assert texts(session) == []
    assert first.lines[0] == "Paragraph 1 of 6 is proposed."
    second = run(session, "")
    assert texts(session) == list(first.paragraphs)
    assert second.lines[0] == "Paragraph 2 of 6 is proposed."
    assert second.changed == "text"


def test_accept_takes_the_paragraph_as_it_is_or_as_ones_own(session: Session) -> None:
    (proposed,) = run(session, "/next").paragraphs
    run(session, "/accept")
    run(session, "/next")
    reply = run(session, f"/ok {OWN}")
    assert texts(session) == [proposed, OWN]
    assert reply.lines[0] == "Paragraph 2 is in the story."
    assert session.proposal() is None


def test_words_without_a_slash_are_a_wish_for_the_paragraph_in_work(session: Session) -> None:
    run(session, "/next")
    reply = run(session, "they quarrel")
    assert "they quarrel" in last_prompt(session)
    run(session, "/accept")
    run(session, "it rains")
    assert "it rains" in last_prompt(session)
    assert texts(session) == list(reply.paragraphs)
    run(session, "/accept")
    run(session, "/instruct a bell rings")
    run(session, "/next")
    assert "a bell rings" in last_prompt(session)


def test_a_reroll_leaves_the_first_text_among_the_alternatives_to_pick(session: Session) -> None:
    (first,) = run(session, "/next").paragraphs
    (second,) = run(session, "/reroll keep it short").paragraphs
    assert "keep it short" in last_prompt(session)
    listed = run(session, "/alternatives").lines
    assert listed == (f"1. {first}", f"2 (proposed). {second}")
    with pytest.raises(InputError, match="no alternative 3; there are 2"):
        run(session, "/pick 3")
    run(session, "/pick 1")
    assert texts(session) == [first]


def test_merge_joins_the_sentences_that_are_asked_for(session: Session) -> None:
    (first,) = run(session, "/next").paragraphs
    (second,) = run(session, "/reroll").paragraphs
    one, two = sentences(first), sentences(second)
    assert run(session, "/alternatives 2").lines[0] == f"2:1 {two[0]}"
    for wrong in ("/merge", "/merge x", "/merge 1:0", "/merge 1:2-1", "/merge 1:99", "/merge 7"):
        with pytest.raises(InputError):
            run(session, wrong)
    run(session, "/merge 2:2 1:1-2 2:2,3")
    assert texts(session) == [" ".join(dict.fromkeys([two[1], one[0], one[1], two[2]]))]


def test_a_dropped_paragraph_is_followed_by_another(session: Session) -> None:
    (first,) = run(session, "/next").paragraphs
    run(session, "/drop")
    assert run(session, "/next").paragraphs != (first,)
    assert texts(session) == []


def test_write_and_edit_put_in_ones_own_words(session: Session) -> None:
    two = begun(session, 2)
    run(session, f"/write {OWN}")
    run(session, "/edit 1 It rained all day.")
    assert texts(session) == ["It rained all day.", two[1], OWN]
    run(session, "/edit They slept.")
    assert texts(session)[-1] == "They slept."
    run(session, "/next")
    assert run(session, "/edit In the end nobody came.").lines[0] == "Paragraph 4 is in the story."
    assert texts(session) == ["It rained all day.", two[1], "They slept.", "In the end nobody came."]


def test_undo_and_redo(session: Session) -> None:
    three = begun(session, 3)
    assert run(session, "/undo").lines == ("1 step taken back. The story has 2 paragraphs now.",)
    run(session, "/undo 2")
    assert texts(session) == []
    assert run(session, "/u").lines == ("There is nothing else to take back.",)
    run(session, "/redo 2")
    assert texts(session) == three[:2]
    run(session, "/redo")
    assert texts(session) == three
    assert run(session, "/redo").changed == "nothing"
    run(session, "/next")
    assert run(session, "/undo").lines[0] == "The proposed paragraph is dropped."


def test_jump_and_search(session: Session) -> None:
    three = begun(session, 3)
    run(session, f"/write {OWN}")
    assert run(session, "/search THE mill").lines[0].startswith("4: Nobody had told the baker that the mill was")
    assert run(session, "/search zebra").lines == ("No paragraph says 'zebra'.",)
    run(session, "/jump 2")
    assert texts(session) == three[:2]


def test_auto_writes_a_number_a_beat_or_to_the_end(session: Session) -> None:
    assert run(session, "/auto 2").lines == ("2 paragraphs written.",)
    beat = session.state["arc"].beat
    run(session, "/next")
    run(session, "/auto")
    assert session.state["arc"].beat > beat
    count = len(texts(session))
    reply = run(session, "/auto end")
    assert session.done
    assert len(texts(session)) == 6
    assert len(reply.paragraphs) == 6 - count
    assert "at its end" in said(reply)
    assert "at its end" in said(run(session, "/next"))


def test_auto_pauses_on_a_finding_and_between_paragraphs_when_it_is_stopped(file_library: Library) -> None:
    lines = ["They waited in the rain."]
    with opened(file_library, new_story(file_library, 6), ScriptedEngine(paragraphs_say(lines))) as session:
        run(session, "/auto 1")
        who = hero(session)
    say = ["They waited in the rain.", f"{who} walked home and said nothing."]
    with opened(file_library, file_library.story(session.story.id), ScriptedEngine(paragraphs_say(say[1:]))) as session:
        run(session, f"/write Then {who} died.")
        reply = run(session, "/auto end")
        assert "waits for you" in said(reply)
        assert session.proposal() is not None
        assert len(texts(session)) == 2
        run(session, "/drop")
        session.context.stop = lambda: True
        with pytest.raises(WritingStopped, match="has 2 paragraphs"):
            run(session, "/auto end")


def test_auto_goes_to_the_end_of_a_chapter_where_beats_are_chapters(session: Session) -> None:
    begun(session, 1)
    with pytest.raises(InputError, match="too short to be chapters"):
        run(session, "/auto chapter")
    session.set_outline([beat.model_copy(update={"paragraphs": 4}) for beat in session.outline.beats])
    reply = run(session, "/auto chapter")
    assert (len(texts(session)), len(reply.paragraphs)) == (4, 3)
    assert "chapter is at its end" in said(reply)
    assert session.proposal() is None
    run(session, "/auto chapter")
    assert len(texts(session)) == 8


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/rerol", "There is no command /rerol; did you mean /reroll?"),
        ("/xyzzy", "There is no command /xyzzy; /help shows them all."),
        ("/", "There is no command /; /help shows them all."),
        ("/undo x", r"Write it as /undo \[N\]"),
        ("/undo 0", "Write it as /undo"),
        ("/jump", "Write it as /jump N"),
        ("/jump 9", "There is no paragraph 9; the story has 1"),
        ("/pick", "Write it as /pick N"),
        ("/write", "Write it as /write TEXT"),
        ("/edit 1", "is empty"),
        ("/edit 7 Words.", "There is no paragraph 7"),
        ("/accept", "No paragraph is proposed"),
        ("/drop", "No paragraph is proposed"),
        ("/auto forever", "Write it as /auto"),
        ("/auto beat end", "Write it as /auto"),
        ("/auto 0 notes", "Write it as /auto"),
        ("/unpin 1", "There is no number 1"),
        ("/pin The moon is green", "about someone"),
        ("/help nothing", "no command /nothing"),
    ],
)
def test_what_cannot_be_obeyed_is_one_sentence_and_changes_nothing(session: Session, line: str, says: str) -> None:
    begun(session, 1)
    before = session.snapshot()
    with pytest.raises(InputError, match=says):
        run(session, line)
    assert session.snapshot() == before


def test_every_command_has_help_and_can_be_completed(session: Session) -> None:
    assert len(help_lines()) == len(COMMANDS)
    assert run(session, "/help").lines == tuple(help_lines())
    assert run(session, "/help /n").lines[0].startswith("/next: Take the proposed paragraph")
    assert complete("/re") == ["/reroll", "/redo"]
    assert complete("/export e") == ["/export epub"]
    assert complete("/help com") == ["/help compare"]
    assert complete("words") == complete("/nothing x") == []
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))
