"""Slash commands: what each does to the story, seen in the library, and what is said where one cannot be obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from storytelling import new_story, opened, paragraphs_say

from agents.engines.scripted import ScriptedEngine
from agents.text import sentences
from planner.session import Session, read_story
from planner.slash import COMMANDS, Reply, complete, help_lines, run
from planner.store import Library
from prompts.errors import InputError, StoryMissing, WritingStopped

OWN = "Nobody had told the baker that the mill was for sale, and so she bought it."


@pytest.fixture
def session(file_library: Library) -> Iterator[Session]:
    with opened(file_library, new_story(file_library, 6), ScriptedEngine()) as session:
        yield session


def texts(session: Session) -> list[str]:
    """The branch as it stands in the library."""
    return [row.text for row in session.library.path(session.library.head(session.story.id, session.context.branch))]


def last_prompt(session: Session) -> str:
    return [output.prompt for key, output in session.library.outputs(session.story.id) if key.node == "generate"][-1]


def said(reply: Reply) -> str:
    return "\n".join(reply.lines)


def begun(session: Session, paragraphs: int) -> list[str]:
    run(session, f"/auto {paragraphs}")
    assert len(texts(session)) == paragraphs
    return texts(session)


def hero(session: Session) -> str:
    return session.premise.cast[0].name


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


def test_notes_pins_and_the_summary_reach_the_prompt(session: Session) -> None:
    begun(session, 1)
    who = hero(session)
    run(session, "/note Short sentences.")
    assert run(session, "/note").lines == ("Short sentences.",)
    run(session, f"/pin {who} is left-handed")
    run(session, "/summary It rained. Nobody came.")
    run(session, "/next")
    for words in ("Short sentences.", f"{who} is left-handed", "It rained. Nobody came."):
        assert words in last_prompt(session)
    assert run(session, "/summary").lines == ("It rained. Nobody came.",)
    assert run(session, "/pins").lines == (f"1. {who} is left-handed",)
    assert run(session, "/world").lines[0] == f"{who} is left-handed"
    run(session, "/unpin 1")
    assert session.library.pinned(session.story.id) == []
    run(session, "/note -")
    assert session.snapshot().note == ""


def test_the_outline_is_shown_and_changed(session: Session) -> None:
    begun(session, 1)
    before = session.outline.beats
    assert "<- here" in run(session, "/outline").lines[1 if before[0].paragraphs == 1 else 0]
    run(session, "/beat 2 A stranger knocks.")
    run(session, "/beat add 1 It all began at sea.")
    run(session, "/beat move 1 2")
    beats = session.outline.beats
    assert [beat.happens for beat in beats[:3]] == [before[0].happens, "It all began at sea.", "A stranger knocks."]
    run(session, "/beat drop 2")
    assert len(read_story(session.library, session.story).outline.beats) == len(before)  # type: ignore[union-attr]
    for wrong in ("/beat", "/beat x", "/beat 2", "/beat add It rains", "/beat move 1", "/beat drop"):
        with pytest.raises(InputError, match="Write it as /beat N TEXT"):
            run(session, wrong)


def test_a_changed_plan_says_that_the_proposed_paragraph_is_dropped(session: Session) -> None:
    run(session, "/next")
    reply = run(session, "/tone grim")
    assert "dropped" in reply.lines[-1]
    assert reply.changed == "text"
    assert run(session, "/tone warm").lines == ("The tone is warm from here on.",)
    assert session.premise.tone == "warm"


def test_cards_are_shown_and_changed(session: Session) -> None:
    begun(session, 1)
    who = hero(session)
    assert run(session, "/cast").lines[0].startswith(f"{who} (character)")
    run(session, f"/card {who} name=Old Tom traits=brave, slow goal='to come home' role=a baker")
    changed = read_story(session.library, session.story).premise.cast[0]  # type: ignore[union-attr]
    assert (changed.name, changed.traits, changed.goal) == ("Old Tom", ("brave", "slow"), "to come home")
    assert changed.aliases == (who,)
    assert "a baker" in run(session, "/card old tom").lines[0]
    for wrong, says in (
        ("/card", "Write it as /card"), ("/card Nobody", "Nobody and nothing"), ("/card Old Tom eyes=green", "no 'eyes'"),
        ("/card Old Tom name=", "must say something"), ("/card Nobody role=x", "Nobody and nothing"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            run(session, wrong)


def test_the_title_and_the_findings(file_library: Library) -> None:
    engine = ScriptedEngine()
    with opened(file_library, new_story(file_library, 6), engine) as session:
        begun(session, 1)
        run(session, "/title The Door")
        assert file_library.stories()[0].title == "The Door"
        assert run(session, "/findings").lines == ("Nothing speaks against the last paragraph.",)
        who, place = hero(session), session.premise.setting[0].name
        run(session, f"/write {who} waited at {place}. Then {who} died.")
        reply = run(session, f"/write {who} walked home.")
        assert file_library.findings_of(session.state["head"] or "")
        assert "dead" in said(run(session, "/findings")) or "died" in said(run(session, "/findings"))
        assert reply.changed == "text"


def test_branches(session: Session) -> None:
    two = begun(session, 2)
    run(session, "/branch a darker way")
    run(session, "/undo")
    run(session, f"/write {OWN}")
    run(session, "/switch main")
    assert texts(session) == two
    assert run(session, "/branches").lines == ("a darker way: 2 paragraphs", "main: 2 paragraphs <- here")
    lines = run(session, "/compare a darker way").lines
    assert lines == ("They share 1 paragraph.", f"main, paragraph 2: {two[1]}", f"a darker way, paragraph 2: {OWN}")
    run(session, "/branch b")
    assert run(session, "/diff b main").lines == ("They share 2 paragraphs.", "b ends there.", "main ends there.")
    with pytest.raises(StoryMissing, match="no branch 'nowhere'"):
        run(session, "/switch nowhere")


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


def test_export_writes_the_branch_and_replaces_nothing(session: Session) -> None:
    two = begun(session, 2)
    run(session, "/branch b")
    run(session, f"/write {OWN}")
    run(session, "/export json my story.json")
    kept = json.loads(Path("my story.json").read_text(encoding="utf-8"))
    assert [paragraph["text"] for paragraph in kept["paragraphs"]] == [*two, OWN]
    with pytest.raises(InputError, match="is there already"):
        run(session, "/export md my story.json")
    path = Path(run(session, "/export TXT").lines[0].removeprefix("Written to ").removesuffix("."))
    assert OWN in path.read_text(encoding="utf-8").replace("\n", " ")
    with pytest.raises(InputError, match="no format 'doc'"):
        run(session, "/export doc")


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
