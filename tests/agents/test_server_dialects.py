"""How a server is asked: the prompt style that suits its model, and without what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from stub_server import Answer, Stub, as_json, choice, completion, delta, refused, stream

from agents.engines.base import Prompt, Request, Sampling
from agents.engines.dialects import PromptStyle
from agents.engines.server import ServerEngine
from prompts.errors import NoStructuredOutput

ASK = Request(prompt=Prompt(system="You write.", text="Go on."), seed=7)
SCHEMA = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}


def text_choice(text: str, logprobs: list[float] | None = None, finish: str = "stop") -> dict[str, Any]:
    listed = (
        {"tokens": ["x"], "token_logprobs": logprobs, "text_offset": [0], "top_logprobs": None} if logprobs else None
    )
    return {"index": 0, "text": text, "finish_reason": finish, "logprobs": listed}


def text_answer(*choices: dict[str, Any]) -> Answer:
    used = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}
    return as_json(
        {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": choices, "usage": used}
    )


def refusal(message: str, status: int = 400) -> Answer:
    return as_json({"error": {"message": message, "type": "BadRequestError"}}, status)


def opened(stub: Stub, prompt: PromptStyle = "auto") -> closing[ServerEngine]:
    return closing(ServerEngine(stub.url, prompt=prompt, retries=0))


@pytest.fixture
def slots(stub: Stub) -> Iterator[ServerEngine]:
    stub.tokens = {"<|write|>": [5], "<she1>": [7], "<he2>": [8], "<odd>": [1, 2]}
    with opened(stub) as engine:
        yield engine


def test_a_model_that_knows_the_control_tokens_is_asked_in_slots(stub: Stub, slots: ServerEngine) -> None:
    assert (slots.prompt, slots.style) == ("slots", "slots")
    stub.answers = [text_answer(text_choice("<she1> slept.", [-0.5, -0.25]))]
    request = Request(prompt=Prompt(text="<|write|>Go<|text|>"), ban=("<he2>", "<odd>", "<none>"))
    (one,) = slots.complete(request)
    assert (one.text, one.tokens, one.logprob, one.prompt_tokens) == ("<she1> slept.", 2, -0.75, 5)
    (asked,) = stub.asked
    assert asked["prompt"] == "<|write|>Go<|text|>"
    assert asked["logit_bias"] == {"8": -100}
    assert (asked["add_special_tokens"], asked["skip_special_tokens"]) == (False, False)
    assert "messages" not in asked


def test_slots_are_counted_by_the_bundled_tokenizer(slots: ServerEngine) -> None:
    assert slots.count_tokens("<she1>") == 1
    assert slots.count_tokens("") == 0


def test_a_model_without_a_chat_template_is_given_a_text_to_go_on_with(stub: Stub) -> None:
    stub.answers = [
        refusal("default chat template is no longer allowed, so you must provide a chat template"),
        text_answer(text_choice("One.", finish="length")), text_answer(text_choice("{}")),
    ]  # fmt: skip
    with opened(stub) as engine:
        assert engine.style == "plain"
        assert engine.complete(ASK)[0].finish == "length"
        engine.complete(ASK.model_copy(update={"json_schema": SCHEMA}))
    chat, text, structured = stub.asked
    assert "messages" in chat
    assert text["prompt"] == "You write.\n\nGo on.\n"
    assert text["stop"] == ["\n\n"]
    assert "stop" not in structured
    assert structured["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_style_that_was_asked_for_is_kept(stub: Stub) -> None:
    stub.answers = [refusal("you must provide a chat template")]
    with opened(stub, "chat") as engine:
        assert "chat template" in refused(lambda: engine.complete(ASK))
    with opened(stub, "completion") as engine:
        stub.answers = [text_answer(text_choice("One."))]
        engine.complete(ASK)
    assert len(stub.asked) == 2


@pytest.mark.parametrize(
    ("message", "gone"),
    [
        ("Unrecognized request argument supplied: top_k", "top_k"),
        ("logprobs are not supported with this model", "logprobs"),
        ("`seed` is not supported", "seed"),
        ("Unsupported value: 'temperature' does not support 0.8", "temperature"),
    ],
)
def test_what_a_server_refuses_and_a_story_can_do_without_is_left_out_from_then_on(
    stub: Stub, message: str, gone: str
) -> None:
    fine = as_json(completion(choice("One.")))
    stub.answers = [refusal(message), fine, fine]
    request = ASK.model_copy(update={"sampling": Sampling(top_k=5)})
    with opened(stub) as engine:
        for _ in range(2):
            assert engine.complete(request)[0].text == "One."
    assert [gone in asked for asked in stub.asked] == [True, False, False]


def test_a_server_that_calls_max_tokens_otherwise_is_understood(stub: Stub) -> None:
    stub.answers = [
        refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        as_json(completion(choice("One."))),
    ]
    with opened(stub) as engine:
        engine.complete(ASK)
    assert stub.asked[1]["max_completion_tokens"] == stub.asked[0]["max_tokens"]
    assert "max_tokens" not in stub.asked[1]


def test_a_refusal_of_something_else_stands(stub: Stub) -> None:
    stub.answers = [refusal("This model's maximum context length is 512 tokens.")]
    with opened(stub) as engine:
        assert "maximum context length" in refused(lambda: engine.complete(ASK))
    assert len(stub.asked) == 1


def test_a_server_without_structured_output_says_so_in_a_class_of_its_own(stub: Stub) -> None:
    stub.answers = [refusal("response_format is not supported")]
    with opened(stub) as engine:
        message = refused(lambda: engine.complete(ASK.model_copy(update={"json_schema": SCHEMA})), NoStructuredOutput)
    assert "takes no JSON schema" in message


def test_a_server_that_gives_one_text_at_a_time_is_asked_for_the_rest(stub: Stub) -> None:
    stub.answers = [as_json(completion(choice(text))) for text in ("One.", "Two.", "Three.")]
    with opened(stub) as engine:
        found = engine.complete(ASK.model_copy(update={"n": 3}))
    assert [one.text for one in found] == ["One.", "Two.", "Three."]
    assert [(asked["n"], asked["seed"]) for asked in stub.asked] == [(3, 7), (2, 8), (1, 9)]


def test_of_several_candidates_the_first_is_shown_as_it_grows(stub: Stub) -> None:
    two = [delta("Two"), delta(" lies.", "stop")]
    for piece in two:
        piece["index"] = 1
    stub.answers = [stream(two[0], delta("One "), two[1], delta("tale.", "stop"))]
    shown: list[str] = []
    with opened(stub) as engine:
        found = engine.complete(ASK.model_copy(update={"n": 2}), shown.append)
    assert [one.text for one in found] == ["One tale.", "Two lies."]
    assert shown == ["One ", "tale."]
    assert stub.asked[0]["stream_options"] == {"include_usage": True}


def test_a_text_is_streamed_from_the_other_interface_too(stub: Stub, slots: ServerEngine) -> None:
    stub.answers = [stream(text_choice("<she1> ", [-1.0], ""), text_choice("slept.", [-2.0]))]
    shown: list[str] = []
    (one,) = slots.complete(Request(prompt=Prompt(text="<|write|>")), shown.append)
    assert (one.text, one.tokens, one.logprob) == ("<she1> slept.", 2, -3.0)
    assert shown == ["<she1> ", "slept."]


def test_what_was_delivered_is_kept_when_the_rest_fails(stub: Stub) -> None:
    stub.answers = [as_json(completion(choice("One."))), refusal("out of memory")]
    with opened(stub) as engine:
        found = engine.complete(ASK.model_copy(update={"n": 3}))
    assert [one.text for one in found] == ["One."]
