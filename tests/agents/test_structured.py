"""One structured answer: read, validated, asked for once more, and else refused with one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from agent_samples import Recorder, Schemaless, SlotsRecorder
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agents.brief import make_brief
from agents.engines.base import Completion, OnText, Prompt, Request, Sampling
from agents.engines.scripted import ScriptedEngine
from agents.outline import OutlineProposal, beats_of, outline_schema
from agents.premise import Proposal, propose
from agents.structured import Lines, ask
from prompts.errors import BadOutput, NoStructuredOutput


class Cat(BaseModel):
    name: str
    age: int


REQUEST = Request(
    prompt=Prompt(text="Tell of a cat.", system="You know cats."), seed=7, sampling=Sampling(max_tokens=40),
    json_schema={"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}},
)  # fmt: skip
GOOD = '{"name": "Tom", "age": 3}'
IN_LINES = Lines(Prompt(text="Tell of a cat in lines.", system="You know lines."), frozenset({"name", "age"}), dict)


def asked(engine: ScriptedEngine, lines: Lines | None = IN_LINES, **changes: Any) -> Cat:
    return ask(engine, REQUEST.model_copy(update=changes), Cat, "cat", lines)


def test_a_good_answer_is_one_call() -> None:
    engine = Recorder([GOOD])
    assert asked(engine) == Cat(name="Tom", age=3)
    assert engine.requests == [REQUEST]


def test_a_bad_answer_is_shown_with_what_is_wrong_and_asked_for_again() -> None:
    engine = Recorder(['{"name": "Tom", "age": "old"}', GOOD])
    assert asked(engine).age == 3
    again = engine.requests[1]
    assert again.seed != REQUEST.seed
    assert again.json_schema == REQUEST.json_schema
    assert again.prompt.system == REQUEST.prompt.system
    assert again.prompt.text.startswith("Tell of a cat.\n")  # the server still has the cache of that
    assert '{"name": "Tom", "age": "old"}' in again.prompt.text
    assert "cannot be used: age is wrong (" in again.prompt.text


def test_what_is_missing_is_named() -> None:
    engine = Recorder(['{"name": "Tom"}', GOOD])
    asked(engine)
    assert "cannot be used: age is missing." in engine.requests[1].prompt.text


def test_a_model_that_writes_no_json_is_asked_for_lines() -> None:
    engine = Recorder(["Tom is three years old.\n---\nThe end.", "Name: Tom\nAge: 3"])
    assert asked(engine) == Cat(name="Tom", age=3)
    again = engine.requests[1]
    assert again.json_schema is None
    assert again.prompt.system == "You know lines."
    assert "in lines.\n" in again.prompt.text
    assert "Tom is three" in again.prompt.text


def test_lines_are_read_although_json_was_asked_for() -> None:
    engine = Recorder(["Name: Tom\nAge: 3"])
    assert asked(engine) == Cat(name="Tom", age=3)


def test_twice_a_bad_answer_is_refused_in_one_sentence_with_what_was_written() -> None:
    engine = Recorder(['{"name": "Tom"}', '{"age": 1}'])
    with pytest.raises(
        BadOutput, match=r"^The model's cat is not the JSON .* \(name is missing\); the story is kept: "
    ) as raised:
        asked(engine)
    assert raised.value.raw == '{"age": 1}'
    assert len(engine.requests) == 2


def test_a_server_that_refuses_the_schema_is_asked_for_lines_at_once_and_once_more() -> None:
    engine = Schemaless(["no", "name: Tom\nage: 3"])
    assert asked(engine) == Cat(name="Tom", age=3)
    assert [request.json_schema is None for request in engine.requests] == [False, True, True]
    assert engine.requests[1].prompt == IN_LINES.prompt
    assert engine.requests[1].seed == REQUEST.seed != engine.requests[2].seed
    with pytest.raises(BadOutput):
        asked(Schemaless(["no", "never"]))


def test_a_server_that_refuses_the_schema_only_at_the_second_turn_is_asked_for_lines() -> None:
    class Moved(Recorder):
        def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
            if self.calls == 1 and request.json_schema is not None:
                raise NoStructuredOutput("The server takes no JSON schema.")
            return super().complete(request, on_text)

    engine = Moved(['{"name": 1}', "name: Tom\nage: 3"])
    assert asked(engine) == Cat(name="Tom", age=3)
    assert engine.requests[1].prompt.system == "You know lines."


def test_without_a_form_in_lines_the_refusal_stands() -> None:
    with pytest.raises(NoStructuredOutput):
        asked(Schemaless([]), lines=None)


def test_an_answer_that_was_cut_off_gets_more_room() -> None:
    engine = Recorder(lambda request, index: GOOD[:-1], cut=[0])
    with pytest.raises(BadOutput, match="cut off after"):
        asked(engine)
    assert [request.sampling.max_tokens for request in engine.requests] == [40, 80]
    assert "it was cut off after" in engine.requests[1].prompt.text
    assert engine.requests[1].json_schema is not None


def test_the_small_model_whose_context_is_full_gets_no_more_room() -> None:
    engine = SlotsRecorder(lambda request, index: GOOD[:-1], cut=[0])
    with pytest.raises(BadOutput, match="cut off after"):
        asked(engine, lines=None)
    assert [request.sampling.max_tokens for request in engine.requests] == [40, 40]


def test_the_small_model_is_asked_the_same_with_another_seed() -> None:
    engine = SlotsRecorder(["no", "no", GOOD, "no"])
    assert asked(engine, lines=None, n=2) == Cat(name="Tom", age=3)
    first, second = engine.requests
    assert second == first.model_copy(update={"seed": second.seed})
    assert second.seed != first.seed


def test_a_long_bad_answer_does_not_fill_the_prompt() -> None:
    engine = Recorder(["{" + "blah " * 20_000, GOOD])
    asked(engine)
    assert len(engine.requests[1].prompt.text) < 5_000


def test_any_seed_has_another() -> None:
    engine = Recorder(["no", GOOD])
    asked(engine, seed=2**32 - 1)
    assert 0 <= engine.requests[1].seed < 2**32


@given(
    st.text(max_size=120) | st.text("{}[]\"':,\\`\n namecast12.", max_size=80),
    st.sampled_from(["premise", "outline", "cat"]),
)
def test_garbage_raises_nothing_but_bad_output(text: str, what: str) -> None:
    kinds: dict[str, tuple[type[BaseModel], Lines | None]] = {
        "premise": (Proposal, None), "cat": (Cat, IN_LINES),
        "outline": (OutlineProposal, Lines(Prompt(text="?"), frozenset({"beat"}), beats_of)),
    }  # fmt: skip
    kind, lines = kinds[what]
    for cut in ((), (0,)):
        refused = None
        try:
            assert isinstance(ask(Recorder(lambda *_: text, cut=cut), REQUEST, kind, what, lines), kind)
        except BadOutput as error:
            refused = error
        assert refused is None or refused.raw == text


def test_no_string_of_a_schema_can_run_into_the_token_limit() -> None:
    from agent_samples import PREMISE

    engine = Recorder()
    propose(engine, make_brief(logline="A baker waits."), 1)
    schemas = [request.json_schema for request in engine.requests if request.json_schema]
    loose = [part for schema in (*schemas, outline_schema(PREMISE, 3)) for part in strings(schema)]
    assert loose
    assert [part for part in loose if "maxLength" not in part and "{" not in part.get("pattern", "")] == []


def strings(schema: Any) -> list[dict[str, Any]]:
    """Every part of a schema that allows a string which it does not spell out."""
    if isinstance(schema, list):
        return [part for item in schema for part in strings(item)]
    if not isinstance(schema, dict):
        return []
    inner = [part for item in schema.values() for part in strings(item)]
    return [schema, *inner] if schema.get("type") == "string" else inner
