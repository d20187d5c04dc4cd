"""Slash commands on everything but the text: what each does to the story, seen in the library and in the next prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from slashing import OWN, begun, hero, last_prompt, said, texts
from storytelling import new_story, opened

from agents.engines.scripted import ScriptedEngine
from planner.session import Session, read_story
from planner.slash import run
from planner.store import Library
from prompts.errors import InputError, StoryMissing


@pytest.fixture
def session(file_library: Library) -> Iterator[Session]:
    with opened(file_library, new_story(file_library, 6), ScriptedEngine()) as session:
        yield session


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
