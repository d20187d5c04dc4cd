"""Budgets add up to the length that was asked for, whatever the shape; a broken shape is one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.arc import MAX_BEATS, MAX_PER_BEAT, ArcShape, Step, built_in, load_shape, plan, position, steps_for
from planner.state import Beat, Outline
from prompts.errors import InputError

SHAPES = st.sampled_from(sorted(built_in()))
LENGTHS = st.integers(3, 3000)
OWN_STEPS = st.lists(
    st.builds(
        Step, label=st.just("step"), purpose=st.sampled_from(["setup", "rising", "twist", "crisis", "resolution"]),
        tension=st.floats(0, 1), share=st.floats(0.01, 100),
    ),
    min_size=3, max_size=24,
)  # fmt: skip
GOOD = """
about: Slow, then fast.
steps:
  - {label: calm, purpose: setup, tension: 0.1, share: 3}
  - {label: storm, purpose: climax, tension: 1}
  - {label: calm again, purpose: resolution, tension: 0.2}
"""


def outline_of(name: str, paragraphs: int) -> Outline:
    beats = [
        Beat(purpose=s.purpose, label=s.label, happens="x", tension=s.tension, paragraphs=s.paragraphs)
        for s in steps_for(load_shape(name), paragraphs)
    ]
    return Outline(arc=name, beats=tuple(beats))


@given(SHAPES, LENGTHS)
def test_budgets_add_up_to_the_length_and_leave_no_step_empty(name: str, paragraphs: int) -> None:
    planned = plan(load_shape(name), paragraphs)
    assert sum(step.paragraphs for step in planned) == paragraphs
    assert all(step.paragraphs >= 1 for step in planned)


@given(OWN_STEPS, LENGTHS)
def test_budgets_of_any_shape_of_ones_own_add_up(steps: list[Step], paragraphs: int) -> None:
    beats = steps_for(ArcShape(name="own", steps=tuple(steps)), paragraphs)
    assert sum(beat.paragraphs for beat in beats) == paragraphs


@given(SHAPES, LENGTHS)
def test_a_longer_share_never_gets_fewer_paragraphs(name: str, paragraphs: int) -> None:
    planned = plan(load_shape(name), paragraphs)
    for one in planned:
        for other in planned:
            if one.step.share > other.step.share:
                assert one.paragraphs >= other.paragraphs


@pytest.mark.parametrize("name", sorted(built_in()))
def test_the_shortest_story_keeps_the_beginning_the_peak_and_the_end(name: str) -> None:
    shape = load_shape(name)
    peak = max(shape.steps, key=lambda step: step.tension)
    assert [planned.step for planned in plan(shape, 3)] == [shape.steps[0], peak, shape.steps[-1]]


@given(SHAPES, LENGTHS)
def test_beats_stay_short_and_few(name: str, paragraphs: int) -> None:
    shape = load_shape(name)
    beats = steps_for(shape, paragraphs)
    assert max(beat.paragraphs for beat in beats) <= max(MAX_PER_BEAT, -(-paragraphs // MAX_BEATS))
    assert len(beats) <= MAX_BEATS + len(shape.steps)
    assert all(0 <= beat.tension <= 1 for beat in beats)


@given(SHAPES, LENGTHS)
def test_only_the_last_beat_ends_the_story_and_one_beat_decides_it(name: str, paragraphs: int) -> None:
    purposes = [beat.purpose for beat in steps_for(load_shape(name), paragraphs)]
    assert purposes[-1] == "resolution"
    assert purposes.count("resolution") == 1
    assert purposes.count("climax") == 1


@given(SHAPES, st.integers(3, 400))
def test_positions_walk_through_every_beat_in_order(name: str, paragraphs: int) -> None:
    outline = outline_of(name, paragraphs)
    walked = [position(outline, number) for number in range(paragraphs)]
    expected = [(i, k) for i, beat in enumerate(outline.beats) for k in range(beat.paragraphs)]
    assert [(p.beat, p.paragraph_in_beat) for p in walked] == expected
    assert [p.paragraph for p in walked] == list(range(paragraphs))


def test_the_tension_of_a_paragraph_lies_between_its_beat_and_the_next() -> None:
    outline = outline_of("three-act", 60)
    for number in range(60):
        at = position(outline, number)
        ends = [beat.tension for beat in outline.beats[at.beat : at.beat + 2]]
        assert min(ends) <= at.tension <= max(ends)


def test_what_runs_over_belongs_to_the_last_beat() -> None:
    outline = outline_of("freytag", 12)
    over = position(outline, 20)
    assert over.beat == len(outline.beats) - 1
    assert over.paragraph == 20


@pytest.mark.parametrize("name", ["Three Act", "three_act", " THREE-ACT ", "Hero's Journey", "Kishōtenketsu"])
def test_a_shape_is_found_however_its_name_is_written(name: str) -> None:
    assert load_shape(name).name in {"three-act", "heros-journey", "kishotenketsu"}


def test_an_unknown_shape_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"There is no arc 'spiral'; choose three-act, .*or give a YAML file"):
        load_shape("spiral")


def test_a_shape_of_ones_own_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "storm.yaml"
    path.write_text(GOOD)
    shape = load_shape(str(path))
    assert shape.name == "storm"
    assert [planned.paragraphs for planned in plan(shape, 10)] == [5, 3, 2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"steps: [", "is not YAML (line"),
        (b"\xff\xfe\x00binary", "is not"),
        (b"", "it must be a mapping"),
        (b"- a\n- b\n", "it must be a mapping"),
        (b"just words", "it must be a mapping"),
        (b"about: nothing\n", "steps: Field required"),
        (GOOD.replace("about", "abuot").encode(), "abuot"),
        (GOOD.replace("climax", "explosion").encode(), "steps.1.purpose"),
        (GOOD.replace("tension: 1}", "tension: 7}").encode(), "steps.1.tension"),
        (GOOD.replace("share: 3", "share: 0").encode(), "steps.0.share"),
        (GOOD.rsplit("  -", 1)[0].encode(), "steps: Tuple should have at least 3 items"),
    ],
)
def test_a_broken_shape_says_what_is_wrong_and_where(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_shape(str(path))
    sentence = str(caught.value)
    assert sentence.startswith(f"The arc file {path} ")
    assert says in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("name", ["missing.yaml", "folder.yml"])
def test_a_shape_file_that_cannot_be_read_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(InputError, match=r"cannot be read: (No such file|Is a directory)"):
        load_shape(str(tmp_path / name))
