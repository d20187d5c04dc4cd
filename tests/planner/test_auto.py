"""Writing on alone: where it comes to rest, what it leaves behind, and that a finding waits for a person."""

from __future__ import annotations

import pytest
from slashing import texts
from storytelling import is_paragraph, new_story, opened

from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import ScriptedEngine
from planner import rules
from planner.auto import Until, write_on
from planner.rules import Case
from planner.session import Session
from planner.state import Finding, Severity
from planner.store import Library
from prompts.errors import InputError, WritingStopped


def finds(monkeypatch: pytest.MonkeyPatch, severity: Severity, paragraph: int) -> None:
    """Let a rule speak against one paragraph, whatever it says."""

    def rule(case: Case) -> list[Finding]:
        return [Finding(rule="told", severity=severity, message="Look here.")] * (case.paragraph == paragraph)

    monkeypatch.setattr(rules, "RULES", (rule,))


def long_beats(session: Session) -> None:
    session.propose()
    session.set_outline([beat.model_copy(update={"paragraphs": 4}) for beat in session.outline.beats])


def test_it_rests_after_a_number_of_new_paragraphs_and_the_one_that_waited_is_none_of_them(session: Session) -> None:
    waiting = session.propose()
    assert waiting is not None
    rest = write_on(session, 2)
    assert (rest.why, rest.sentence) == ("number", "2 paragraphs written.")
    assert texts(session) == [waiting.text, *(row.text for row in rest.rows)]
    assert len(texts(session)) == 3
    assert session.proposal() is None


@pytest.mark.parametrize("until", ["beat", "chapter"])
def test_it_rests_before_it_writes_anything_of_the_next_beat(session: Session, until: Until) -> None:
    long_beats(session)
    for end in (4, 8):
        rest = write_on(session, until)
        assert (rest.why, len(rest.rows), len(texts(session))) == (until, 4, end)
        assert session.proposal() is None
        assert session.state["arc"].beat == end // 4
    for _ in range(4):
        session.propose()
        session.accept()
    session.undo()
    session.propose()  # the last one of its beat: it is accepted, and that is all
    assert write_on(session, until).rows == ()
    assert len(texts(session)) == 12


def test_the_beat_that_is_meant_is_the_first_one_where_there_was_no_outline_yet(session: Session) -> None:
    write_on(session, "beat")
    assert len(texts(session)) == session.outline.beats[0].paragraphs


def test_the_end_of_the_story_is_the_end_of_all(session: Session) -> None:
    assert len(write_on(session, 5).rows) == 5
    rest = write_on(session, 5)
    assert (rest.why, len(rest.rows), rest.sentence) == ("end", 1, "The story is at its end.")
    assert write_on(session, "end").rows == ()


def test_there_is_no_end_of_a_chapter_where_beats_are_too_short_for_one(session: Session) -> None:
    with pytest.raises(InputError, match="too short to be chapters"):
        write_on(session, "chapter")
    session.accept()  # the outline came with this paragraph, so it was written to find out
    with pytest.raises(InputError, match="too short to be chapters"):
        write_on(session, "chapter")
    assert session.proposal() is None
    with pytest.raises(InputError, match="from 1"):
        write_on(session, 0)


@pytest.mark.parametrize(
    ("severity", "notes", "rests"),
    [(Severity.NOTE, False, False), (Severity.NOTE, True, True), (Severity.WARNING, False, True)],
)
def test_a_paragraph_with_a_finding_waits_and_with_a_note_when_that_is_asked_for(
    session: Session, monkeypatch: pytest.MonkeyPatch, severity: Severity, notes: bool, rests: bool
) -> None:
    finds(monkeypatch, severity, 2)
    rest = write_on(session, "end", notes=notes)
    if not rests:
        assert (rest.why, len(texts(session))) == ("end", 6)
        return
    assert (rest.why, rest.sentence) == ("finding", "Resting on a finding: Look here.")
    assert len(texts(session)) == len(rest.rows) == 2
    assert session.proposal() == rest.draft
    write_on(session, 1)
    assert len(texts(session)) == 4, "what was seen is taken when a person says to go on"


def test_a_stop_between_two_paragraphs_loses_nothing(session: Session) -> None:
    session.context.stop = lambda: len(texts(session)) == 2
    rest = write_on(session, "end")
    assert (rest.why, len(rest.rows), rest.sentence) == ("stopped", 2, "Stopped after a whole paragraph.")
    assert len(texts(session)) == 2


def test_a_stop_between_two_tokens_keeps_what_was_accepted(file_library: Library) -> None:
    class Stopping(ScriptedEngine):
        """Has a person stop it after three words of the third paragraph."""

        told = 0

        def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
            words = 0
            self.told += is_paragraph(request)

            def heard(piece: str) -> None:
                nonlocal words, stopped
                words += 1
                stopped = stopped or (self.told == 3 and words == 3)
                if on_text:
                    on_text(piece)

            return super().complete(request, heard if on_text else None)

    stopped = False
    with opened(file_library, new_story(file_library, 6), Stopping()) as session:
        session.context.stop = lambda: stopped
        with pytest.raises(WritingStopped):
            write_on(session, "end")
        assert len(texts(session)) == 2
        assert session.stopped()
