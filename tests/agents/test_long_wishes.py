"""Long wishes are kept whole, and the small model reads of them what it has room for."""

from __future__ import annotations

import re

import pytest
from agent_samples import Recorder, SlotsRecorder

from agents.brief import make_brief
from agents.engines.scripted import ScriptedEngine, answer
from agents.premise import propose
from planner.state import Premise

LOGLINE = "A baker finds a key in a village."


def proposed(engine: ScriptedEngine, seed: int = 1, **wishes: object) -> Premise:
    return propose(engine, make_brief(**({"logline": LOGLINE} | wishes)), seed)


@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
def test_long_wishes_are_kept_whole(kind: type[Recorder]) -> None:
    role, trait, goal = "keeper of " + "very " * 60 + "old lamps", "proud " * 40, "to " + "go " * 60 + "home"
    for wish in (f"a {role}", trait, f"wants {goal}"):
        engine = kind(lambda request, index: answer(request, index) if request.json_schema else "")
        premise = proposed(engine, characters=[f"Zed: she, {wish}"])
        zed = premise.cast[0]
        assert wish.strip() in (f"a {zed.role}", *zed.traits, f"wants {zed.goal}")
        assert len(premise.title) <= 100
        assert Premise.model_validate(premise.model_dump()) == premise


class LetterCounter(SlotsRecorder):
    """Reads nonsense as a real tokenizer does: a token for every two letters."""

    def count_tokens(self, text: str) -> int:
        return -(-len(text) // 2)


def test_the_small_model_says_again_no_more_than_it_has_room_for() -> None:
    roles = ["qwzx" * 40, "zxkj vbnq " * 15 + "zxkj", "kjqw" * 38, "vb" * 75]
    engine = LetterCounter(lambda request, index: answer(request, index) if request.json_schema else "")
    characters = [f"{name}: a {role}, {role}, wants {role}" for name, role in zip("ABCD", roles, strict=True)]
    premise = proposed(engine, characters=characters, setting="qwzx" * 20, tone="zx" * 240)
    assert [(e.role, e.traits, e.goal) for e in premise.cast] == [(role, (role,), role) for role in roles]
    assert [entity.name for entity in premise.setting].count("qwzx" * 20) == 1
    assert not any(premise.setting[0].name.startswith(entity.name) for entity in premise.setting[1:])
    assert premise.tone == "zx" * 240
    said = re.findall(r"'const': '([^']*)'", str(engine.requests[0].json_schema))
    assert sum(map(engine.count_tokens, said)) < 150
    assert all(engine.count_tokens(request.prompt.text) < 150 for request in engine.requests)


def test_the_small_models_prompt_has_a_bound_whatever_was_typed() -> None:
    engine = SlotsRecorder(lambda request, index: answer(request, index) if request.json_schema else "")
    proposed(engine, logline="A baker finds a key. " + "It rains again. " * 120)
    for request in engine.requests:
        assert len(request.prompt.text.split()) < 100
        assert "A <role1> finds <item1>." in request.prompt.text
