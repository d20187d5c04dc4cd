"""What is shown while a story is written; whatever happens to the story, showing it never raises."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from story_samples import BEATS, FINDING, POSITION, PREMISE
from storytelling import new_story, paragraphs_say, tell

from agents.engines.scripted import ScriptedEngine
from planner import events
from planner.display import MEASURE, Display, LiveDisplay, PlainDisplay, Quiet, sparkline
from planner.session import read_story
from planner.store import Library

NASTY = "[/b] [bold]\x1b[31m [link=x] 🦊 \u200b"


def console(width: int = 80) -> Console:
    return Console(force_terminal=True, record=True, width=width, file=io.StringIO(), color_system=None)


def heard(library: Library, paragraphs: int = 4) -> list[events.Event]:
    """Every event of a story that is also revised."""
    told: list[events.Event] = []
    story = new_story(library, paragraphs, characters=("Mara: stubborn, she",), title="Below")
    drafts = ["Mara had green eyes.", "Mara had brown eyes.", "Mara had brown eyes.", "Mara had green eyes."]
    tell(library, story, ScriptedEngine(paragraphs_say(drafts)), told.append)
    return told


def test_a_live_display_shows_title_outline_text_and_numbers(file_library: Library) -> None:
    screen = console()
    told: list[events.Event] = []
    story = new_story(file_library, 3, title="Below")
    with LiveDisplay(screen) as display:
        tell(file_library, story, listen=lambda event: (told.append(event), display.listen(event))[0])  # type: ignore[func-returns-value]
    shown = " ".join(screen.export_text().split())
    read = read_story(file_library, story)
    assert read.premise is not None
    assert read.outline is not None
    assert "Below" in shown
    assert read.premise.cast[0].name in shown
    for beat in read.outline.beats:
        assert beat.label in shown
    for paragraph in read.paragraphs:
        assert " ".join(paragraph.text.split()[:8]) in shown
    assert f"3 paragraphs, {read.words} words" in shown.replace("│", " ")


def test_the_paragraph_in_work_is_shown_as_it_grows_and_then_once(file_library: Library) -> None:
    screen = console()
    with LiveDisplay(screen) as display:
        display.listen(events.Writing(POSITION, BEATS[0], 0))
        display.listen(events.TextPiece("The half of a senten"))
        display.listen(events.Committed("The whole sentence.", POSITION, BEATS[0], (FINDING,), 10, 2.0))
    shown = screen.export_text()
    assert shown.count("The whole sentence.") == 1
    assert "5 tokens/s" in " ".join(shown.split())


def lines_of(shown: str) -> list[str]:
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;?]*[A-Za-z]|\r", "", shown).splitlines() if "wor" in line]


@pytest.mark.parametrize("width", [30, 78, 200])
def test_a_paragraph_is_set_alike_in_work_and_when_it_is_committed(width: int) -> None:
    text = "words and more words to tell " * 12
    stream, page = io.StringIO(), io.StringIO()
    with LiveDisplay(Console(force_terminal=True, width=width, file=page, color_system=None)) as display:
        display.listen(events.Committed(text, POSITION, BEATS[0], (), 10, 2.0))
        written = page.getvalue()
    with LiveDisplay(Console(force_terminal=True, width=width, file=stream, color_system=None)) as display:
        display.listen(events.TextPiece(text))
    done = [line for line in lines_of(written) if "paragraphs" not in line]
    assert all(line[:2] == "  " and line[2] != " " for line in done)
    assert max(map(len, done)) <= min(width, MEASURE)
    assert lines_of(stream.getvalue())[: len(done)] == done


def test_a_continued_story_is_shown_from_its_beginning() -> None:
    screen = console()
    with LiveDisplay(screen) as display:
        display.resume(PREMISE, BEATS, ["What was written before."])
    shown = screen.export_text()
    assert PREMISE.title in shown
    assert "What was written before." in shown


def test_a_plain_display_gives_the_story_to_one_stream_and_progress_to_the_other(file_library: Library) -> None:
    out, err = io.StringIO(), io.StringIO()
    story = new_story(file_library, 3, title="Below")
    told = tell(file_library, story, listen=PlainDisplay(out, err).listen)
    assert out.getvalue() == "\n\n".join(["# Below", *told]) + "\n\n"
    lines = err.getvalue().splitlines()
    assert lines[0].startswith("Below (")
    assert [line.split(":")[0] for line in lines[-3:]] == ["  paragraph 1", "  paragraph 2", "  paragraph 3"]
    assert sum(line.startswith("  outline ") for line in lines) == 3


def test_a_plain_display_gives_each_paragraph_when_it_is_committed() -> None:
    out = io.StringIO()
    display = PlainDisplay(out, None)
    display.listen(events.TextPiece("A draft that is not kept."))
    assert out.getvalue() == ""
    display.listen(events.Committed("Kept.", POSITION, BEATS[0], (), 1, 0.0))
    assert out.getvalue() == "Kept.\n\n"


def test_a_plain_display_tells_of_findings() -> None:
    err = io.StringIO()
    PlainDisplay(None, err).listen(events.Committed("Kept.", POSITION, BEATS[0], (FINDING,), 30, 2.0))
    assert err.getvalue() == "  paragraph 3: 1 words, 15 tokens/s, 1 findings\n"


def displays() -> list[Display]:
    return [LiveDisplay(console()), LiveDisplay(console(20)), PlainDisplay(io.StringIO(), io.StringIO()), Quiet()]


def test_no_display_minds_a_story_that_goes_on_from_anywhere(file_library: Library) -> None:
    told = heard(file_library)
    assert any(isinstance(event, events.Checked) and not event.kept for event in told)
    for start in range(0, len(told), 3):
        for display in displays():
            with display:
                for event in told[start:]:
                    display.listen(event)


NASTY_BEAT = BEATS[0].model_copy(update={"label": NASTY, "happens": NASTY})
NASTY_PREMISE = PREMISE.model_copy(
    update={"title": NASTY, "genre": NASTY, "tone": NASTY, "logline": NASTY, "genre_detected": True}
)
EVENTS: list[events.Event] = [
    events.PremiseReady(PREMISE), events.PremiseReady(NASTY_PREMISE), events.BeatPlanned(NASTY_BEAT, 1, 1),
    events.BeatPlanned(BEATS[0], 1, 3), events.Writing(POSITION, NASTY_BEAT, 2), events.TextPiece(NASTY),
    events.Checked((FINDING,), False), events.Committed(NASTY, POSITION, NASTY_BEAT, (FINDING,), 0, 0.0),
    events.Finished(3),
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=8))
def test_no_display_minds_any_order_or_any_words(order: list[events.Event]) -> None:
    for display in displays():
        with display:
            for event in order:
                display.listen(event)


def test_square_brackets_are_shown_as_they_are() -> None:
    screen = console()
    beat = BEATS[0].model_copy(update={"label": "a [b] c", "happens": "Goes [/x] on."})
    with LiveDisplay(screen) as display:
        display.listen(events.PremiseReady(PREMISE.model_copy(update={"title": "The [/i] Key", "tone": "[dry]"})))
        display.listen(events.BeatPlanned(beat, 1, 1))
    shown = screen.export_text()
    for words in ("The [/i] Key", "[dry]", "a [b] c", "Goes [/x] on."):
        assert words in shown


@pytest.mark.parametrize("at", range(5))
def test_a_tension_curve_has_a_bar_for_every_beat(at: int) -> None:
    assert sparkline([0.0, 0.5, 1.0, 0.2], at).plain == "▁▅█▂"
