"""The engine without a model answers every kind of request, the same way every time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from agent_samples import PREMISE
from jsonschema import Draft202012Validator

from agents.engines import open_engine
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.engines.scripted import ScriptedEngine, digest
from agents.outline import outline_schema
from prompts.errors import InputError


def ask(text: str, seed: int = 0, n: int = 1) -> list[str]:
    return [c.text for c in ScriptedEngine().complete(Request(prompt=Prompt(text=text), seed=seed, n=n))]


def test_it_is_an_engine_opened_by_name() -> None:
    engine = open_engine("scripted")
    assert isinstance(engine, Engine)
    assert isinstance(engine, ScriptedEngine)
    engine.close()
    engine.close()


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no engine 'magic'; choose embedded, server, offline, scripted"):
        open_engine("magic")


def test_equal_requests_get_equal_answers_and_other_seeds_others() -> None:
    prompt = "On stage: Mara, the clock. Nobody else acts."
    assert ask(prompt, seed=1, n=3) == ask(prompt, seed=1, n=3)
    assert ask(prompt, seed=1) != ask(prompt, seed=2)
    assert len(set(ask(prompt, n=3))) == 3


def test_a_paragraph_speaks_only_of_who_is_on_stage() -> None:
    for sentence in ask("On stage: Mara, the clock. Nobody else acts.")[0].split(". "):
        assert sentence.startswith(("Mara ", "The clock "))


def test_a_summary_stays_bounded() -> None:
    text = "(nothing yet)"
    for seed in range(12):
        (text,) = ask(f"Summary so far: {text}\nNew paragraph: x", seed)
        assert "nothing yet" not in text
        assert 1 <= text.count(".") <= 6
    assert text.count(".") == 6


def test_a_title_request_gets_a_title() -> None:
    (title,) = ask("Premise: x\nTitle:")
    assert title.startswith("The ")
    assert len(title.split()) == 3


def test_an_answer_to_a_schema_fits_it() -> None:
    schema = outline_schema(PREMISE, 4)
    for seed in range(5):
        (completion,) = ScriptedEngine().complete(Request(prompt=Prompt(text="x"), json_schema=schema, seed=seed))
        Draft202012Validator(schema).validate(json.loads(completion.text))


def test_a_script_or_lines_override_the_answers() -> None:
    request = Request(prompt=Prompt(text="now"), n=2, seed=5)
    spoken = ScriptedEngine(lambda asked, index: f"{asked.prompt.text} {asked.seed} {index}").complete(request)
    assert [c.text for c in spoken] == ["now 5 0", "now 5 1"]
    assert [c.text for c in ScriptedEngine(["one", "two"]).complete(request)] == ["one", "two"]


def test_the_stream_is_the_text_of_the_first_candidate() -> None:
    pieces: list[str] = []
    first, _ = ScriptedEngine(["one two\n three", "other"]).complete(
        Request(prompt=Prompt(text="x"), n=2), pieces.append
    )
    assert len(pieces) == 3
    assert "".join(pieces) == first.text


def test_calls_and_tokens_are_counted() -> None:
    engine = ScriptedEngine(["a b c"])
    (completion,) = engine.complete(Request(prompt=Prompt(system="one two", text="three"), sampling=Sampling()))
    assert (engine.calls, engine.prompt_tokens) == (1, 3)
    assert (completion.tokens, completion.prompt_tokens, completion.logprob) == (3, 3, -3.0)
    assert engine.score(Prompt(text="x"), ["a b", ""]) == [[-1.0, -1.0], []]


def test_a_call_is_logged_before_it_is_answered_and_can_be_slowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "calls"
    monkeypatch.setenv("SCRIPTED_LOG", str(log))
    monkeypatch.setenv("SCRIPTED_DELAY", "0.05")
    started = time.monotonic()
    ask("x", seed=4)
    ask("y", seed=4)
    assert time.monotonic() - started >= 0.1
    assert log.read_text().split() == [digest("x", 4), digest("y", 4)]
    assert digest("x", 4) != digest("x", 5)


@pytest.mark.parametrize(
    ("prompt", "joined"), [(Prompt(text="t"), "t"), (Prompt(system="s", text="t"), "s\n\nt")]
)  # fmt: skip
def test_a_prompt_joins_its_system_part_by_a_blank_line(prompt: Prompt, joined: str) -> None:
    assert prompt.joined() == joined
