"""The engine for OpenAI-compatible endpoints, against a small server of that kind in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from stub_server import KEY, Answer, Stub, as_json, choice, completion, delta, refused, stream

from agents.engines import open_engine
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.engines.server import ServerEngine
from prompts.errors import EngineError, ServerUnreachable

ASK = Request(prompt=Prompt(system="You write.", text="Go on."), seed=7)


@pytest.fixture
def engine(stub: Stub) -> Iterator[ServerEngine]:
    with closing(ServerEngine(stub.url, retries=1)) as engine:
        yield engine


def test_it_is_an_engine_opened_by_name(stub: Stub) -> None:
    with closing(open_engine("server", "tale-2", stub.url)) as engine:
        assert isinstance(engine, Engine)
        assert (engine.name, engine.model, engine.style) == ("server", "tale-2", "plain")


def test_without_a_model_the_first_one_served_is_taken(engine: ServerEngine) -> None:
    assert engine.model == "tale-1"
    assert engine.models() == ["tale-1", "tale-2"]


def test_a_model_that_is_not_served_is_refused_with_those_that_are(stub: Stub) -> None:
    message = refused(lambda: ServerEngine(stub.url, "novel-9"))
    assert "'novel-9'" in message
    assert "tale-1, tale-2" in message


def test_a_server_without_a_model_list_serves_the_model_named(stub: Stub) -> None:
    stub.models = as_json({"object": "list", "data": []})
    with closing(ServerEngine(stub.url, "any")) as engine:
        assert engine.model == "any"
    assert "serves no model" in refused(lambda: ServerEngine(stub.url))


def test_a_request_goes_out_as_chat_with_its_sampling_and_key(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json(completion(choice("One."), choice("Two.", 1)))]
    sampling = Sampling(
        temperature=0.5, top_p=0.9, top_k=3, min_p=0.1, repetition_penalty=1.2, max_tokens=9, stop=("END",)
    )
    engine.complete(ASK.model_copy(update={"n": 2, "sampling": sampling, "ban": ("<she1>",)}))
    assert stub.asked == [
        {
            "model": "tale-1", "n": 2, "seed": 7, "logprobs": True, "temperature": 0.5, "top_p": 0.9, "max_tokens": 9,
            "stop": ["END"], "top_k": 3, "min_p": 0.1, "repetition_penalty": 1.2,
            "messages": [{"role": "system", "content": "You write."}, {"role": "user", "content": "Go on."}],
        }
    ]  # fmt: skip
    assert set(stub.keys) == {f"Bearer {KEY}"}


def test_a_request_without_extras_sends_none(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json(completion(choice("One.")))]
    engine.complete(Request(prompt=Prompt(text="Go.")))
    (asked,) = stub.asked
    assert asked["messages"] == [{"role": "user", "content": "Go."}]
    assert not {"top_k", "min_p", "repetition_penalty", "stop", "response_format", "stream"} & set(asked)


def test_a_schema_or_a_pattern_is_passed_on(stub: Stub, engine: ServerEngine) -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}
    stub.answers = [as_json(completion(choice("{}"))), as_json(completion(choice("a")))]
    engine.complete(ASK.model_copy(update={"json_schema": schema}))
    engine.complete(ASK.model_copy(update={"regex": "a|b"}))
    assert stub.asked[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema},
    }
    assert stub.asked[1]["structured_outputs"] == {"regex": "a|b"}


def test_every_candidate_comes_back_with_its_likelihood_and_length(stub: Stub, engine: ServerEngine) -> None:
    answer = completion(choice("One.", logprobs=[-1.0, -0.5]), choice("Two", 1, "length"), choice(None, 2))
    stub.answers = [as_json(answer)]
    one, two, three = engine.complete(ASK.model_copy(update={"n": 3}))
    assert (one.text, one.tokens, one.prompt_tokens, one.logprob, one.finish) == ("One.", 2, 11, -1.5, "stop")
    assert (two.text, two.tokens, two.logprob, two.finish) == ("Two", 2, None, "length")
    assert three.text == ""


def test_an_answer_without_usage_is_fine(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json(completion(choice("One."), usage=False))]
    (one,) = engine.complete(ASK)
    assert (one.text, one.tokens, one.prompt_tokens) == ("One.", 0, 0)


def test_a_single_candidate_is_streamed(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [stream(delta("Once ", logprob=-1.0), delta("upon", logprob=-2.0), delta("", "length"))]
    shown: list[str] = []
    (one,) = engine.complete(ASK, shown.append)
    assert shown == ["Once ", "upon"]
    assert (one.text, one.tokens, one.logprob, one.finish) == ("Once upon", 2, -3.0, "length")
    assert stub.asked[0]["stream"] is True


def test_a_stream_without_likelihoods_is_fine(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [stream(delta("Once upon a time"), end=False)]
    (one,) = engine.complete(ASK, lambda _: None)
    assert (one.text, one.tokens, one.logprob, one.finish) == ("Once upon a time", 4, None, "stop")


def test_a_failing_server_is_asked_again(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json({"error": {"message": "busy"}}, 500), as_json(completion(choice("One.")))]
    assert engine.complete(ASK)[0].text == "One."
    assert stub.asked[0] == stub.asked[1]


def test_a_server_that_keeps_failing_is_an_error_with_its_reason(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json({"error": {"message": "out of memory"}}, 500)] * 2
    message = refused(lambda: engine.complete(ASK))
    assert f"{stub.url} refused the request (500): out of memory" in message


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_says_which_variable_to_set(stub: Stub, engine: ServerEngine, status: int) -> None:
    stub.answers = [lambda key: as_json({"error": {"message": f"wrong key {key}"}}, status)]
    assert "set FABULA_API_KEY" in refused(lambda: engine.complete(ASK))
    stub.models = as_json({"error": {"message": KEY}}, status)
    assert "set FABULA_API_KEY" in refused(lambda: ServerEngine(stub.url))


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": f"no\n such key {KEY}"}}, {"error": KEY}, {"message": KEY}, [KEY], KEY, {"error": {}}],
)
def test_a_server_that_repeats_the_key_does_not_bring_it_into_the_message(
    stub: Stub, engine: ServerEngine, body: object
) -> None:
    stub.answers = [as_json(body, 400)]
    assert "refused the request (400)" in refused(lambda: engine.complete(ASK))


def test_the_other_variable_is_used_when_ours_is_not_set(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_API_KEY", "")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    ServerEngine(stub.url, prompt="chat").close()
    monkeypatch.delenv("OPENAI_API_KEY")
    ServerEngine(stub.url, prompt="chat").close()
    assert stub.keys == ["Bearer sk-other", "Bearer none"]


def test_a_server_that_is_not_there_is_told_with_its_address(stub: Stub, engine: ServerEngine) -> None:
    gone = Stub()
    gone.server_close()
    assert gone.url in refused(lambda: ServerEngine(gone.url, retries=0), ServerUnreachable)


def test_an_answer_without_candidates_is_an_error(stub: Stub, engine: ServerEngine) -> None:
    stub.answers = [as_json(completion())] * 2
    assert "without a text" in refused(lambda: engine.complete(ASK))


@pytest.mark.parametrize(
    "answer",
    [
        (200, "text/html", b"<html>Hello</html>"),
        (200, "application/json", b"{broken"),
        (200, "application/json", b""),
        as_json({}),
        as_json([]),
        as_json({"choices": None}),
        as_json({"choices": [{}]}),
        as_json({"choices": "many"}),
        as_json("text"),
    ],
)
def test_what_is_no_answer_of_such_a_server_is_an_error(stub: Stub, engine: ServerEngine, answer: Answer) -> None:
    stub.answers = [answer] * 2
    assert stub.url in refused(lambda: engine.complete(ASK))
    stub.models = answer
    assert stub.url in refused(lambda: ServerEngine(stub.url, retries=0))


@pytest.mark.parametrize(
    "answer",
    [(200, "text/event-stream", b"data: {broken\n\n"), stream(delta("Once "), end=False)],
    ids=["broken", "cut"],
)
def test_a_stream_that_breaks_off_is_an_error(stub: Stub, engine: ServerEngine, answer: Answer) -> None:
    stub.answers = [answer] * 2
    stub.broken = answer[2].startswith(b'data: {"id"')
    message = refused(lambda: engine.complete(ASK, lambda _: None), ServerUnreachable if stub.broken else EngineError)
    assert stub.url in message


def test_a_text_is_not_scored_but_counted_about(engine: ServerEngine) -> None:
    assert "embedded" in refused(lambda: engine.score(Prompt(text="a"), ["b"]))
    assert [engine.count_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
