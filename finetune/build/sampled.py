"""Responses of a model to the prompts of a data set, scored: what preference pairs are chosen from.

To each prompt a model writes several texts at several temperatures; the data set's own completion is one more response. They
are scored by code (finetune/build/quality.py), for which a judge, another model or the same, says how likely each is.
Invariant: what is drawn is kept at once, so a stopped run goes on and comes to the same data set.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from agents.engines.base import Engine, Prompt, Request, Sampling
from finetune.build.quality import quality, tidy
from finetune.config import Settings
from finetune.data.folder import DataFolder, read_rows
from finetune.judge.kept import Kept
from prompts.errors import InputError

Say = Callable[[str], None]
_TOLD_EVERY: Final = 50
_CONTROL: Final = "<|beat|>"


class DrawPlan(Settings):
    """What is drawn. ``temperatures`` maps each to the number of responses drawn at it; ``most`` 0 takes every prompt."""

    temperatures: dict[float, int] = Field({0.5: 3, 0.8: 3, 1.0: 2}, min_length=1)
    tokens: int = Field(128, ge=8)
    most: int = Field(0, ge=0)
    author: str = "text"  # who wrote the data set's own completions
    seed: int = 17


def nats(judge: Engine, prompt: str, texts: list[str]) -> list[float]:
    """The mean negative log-probability of a token of each text after ``prompt``; 0 for an empty one."""
    scored = judge.score(Prompt(text=prompt), [text for text in texts if text])
    means = iter([-sum(row) / max(1, len(row)) for row in scored])
    return [next(means) if text else 0.0 for text in texts]


def draw_responses(
    data: Path, out: Path, plan: DrawPlan, *, engine: Engine, judge: Engine, kept: Path, say: Say, replace: bool = False
) -> dict[str, Any]:
    """Draw, score and write the data set ``out`` (kind responses); returns its index.

    ``kept`` is the file that holds what is drawn. Raises ``InputError`` where ``data`` has no prompt of the generator in slots.
    """
    prompts = [row for row in read_rows(data, "train") if _CONTROL in row["prompt"]]
    if not prompts:
        raise InputError(
            f"{data} has no generator prompt in slots, which is what the score can read; build it with "
            "`fabula data rows --style slots`."
        )
    if 0 < plan.most < len(prompts):
        chosen = sorted(random.Random(plan.seed).sample(range(len(prompts)), plan.most))
        prompts = [prompts[number] for number in chosen]
    with DataFolder(
        out, "responses", 0.0, replace
    ) as folder:  # first, so that what is there already is refused at once
        drawn = Kept(kept)
        for number, row in enumerate(prompts):
            known = drawn.rows.get(str(number))
            if known is None:
                texts = [*_texts(plan, engine, row["prompt"], number), row["completion"]]
                drawn.add(str(number), prompt=row["prompt"], texts=texts, nats=nats(judge, row["prompt"], texts))
                if (number + 1) % _TOLD_EVERY == 0:
                    say(f"responses to {number + 1} of {len(prompts)} prompts")
            elif known.get("prompt", row["prompt"]) != row["prompt"]:
                raise InputError(f"{kept} holds the responses to other prompts; remove it, or name another --out.")
            found = drawn.rows[str(number)]
            scored = list(_scored(row["prompt"], found["texts"], found["nats"], plan.author))
            folder.add({**row, "responses": scored})
        return folder.finish()


def _texts(plan: DrawPlan, engine: Engine, prompt: str, number: int) -> Iterator[str]:
    for place, (temperature, n) in enumerate(plan.temperatures.items()):
        sampling = Sampling(temperature=temperature, max_tokens=plan.tokens)
        seed = (plan.seed * 100_003 + number) * 16 + place
        for done in engine.complete(Request(prompt=Prompt(text=prompt), sampling=sampling, n=n, seed=seed)):
            if text := tidy(done.text):
                yield text


def _scored(prompt: str, texts: list[str], means: list[float], author: str) -> Iterator[dict[str, Any]]:
    for place, (text, mean) in enumerate(zip(texts, means, strict=True), 1):
        wrote = author if place == len(texts) else "model"
        yield {"text": text, "score": round(quality(prompt, text, mean), 4), "author": wrote}
