"""Roles of the offline engine: one vLLM for all that differ in nothing but the adapter, against a stand-in for vLLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_vllm import Fake, install

from agents.engines import tensorfile
from agents.engines.base import Prompt, Request
from agents.engines.embedded import BUNDLED
from planner.commands.common import open_engines
from planner.options import Settings
from planner.role_engines import close_engines
from planner.routing import Route, note, remembered, route, routes
from planner.settings import FILE, load
from prompts.errors import EngineError, InputError, ModelMissing

ASK = Request(prompt=Prompt(text="Go on."), seed=7)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    return install(monkeypatch)


def lora(path: Path, rank: int = 4, wider: int = 0) -> Path:
    """A LoRA adapter whose one matrix is as wide as the bundled model, or ``wider``."""
    path.mkdir()
    width = json.loads((BUNDLED / "config.json").read_text())["hidden_size"] + wider
    (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": rank}))
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    tensor = tensorfile.bfloat16(np.zeros((rank, width), np.float32))
    tensorfile.write(path / "adapter_model.safetensors", {name: tensor}, {"format": "pt"})
    return path


def settings(**roles: Any) -> Settings:
    return Settings.model_validate({"engine": "offline", "prompt": "completion", "roles": roles})


def test_roles_with_adapters_of_their_own_share_one_model(fake: Fake, tmp_path: Path) -> None:
    writes, sums_up = lora(tmp_path / "writes"), lora(tmp_path / "sums", rank=24)
    engines = open_engines(settings(generator={"adapter": str(writes)}, summarizer={"adapter": str(sums_up)}))
    assert fake.opened == 1
    assert {name: fake.options[name] for name in ("enable_lora", "max_loras", "max_lora_rank")} == {
        "enable_lora": True, "max_loras": 2, "max_lora_rank": 32,
    }  # fmt: skip
    assert [engines[role].model for role in ("premise", "generator", "summarizer")] == [
        "fabula-small", "fabula-small+writes", "fabula-small+sums",
    ]  # fmt: skip
    for role in ("premise", "generator", "summarizer"):
        assert engines[role].complete(ASK)[0].text == "Once upon a time"
    assert [lora and lora[2] for lora in fake.engine.loras] == [None, str(writes), str(sums_up)]
    assert len({lora[1] for lora in fake.engine.loras if lora}) == 2, "vLLM tells adapters apart by their numbers"
    close_engines(engines)


def test_the_model_goes_with_the_last_role_that_speaks_through_it(fake: Fake, tmp_path: Path) -> None:
    adapter = {"adapter": str(lora(tmp_path / "all"))}
    roles = dict.fromkeys(("premise", "outline", "generator", "continuity"), adapter)
    engines = open_engines(settings(**roles))
    engines["generator"].close()
    engines["generator"].close()
    assert engines["summarizer"].complete(ASK)[0].text == "Once upon a time"
    close_engines(engines)
    with pytest.raises(EngineError, match="was closed"):
        engines["summarizer"].complete(ASK)


def test_an_adapter_that_cannot_be_used_is_named_before_vllm_starts(fake: Fake, tmp_path: Path) -> None:
    wide = lora(tmp_path / "wide", wider=64)
    with pytest.raises(ModelMissing, match=r"^The adapter \S+wide does not fit fabula-small .*; give its own model"):
        open_engines(settings(generator={"adapter": str(wide)}))
    with pytest.raises(ModelMissing, match=r"^The adapter nowhere: there is no such folder"):
        open_engines(settings(generator={"adapter": "nowhere"}))
    with pytest.raises(InputError, match="is a whole model; name it as the role's model"):
        open_engines(settings(generator={"adapter": str(BUNDLED)}))
    assert fake.opened == 0


def test_the_settings_prompt_style_and_gpus_reach_the_engine(fake: Fake) -> None:
    fake.cpu = False
    made = Settings.model_validate({"engine": "offline", "gpus": 2, "roles": {"outline": {"prompt": "chat"}}})
    assert route(made, "outline") == Route("offline", "", prompt="chat")
    engines = open_engines(settings().model_copy(update={"gpus": 2}))
    assert fake.options["tensor_parallel_size"] == 2
    assert {engine.prompt for engine in engines.values()} == {"completion"}
    close_engines(engines)


def test_a_story_remembers_its_adapters_and_its_prompt_style() -> None:
    known = settings(generator={"adapter": "there"})
    assert routes(load(story=remembered(note(known), Settings())).settings) == routes(known)
    assert route(known, "generator").adapter == "there"
    assert route(known.model_copy(update={"engine": "embedded"}), "generator").adapter == ""


def test_an_adapter_is_not_taken_along_to_another_model() -> None:
    Path(FILE).write_text('engine = "offline"\n[roles.generator]\nadapter = "a"\n[roles.outline]\nmodel = "b"\n')
    assert route(load().settings, "generator").adapter == "a"
    moved = load({"model": "other"}).settings
    assert {(way.model, way.adapter) for way in routes(moved).values()} == {("other", "")}
