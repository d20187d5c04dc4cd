"""Arc shapes, and where a paragraph stands on them.

A shape is a list of steps, each with a purpose, a share of the story and a tension. Six are built in; a custom one is a
YAML file of the same form. Invariant: the paragraph budgets of a planned arc add up to exactly the number asked for.
Sources: Freytag, Die Technik des Dramas (1863); Campbell, The Hero with a Thousand Faces (1949), in Vogler's twelve
stages; Field, Screenplay (1979) for three acts; Gardner, The Art of Fiction (1983) for the Fichtean curve.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from planner.state import ArcPosition, Line, Model, Outline, Purpose
from prompts.errors import InputError

SHAPES_FILE = Path(__file__).parent / "arcs.yaml"
MAX_PER_BEAT = 3
MAX_BEATS = 48
_ENDS: dict[Purpose, Purpose] = {"resolution": "falling", "climax": "crisis", "inciting": "setup"}


class Step(Model):
    """One step of a shape. ``share`` is its part of the story's length, relative to the other steps."""

    label: Line
    purpose: Purpose
    tension: float = Field(ge=0, le=1)
    share: float = Field(1.0, gt=0)


class ArcShape(Model):
    name: Line
    about: Line = ""
    steps: Annotated[tuple[Step, ...], Field(min_length=3, max_length=24)]


class BeatPlan(Model):
    """What the outline agent is asked to fill with one beat."""

    label: Line
    purpose: Purpose
    tension: float = Field(ge=0, le=1)
    paragraphs: int = Field(ge=1)


class PlannedStep(Model):
    """A step with its paragraph budget."""

    step: Step
    paragraphs: int = Field(ge=1)


@cache
def built_in() -> dict[str, ArcShape]:
    """The shapes that Fabula brings along, by name."""
    shapes = yaml.safe_load(SHAPES_FILE.read_text(encoding="utf-8"))
    return {name: ArcShape(name=name, **shape) for name, shape in shapes.items()}


def load_shape(name: str) -> ArcShape:
    """A built-in shape by name, or a custom one from a YAML file. Raises ``InputError`` for an unknown name or a bad file."""
    key = name.strip().lower().replace(" ", "-").replace("_", "-").replace("ō", "o").replace("'", "")
    if shape := built_in().get(key):
        return shape
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise InputError(f"There is no arc {name!r}; choose {', '.join(built_in())}, or give a YAML file of your own.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ArcShape(**{"name": path.stem, **content})
    except OSError as error:
        raise InputError(f"The arc file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The arc file {path} is not text in UTF-8.") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise InputError(f"The arc file {path} is not YAML{f' (line {where.line + 1})' if where else ''}.") from error
    except (ValidationError, TypeError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "it must be a mapping"}
        place = ".".join(map(str, reason["loc"])) or "the file"
        raise InputError(f"The arc file {path} does not describe an arc: {place}: {reason['msg']}.") from error


def plan(shape: ArcShape, paragraphs: int) -> tuple[PlannedStep, ...]:
    """Share ``paragraphs`` out over a shape's steps, by largest remainder, at least one each.

    With fewer paragraphs than steps the least tense inner steps are left out; the first, the tensest and the last stay,
    and what sets the story going goes last of the others.
    """
    steps = list(shape.steps)
    while len(steps) > paragraphs:
        peak = max(steps, key=lambda step: step.tension)
        inner = [step for step in steps[1:-1] if step is not peak] or steps[1:-1]
        steps.remove(min(inner, key=lambda step: (step.purpose == "inciting", step.tension)))
    spare, total = paragraphs - len(steps), sum(step.share for step in steps)
    exact = [spare * step.share / total for step in steps]
    counts = [int(x) for x in exact]
    by_remainder = sorted(range(len(steps)), key=lambda i: counts[i] - exact[i])
    for index in by_remainder[: spare - sum(counts)]:
        counts[index] += 1
    return tuple(PlannedStep(step=step, paragraphs=1 + count) for step, count in zip(steps, counts, strict=True))


def steps_for(shape: ArcShape, paragraphs: int) -> tuple[BeatPlan, ...]:
    """One entry for each beat of an outline: long steps are split so that no beat runs over ``MAX_PER_BEAT`` paragraphs.

    A very long story has at most about ``MAX_BEATS`` beats, which then run longer.
    """
    per_beat = max(MAX_PER_BEAT, -(-paragraphs // MAX_BEATS))
    beats: list[BeatPlan] = []
    steps = plan(shape, paragraphs)
    for index, planned in enumerate(steps):
        step = planned.step
        following = steps[min(index + 1, len(steps) - 1)].step
        pieces = -(-planned.paragraphs // per_beat)
        for piece in range(pieces):
            share = planned.paragraphs // pieces + (piece < planned.paragraphs % pieces)
            tension = step.tension + (following.tension - step.tension) * piece / pieces
            # Only the last piece of a resolution ends the story; only the last piece of a climax decides it.
            last = piece == pieces - 1
            purpose = step.purpose if last or step.purpose not in _ENDS else _ENDS[step.purpose]
            label = step.label if pieces == 1 else f"{step.label} {piece + 1}/{pieces}"
            beats.append(BeatPlan(label=label, purpose=purpose, tension=round(tension, 3), paragraphs=share))
    return tuple(beats)


def position(outline: Outline, paragraph: int) -> ArcPosition:
    """Where paragraph number ``paragraph`` (from 0) stands on the outline; the last beat takes all that runs over."""
    first = 0
    for index, beat in enumerate(outline.beats):
        if paragraph < first + beat.paragraphs or index == len(outline.beats) - 1:
            within = paragraph - first
            following = outline.beats[min(index + 1, len(outline.beats) - 1)].tension
            part = min(within / beat.paragraphs, 1.0)
            tension = beat.tension + (following - beat.tension) * part
            return ArcPosition(beat=index, paragraph_in_beat=within, paragraph=paragraph, tension=round(tension, 4))
        first += beat.paragraphs
    raise AssertionError("an outline has at least one beat")
