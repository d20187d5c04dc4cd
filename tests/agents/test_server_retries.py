"""What may pass is asked again, after the time that the server wishes for; what may not is told at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from stub_server import Answer, Stub, as_json, choice, completion, delta, refused, stream

from agents.engines import client
from agents.engines.base import Prompt, Request
from agents.engines.client import Client
from agents.engines.server import ServerEngine
from prompts.errors import ServerUnreachable

ASK = Request(prompt=Prompt(text="Go on."), seed=7)
FINE = as_json(completion(choice("One.")))


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def engine(stub: Stub, waits: list[float]) -> Iterator[ServerEngine]:
    with closing(ServerEngine(stub.url, prompt="chat", retries=3)) as engine:
        engine._client = Client(stub.url, retries=3, sleep=waits.append)
        yield engine


@pytest.mark.parametrize(
    "bad",
    [
        *(as_json({"error": {"message": "later"}}, status) for status in (408, 409, 429, 500, 502, 503)),
        as_json(completion()),
        (200, "text/html", b"<html>starting</html>"),
        (200, "application/json", b"{cut"),
    ],
    ids=lambda answer: f"{answer[0]}-{len(answer[2])}",
)
def test_what_may_pass_is_asked_again(stub: Stub, engine: ServerEngine, waits: list[float], bad: Answer) -> None:
    stub.answers = [bad, bad, FINE]
    assert engine.complete(ASK)[0].text == "One."
    assert len(stub.asked) == 3
    assert len(waits) == 2
    assert 0.5 <= waits[0] <= waits[1] <= 21


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_will_not_pass_is_told_at_once(stub: Stub, engine: ServerEngine, waits: list[float], status: int) -> None:
    stub.answers = [as_json({"error": {"message": "The model `tale-1` does not exist."}}, status)]
    message = refused(lambda: engine.complete(ASK))
    assert stub.url in message
    assert waits == []
    if status == 404:
        assert "load the model there again" in message


def test_an_empty_purse_is_not_waited_for(stub: Stub, engine: ServerEngine, waits: list[float]) -> None:
    stub.answers = [as_json({"error": {"message": "pay first", "code": "insufficient_quota"}}, 429)]
    assert "pay first" in refused(lambda: engine.complete(ASK))
    assert waits == []


def test_the_server_says_how_long_to_wait(stub: Stub, engine: ServerEngine, waits: list[float]) -> None:
    stub.headers = {"Retry-After": "7"}
    stub.answers = [as_json({"error": {"message": "slowly"}}, 429), FINE]
    engine.complete(ASK)
    assert waits == [7.0]


def test_a_server_that_wishes_for_an_hour_is_not_waited_for_so_long(
    stub: Stub, engine: ServerEngine, waits: list[float]
) -> None:
    stub.headers = {"Retry-After": "3600"}
    stub.answers = [as_json({"error": {"message": "slowly"}}, 503), FINE]
    engine.complete(ASK)
    assert waits == [120.0]


def test_a_server_that_comes_back_is_found_again(stub: Stub, engine: ServerEngine, waits: list[float]) -> None:
    stub.broken = True
    stub.answers = [FINE, FINE, FINE, FINE]
    refused(lambda: engine.complete(ASK), ServerUnreachable)
    assert len(waits) == 3
    stub.broken = False
    stub.answers = [FINE]
    assert engine.complete(ASK)[0].text == "One."


def test_a_stream_that_broke_off_is_begun_again_and_nothing_is_shown_twice(
    stub: Stub, engine: ServerEngine, waits: list[float]
) -> None:
    whole = [delta("Once "), delta("upon "), delta("a time.", "stop")]
    cut = stream(*whole[:2], end=False)
    status, kind, body = cut

    def broken(_: str) -> Answer:
        stub.broken = True
        return cut

    def mended(_: str) -> Answer:
        stub.broken = False
        return stream(*whole)

    stub.answers = [broken, mended]
    shown: list[str] = []
    (one,) = engine.complete(ASK, shown.append)
    assert one.text == "Once upon a time."
    assert shown == ["Once ", "upon ", "a time."]
    assert (status, kind, bool(body)) == (200, "text/event-stream", True)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_server_that_falls_silent_is_asked_again(stub: Stub, waits: list[float], streamed: bool) -> None:
    def silent(_: str) -> Answer:
        time.sleep(1.0)
        return FINE

    with closing(ServerEngine(stub.url, prompt="chat")) as engine:
        engine._client = Client(stub.url, timeout=0.3, retries=1, sleep=waits.append)
        stub.answers = [silent, stream(delta("One.", "stop")) if streamed else FINE]
        assert engine.complete(ASK, (lambda _: None) if streamed else None)[0].text == "One."
    assert len(waits) == 1


def test_another_telling_after_a_broken_one_is_not_mixed_into_what_was_shown(stub: Stub, engine: ServerEngine) -> None:
    def broken(_: str) -> Answer:
        stub.broken = True
        return stream(delta("Once "), end=False)

    def mended(_: str) -> Answer:
        stub.broken = False
        return stream(delta("Long "), delta("ago.", "stop"))

    stub.answers = [broken, mended]
    shown: list[str] = []
    assert engine.complete(ASK, shown.append)[0].text == "Long ago."
    assert shown == ["Once "]


def test_an_address_with_a_password_is_told_without_it(stub: Stub) -> None:
    stub.models = as_json({"error": {"message": "no"}}, 400)
    url = stub.url.replace("//", "//anna:hunter2@")
    message = refused(lambda: ServerEngine(url, retries=0))
    assert "127.0.0.1" in message
    assert "hunter2" not in message


def test_a_long_list_of_models_is_cut_and_the_near_one_named(stub: Stub) -> None:
    names = [f"tale-{number}" for number in range(300)]
    stub.models = as_json({"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
    message = refused(lambda: ServerEngine(stub.url, "tail-7", retries=0))
    assert "did you mean 'tale-7'?" in message
    assert "and 292 more" in message


@pytest.mark.parametrize("busy", [[503, 429], [500]])
def test_a_server_that_is_busy_when_it_is_got_to_know_is_not_taken_for_another_kind(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, busy: list[int]
) -> None:
    monkeypatch.setattr(client, "_wait", lambda state: 0)
    stub.tokens = {"<|write|>": [5], "<she1>": [7]}
    stub.busy = list(busy)
    with closing(ServerEngine(stub.url)) as engine:
        assert engine.prompt == "slots"
        stub.busy = list(busy)
        stub.answers = [as_json({"choices": [{"index": 0, "text": "One.", "finish_reason": "stop"}]})]
        engine.complete(ASK.model_copy(update={"ban": ("<she1>",)}))
    assert stub.asked[0]["logit_bias"] == {"7": -100}


def test_a_server_that_cannot_tell_its_tokens_is_asked_as_a_chat(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_wait", lambda state: 0)
    stub.tokens = {"<|write|>": [5]}
    stub.busy = [500] * 20
    with closing(ServerEngine(stub.url)) as engine:
        assert engine.prompt == "chat"
