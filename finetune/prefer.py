"""A step of preference for the bundled model: DDPO on what it wrote itself, scored by code (``--preferred``).

Prompts of our stories and worlds, eight responses of the model to each beside the writer's own, pairs whose chosen text is the
better one, weighted by how far it deviates: ``Chung et al. 2025``, equation 4, for both distances. Invariant: a part that is
done is skipped and one that was stopped goes on, as in ``finetune.rebuild``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agents.engines.embedded import EmbeddedEngine
from agents.engines.packed import pack
from finetune.build.pairs import PairPlan, build_pairs
from finetune.build.sampled import DrawPlan, draw_responses
from finetune.data.build import build_prompts, token_counter
from finetune.tokenizer import load_tokenizer

RECIPE: Final = Path(__file__).parent / "configs" / "ddpo_small.yaml"
RUN: Final = "ddpo"
GAP: Final = 0.75
MOST: Final = 4
Say = Callable[[str], None]


def prefer(base: Path, work: Path, say: Say = print, prompts: int = 480) -> Path:
    """Train the model in ``base`` (Hugging Face layout) on pairs of its own texts; returns the run's folder in ``work``.

    Raises ``InputError`` where a part that is there already is of other data.
    """
    data, run = work / "data", work / RUN
    if (run / "result.json").is_file():
        say(f"preference training: {run} is done")
        return run
    if not (data / "prompts" / "data.json").is_file():
        build_prompts(data / "prompts", token_counter(load_tokenizer(work / "tokenizer")))
    packed = work / "sft"
    if not (data / "responses" / "data.json").is_file():
        say(f"responses of the model to {prompts} prompts")
        pack(base, packed, "slots")
        engine = EmbeddedEngine(packed)
        try:
            draw_responses(
                data / "prompts", data / "responses", DrawPlan(most=prompts), engine=engine, judge=engine,
                kept=data / "responses.drawn.jsonl", say=say,
            )  # fmt: skip
        finally:
            engine.close()
    if not (data / "pairs" / "data.json").is_file():
        plan = PairPlan(gap=GAP, most=MOST)
        build_pairs(data / "responses", data / "pairs", plan, cache=work / "embeddings.sqlite")
    from finetune.recipes.methods import METHODS
    from finetune.recipes.quiet import hush
    from finetune.recipes.running import train
    from finetune.recipes.settings import load_recipe

    hush()
    changes = [f"base={base}", f"data={data / 'pairs'}"]
    recipe = load_recipe(METHODS["ddpo"].settings, RECIPE, changes, "ddpo")
    train(recipe, run, any(run.glob("checkpoint-*")), f"fabula train ddpo --config {RECIPE.name} --run {run}", say)
    return run
