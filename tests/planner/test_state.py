"""Every value of the state is frozen, refuses what it does not know, and says what it is in JSON Schema."""

from __future__ import annotations

import inspect
import json
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError
from story_samples import ANNA, DECISION, DRAFT, FACT, FINDING, INN, KEY, OUTLINE, POSITION, PREMISE, SUMMARY

from planner import state
from planner.state import Beat, Entity, Fact, Model, Outline, Premise, StoryState

SAMPLES: tuple[Model, ...] = (
    ANNA,
    PREMISE,
    OUTLINE,
    OUTLINE.beats[0],
    POSITION,
    FACT,
    FINDING,
    DECISION,
    DRAFT,
    SUMMARY,
)
by_name = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)


def test_every_model_of_the_state_is_in_these_tests() -> None:
    models = {kind for _, kind in inspect.getmembers(state, inspect.isclass) if issubclass(kind, Model)} - {Model}
    assert models == {type(sample) for sample in SAMPLES}


@by_name
def test_a_value_cannot_be_changed(sample: Model) -> None:
    for field in type(sample).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(sample, field, None)


@by_name
def test_an_unknown_field_is_an_error(sample: Model) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        type(sample).model_validate({**sample.model_dump(), "mood": "dark"})


@by_name
def test_a_value_comes_back_from_json_as_it_was(sample: Model) -> None:
    assert type(sample).model_validate_json(sample.model_dump_json()) == sample


@by_name
def test_the_json_schema_is_valid_accepts_the_value_and_refuses_another(sample: Model) -> None:
    schema = type(sample).model_json_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    value = json.loads(sample.model_dump_json())
    assert validator.is_valid(value)
    assert not validator.is_valid({**value, "mood": "dark"})


@pytest.mark.parametrize("channel", StoryState.__annotations__)
def test_every_channel_of_the_state_has_a_json_schema(channel: str) -> None:
    schema = TypeAdapter(get_type_hints(StoryState)[channel]).json_schema()
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid({"mood": "dark"})


def test_two_entities_of_a_premise_cannot_share_an_id() -> None:
    twin = KEY.model_copy(update={"id": "anna"})
    with pytest.raises(ValidationError, match="share an id"):
        Premise(logline="x", genre="mystery", tone="dry", cast=(ANNA,), setting=(INN,), things=(twin,))


def test_a_premise_names_its_entities_people_first() -> None:
    assert PREMISE.entities == (ANNA, INN, KEY)


def test_the_length_of_an_outline_is_that_of_its_beats() -> None:
    assert OUTLINE.paragraphs == 4


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Premise, {"logline": " ", "genre": "x", "tone": "x", "cast": (ANNA,), "setting": (INN,)}),
        (Premise, {"logline": "x" * 2001, "genre": "x", "tone": "x", "cast": (ANNA,), "setting": (INN,)}),
        (Premise, {"logline": "x", "genre": "x", "tone": "x", "cast": (), "setting": (INN,)}),
        (Premise, {"logline": "x", "genre": "x", "tone": "x", "cast": (ANNA,), "setting": ()}),
        (Outline, {"arc": "x", "beats": ()}),
        (Beat, {"purpose": "setup", "label": "x", "happens": "x", "paragraphs": 0}),
        (Beat, {"purpose": "setup", "label": "x", "happens": "x", "tension": 1.1}),
        (Beat, {"purpose": "dance", "label": "x", "happens": "x"}),
        (Entity, {"id": "Anna", "kind": "character", "name": "Anna"}),
        (Entity, {"id": "anna", "kind": "ghost", "name": "Anna"}),
        (Fact, {"paragraph": -1, "subject": "anna", "relation": "at"}),
        (Fact, {"paragraph": 0, "subject": "anna", "relation": "hates"}),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused(kind: type[Model], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(values)
