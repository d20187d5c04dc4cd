"""Responses drawn from a model and scored: resumable, and never of other prompts than they are said to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.engines.base import Completion, Request
from finetune.build.sampled import DrawPlan, draw_responses, nats
from finetune.data.build import build_prompts
from finetune.data.folder import DataFolder, read_rows
from finetune.stories.model import is_held
from prompts.errors import InputError

PROMPT = (
    "<|write|><|tags|>x, y, third person, past<|cast|><she1> the <role1>, kind<|summary|><|last|><|beat|>setup 1/2: <she1> bakes "
    "bread.<|stage|><she1><|text|>"
)
PLAN = DrawPlan(temperatures={0.5: 2, 1.0: 1})


class Writer:
    """Writes numbered texts, and finds every token of a text as likely as its length says."""

    def __init__(self) -> None:
        self.asked = 0

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self.asked += 1
        return tuple(
            Completion(
                text=f"<she1> baked bread number {request.seed} {n}.",
                tokens=6,
                prompt_tokens=9,
                logprob=-1.0,
                finish="stop",
            )
            for n in range(request.n)
        )

    def score(self, prompt: object, texts: list[str]) -> list[list[float]]:
        return [[-0.5] * len(text.split()) for text in texts]


def data(folder: Path, *prompts: str) -> Path:
    with DataFolder(folder, "sft", 0.0) as made:
        for n, prompt in enumerate(prompts):
            made.add({"prompt": prompt, "completion": f"<she1> baked, and told {n} people of it.", "task": "generator",
                      "group": str(n), "source": "s", "licence": "l"})  # fmt: skip
        made.finish()
    return folder


def draw(tmp_path: Path, writer: Any, source: Path, out: str = "responses", **changes: Any) -> list[dict[str, Any]]:
    plan = PLAN.model_copy(update=changes)
    kept = tmp_path / "drawn.jsonl"
    draw_responses(source, tmp_path / out, plan, engine=writer, judge=writer, kept=kept, say=lambda line: None)
    return list(read_rows(tmp_path / out, "train"))


def test_each_prompt_gets_its_responses_with_scores_and_the_sets_own_text_is_the_last(tmp_path: Path) -> None:
    rows = draw(tmp_path, Writer(), data(tmp_path / "data", PROMPT, PROMPT.replace("bread", "cake")))
    assert [len(row["responses"]) for row in rows] == [4, 4]
    assert [r["author"] for r in rows[0]["responses"]] == ["model"] * 3 + ["text"]
    assert all(0 < r["score"] < 10 for row in rows for r in row["responses"])


def test_what_was_drawn_before_a_stop_is_not_drawn_again(tmp_path: Path) -> None:
    class Stops(Writer):
        def score(self, prompt: object, texts: list[str]) -> list[list[float]]:
            if self.asked > 2:
                raise KeyboardInterrupt
            return super().score(prompt, texts)

    source = data(tmp_path / "data", PROMPT, PROMPT.replace("bread", "cake"))
    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path, Stops(), source)
    assert not (tmp_path / "responses").exists()
    writer = Writer()
    rows = draw(tmp_path, writer, source)
    assert writer.asked == 2  # of the second prompt, one for each temperature
    (tmp_path / "drawn.jsonl").unlink()
    assert draw(tmp_path, Writer(), source, "again") == rows


def test_responses_to_other_prompts_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, Writer(), data(tmp_path / "data", PROMPT))
    with pytest.raises(InputError, match="holds the responses to other prompts"):
        draw(tmp_path, Writer(), data(tmp_path / "other", PROMPT.replace("bread", "pies")), "new")


def test_a_data_set_without_slots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no generator prompt in slots"):
        draw(tmp_path, Writer(), data(tmp_path / "data", "Write a story."))


def test_an_empty_text_counts_no_nats() -> None:
    assert nats(Writer(), "p", ["a b", "", "c"]) == [0.5, 0.0, 0.5]  # type: ignore[arg-type]


def test_the_prompts_of_our_own_stories_leave_out_what_is_held(tmp_path: Path) -> None:
    build_prompts(tmp_path / "prompts", lambda text: len(text.split()))
    rows = list(read_rows(tmp_path / "prompts", "train"))
    assert {row["source"] for row in rows} == {"own stories", "worlds"}
    groups = {row["group"] for row in rows if row["source"] == "own stories"}
    assert "everyday-24" in groups
    assert not [group for group in groups if is_held(group)]
