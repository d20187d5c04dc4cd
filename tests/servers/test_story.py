"""A whole story through the real vLLM, by ``fabula write``: the base model plans, each of two adapters does its own role."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cli_runner import PREMISE, error_of, fabula, stories, story_of, texts_of
from vllm_served import Served

from agents.brief import make_brief
from agents.engines import open_engine
from agents.outline import plan_outline
from agents.premise import propose
from agents.serving import flags
from agents.steps import Planned
from planner.arc import load_shape, steps_for
from planner.rows import CallKey, Output
from planner.state import Outline, Premise
from planner.store import Library

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

PARAGRAPHS = 6
MODEL_OF = {"premise": "base", "outline": "base", "generate": "generator", "summarize": "summarizer"}


@pytest.fixture
def routed(vllm_server: Served, tmp_path: Path) -> Served:
    """The server, named in a fabula.toml in the working folder by the lines that ``fabula serve`` prints."""
    (tmp_path / "fabula.toml").write_text(flags.config_lines(vllm_server.plan))
    return vllm_server


def journal(story: str) -> list[tuple[CallKey, Output]]:
    with Library.open() as library:
        return list(library.outputs(story))


def test_a_story_is_written_to_its_end_with_each_role_on_its_own_adapter(routed: Served) -> None:
    result = fabula("write", PREMISE, "--paragraphs", PARAGRAPHS, "--seed", 3, "--n", 4, "--quiet")
    assert result.exit_code == 0, (result.output, result.exception)
    (story,) = stories()
    made = story_of(story)
    assert made.done
    assert len(made.paragraphs) == PARAGRAPHS
    assert made.premise is not None
    assert made.outline is not None
    assert sum(beat.paragraphs for beat in made.outline.beats) == PARAGRAPHS
    assert all(len(paragraph.text.split()) >= 5 for paragraph in made.paragraphs)
    assert not [text for text in texts_of(story) if "<|" in text or "<she0>" in text or "<he0>" in text]
    with Library.open() as library:
        assert library.summary(library.head(story)).text
    asked = {(key.node, output.model) for key, output in journal(story)}
    assert asked == {(node, getattr(routed, name)) for node, name in MODEL_OF.items()}
    check_structured(journal(story))
    more = fabula("continue", story, "--quiet")
    assert more.exit_code == 0
    assert len(texts_of(story)) == PARAGRAPHS, "a story that is at its end stays as it is"


def check_structured(outputs: list[tuple[CallKey, Output]]) -> None:
    """Every text that was asked for by a schema fits it, whether it was used or not."""
    checked = 0
    for _, output in outputs:
        schema: dict[str, Any] | None = output.request["json_schema"]
        for completion in output.completions if schema else ():
            jsonschema.validate(json.loads(completion["text"]), schema)
            checked += 1
    assert checked, "the premise is asked for by a schema"


def test_the_same_seed_plans_the_same_story(routed: Served) -> None:
    one, other = (plan(routed, seed=11) for _ in range(2))
    assert one == other


def plan(served: Served, seed: int) -> tuple[Premise, Outline]:
    """A premise and an outline by the base model, as the first two nodes make them."""
    brief = make_brief(logline=PREMISE, paragraphs=PARAGRAPHS)
    steps = [Planned.model_validate(step.model_dump()) for step in steps_for(load_shape(brief.arc), PARAGRAPHS)]
    with closing(open_engine("server", served.base, served.url)) as engine:
        made = propose(engine, brief, seed)
        return made, plan_outline(engine, made, brief.arc, steps, seed)


def test_the_doctor_finds_the_server_its_adapters_and_where_each_role_goes(routed: Served) -> None:
    result = fabula("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    server = checks["server engine"]
    assert server["state"] == "ok"
    assert "adapters: generator on fabula-small, summarizer on fabula-small" in server["says"]
    for role in ("role generator", "role summarizer"):
        assert checks[role]["state"] == "ok", checks[role]
        assert "keeps to a JSON schema" in checks[role]["says"]
    assert result.exit_code == 0


def test_a_role_on_an_adapter_that_is_not_there_is_told_before_anything_is_written(
    routed: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FABULA_ROLES__SUMMARIZER__MODEL", "summariser")
    message = error_of(fabula("write", PREMISE, "--quiet"))
    assert "does not serve 'summariser'" in message
    assert "summarizer" in message
    assert stories() == []
