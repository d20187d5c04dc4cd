"""The data of benchmarks/diversity.py: prompts of told stories, responses to them with scores, and the pairs of these.

    prompts/       sft         a paragraph's prompt of each story and what its world told; the held-out ones are judged on
    responses/     responses   to the others, drawn from the base model at several temperatures, and the world's own
    chosen/        sft         the best responses, which SFT learns from
    pairs/         preference  every two responses whose scores are ``gap`` apart, some of a prompt
    pairs-divpo/   preference  one pair a prompt, chosen as DivPO does

Invariant: no story gives both a prompt that is learnt from and one that is judged on; what lies there is not made again, and
what is made again is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from tokenizers import Tokenizer

from agents.engines.embedded import BUNDLED, EmbeddedEngine
from finetune.build.pairs import PairPlan, build_pairs
from finetune.build.quality import Reading
from finetune.build.sampled import DrawPlan, draw_responses
from finetune.config import Settings
from finetune.data.build import token_counter
from finetune.data.folder import DataFolder, load_index, read_rows
from finetune.data.rows import GENERATOR_ALONE, rows
from finetune.embeddings import Embedder, load_embedder
from finetune.worlds.model import load_worlds
from finetune.worlds.teller import tell
from prompts.errors import InputError

BASE: Final = "bundled"
SEED: Final = 1_000_500  # of the first story: beyond those that the bundled model learnt from or was measured on
_LICENCE: Final = "Fabula's own"
Say = Callable[[str], None]


class Plan(Settings):
    """What is compared on what. ``temperatures`` maps each to the number of responses that are drawn at it."""

    worlds: int = Field(41, ge=1)
    stories: int = Field(4, ge=1)  # of a world; each gives one prompt
    held: float = Field(0.3, gt=0, lt=1)  # of the stories, to judge on
    prompt: int = Field(220, ge=64, le=360)  # tokens, at most: which of a story's paragraphs can be asked for
    temperatures: dict[float, int] = Field({0.5: 3, 0.8: 3, 1.0: 2}, min_length=1)
    tokens: int = Field(128, ge=8, le=140)  # of a response, and of a text that is judged, at most
    gap: float = Field(0.75, gt=0)  # points of quality
    most: int = Field(3, ge=1)  # pairs of a prompt
    best: int = Field(2, ge=1)  # responses of a prompt that SFT learns from
    delta_min: float = Field(0.1, ge=0)
    beta: float = Field(0.1, gt=0)
    sft_steps: int = Field(28, ge=1)
    steps: int = Field(44, ge=1)
    batch: int = Field(8, ge=1)
    sft_rate: float = Field(5e-5, gt=0)
    rate: float = Field(5e-5, gt=0)
    precision: Literal["float32", "bfloat16"] = "bfloat16"  # float32 may be faster where the CPU doesn't know it
    judged: int = Field(48, ge=1)  # prompts
    samples: int = Field(8, ge=2)  # texts for each of them
    temperature: float = Field(1.0, gt=0)  # of these
    turns: int = Field(24, ge=1)  # steps of DPO and DDPO that are timed
    threads: int | None = Field(None, ge=1)  # of training; None: as many as torch takes
    seed: int = 17


def make_data(plan: Plan, work: Path, say: Say) -> None:
    """Make what is missing of the data sets in ``work``. Raises ``InputError`` where nothing can be made of the plan."""
    _once(work / "prompts", lambda out: _prompts(plan, out))
    if not load_index(work / "prompts")["counts"].get("held"):
        raise InputError(
            "No prompt fell among those to judge on; give more stories, or a greater held, and another --work."
        )
    if not (work / "responses").exists():
        _responses(plan, work, say)
    _once(work / "chosen", lambda out: _chosen(plan, work / "responses", out))
    for name, select, most in (("pairs", "gap", plan.most), ("pairs-divpo", "divpo", None)):
        pairs = PairPlan.model_validate({"select": select, "gap": plan.gap, "most": most, "seed": plan.seed})
        if not (work / name).exists():
            build_pairs(work / "responses", work / name, pairs, embedders=embedders(work))
    for name in ("prompts", "responses", "chosen", "pairs", "pairs-divpo"):
        counts = load_index(work / name)["counts"]
        say(f"{name}: {counts['train']} rows" + (f", {counts['held']} held out" if counts.get("held") else ""))


def embedders(work: Path) -> dict[str, Embedder]:
    """What diversity is measured by, in the pairs as in the judgement: names filled in, kept in one file."""
    return {name: Reading(load_embedder(name, cache=work / "embeddings.sqlite")) for name in ("semantic", "style")}


def _once(out: Path, make: Callable[[Path], object]) -> None:
    if not out.exists():
        make(out)


def _prompts(plan: Plan, out: Path) -> None:
    count = token_counter(Tokenizer.from_file(str(BUNDLED / "tokenizer.json")))
    with DataFolder(out, "sft", held=plan.held) as folder:
        for world in load_worlds()[: plan.worlds]:
            for seed in range(SEED, SEED + plan.stories):
                rng = random.Random(f"{plan.seed}/{world.name}/{seed}")
                told = rows(tell(world, seed), GENERATOR_ALONE, rng, count)
                if fitting := [row for row in told if count(row.prompt) <= plan.prompt]:
                    row = rng.choice(fitting)
                    folder.add(
                        {"prompt": row.prompt, "completion": row.completion, "task": "generator",
                         "group": f"{world.name}/{seed}", "source": world.name, "licence": _LICENCE}
                    )  # fmt: skip
        folder.finish()


def _responses(plan: Plan, work: Path, say: Say) -> None:
    drawn = DrawPlan(temperatures=plan.temperatures, tokens=plan.tokens, author="world", seed=plan.seed)
    engine = EmbeddedEngine()
    try:
        draw_responses(
            work / "prompts",
            work / "responses",
            drawn,
            engine=engine,
            judge=engine,
            kept=work / "responses.jsonl",
            say=say,
        )
    finally:
        engine.close()


def _chosen(plan: Plan, responses: Path, out: Path) -> None:
    with DataFolder(out, "sft", held=0.0) as folder:
        for row in read_rows(responses, "train"):
            best = sorted(row["responses"], key=lambda response: -response["score"])
            for response in best[: plan.best]:
                kept = {key: row[key] for key in ("prompt", "group", "source", "licence")}
                folder.add({**kept, "completion": response["text"], "task": "generator"})
        folder.finish()
