"""The offline engine with the real vLLM, in the Python that has it: constrained, seeded, banned, and a story to its end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from offline_story import BANNED, REGEX
from questions import SCHEMA

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("offline_story.py")
# Threads that wait by spinning take each other's turns where other programs use the cores too.
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def told(vllm_python: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ``offline_story.py`` found; one start of vLLM for all tests."""
    folder = tmp_path_factory.mktemp("offline")
    done = subprocess.run(
        [vllm_python, SCRIPT, ROOT, sysconfig.get_path("purelib"), folder, *adapters.values()],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | ENVIRONMENT | {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_bundled_model_writes_in_slots(told: dict[str, Any]) -> None:
    assert (told["name"], told["model"], told["style"], told["counted"]) == ("offline", "fabula-small", "slots", 2)
    completions = told["completions"]
    assert len({completion["text"] for completion in completions}) == 6
    assert any(re.search(r"<she1>", completion["text"]) for completion in completions)
    for completion in completions:
        assert 0 < completion["tokens"] <= 40
        assert completion["logprob"] < 0
        assert completion["prompt_tokens"] > 20
        assert completion["finish"] == "length" or completion["tokens"] < 40


def test_a_seed_says_what_is_drawn(told: dict[str, Any]) -> None:
    texts = [completion["text"] for completion in told["completions"]]
    assert told["again"] == texts
    assert told["other"] != texts


def test_what_is_banned_is_not_drawn(told: dict[str, Any]) -> None:
    assert [text for text in told["banned"] if any(slot in text for slot in BANNED)] == []
    assert any(slot in completion["text"] for completion in told["completions"] for slot in BANNED)


def test_every_constrained_answer_validates(told: dict[str, Any]) -> None:
    assert len(told["json"]) == len(told["regex"]) == 6
    for text in told["json"]:
        jsonschema.validate(json.loads(text), SCHEMA)
    assert [text for text in told["regex"] if not re.fullmatch(REGEX, text)] == []


def test_a_stop_ends_a_text_before_it(told: dict[str, Any]) -> None:
    assert [text for text in told["stopped"] if "." in text] == []
    assert all(told["stopped"])


def test_what_is_heard_is_what_is_answered(told: dict[str, Any]) -> None:
    answered, heard = told["streamed"]
    assert heard == answered != ""


def test_a_text_is_as_likely_when_scored_as_when_drawn(told: dict[str, Any]) -> None:
    drawn, scored, tokens = told["greedy"]
    assert drawn == pytest.approx(scored, abs=0.05 * tokens)


def test_calls_of_many_threads_are_all_answered(told: dict[str, Any]) -> None:
    assert [len(texts) for texts in told["together"]] == [2] * 8
    assert len({tuple(texts) for texts in told["together"]}) == 8


def test_each_adapter_speaks_in_its_own_way_and_changes_nothing_for_the_others(told: dict[str, Any]) -> None:
    alone, generator, summarizer, again = told["spoken"]
    assert len({alone, generator, summarizer}) == 3
    assert again == alone
    assert told["speakers"] == ["fabula-small", "fabula-small+generator", "fabula-small+summarizer", "fabula-small"]


def test_a_story_is_written_to_its_end(told: dict[str, Any]) -> None:
    story = told["story"]
    assert len(story) == 4
    assert all(len(paragraph.split()) > 8 for paragraph in story)
    assert "<" not in "".join(story)
    assert len(set(story)) == 4


def test_a_closed_engine_says_so(told: dict[str, Any]) -> None:
    assert "closed" in told["closed"]
