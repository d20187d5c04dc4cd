"""Make the bundled model from nothing, in one command: ``python -m finetune model [--corpora DIR]``.

Data, tokenizer, the training stages, export, evaluation, model card. Invariant: a step that is done is skipped
and a stage that was killed goes on from its last checkpoint, so the same command is given again until it ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.engines.packed import pack
from finetune.card import write_card
from finetune.config import Pretrain, load_config
from finetune.data.build import build_corpora, build_own, build_varied, build_worlds, slot_corpora, tokenizer_texts
from finetune.data.corpora import corpora_folder, need_corpora
from finetune.data.shards import has_rows
from finetune.evaluate import evaluate_packed
from finetune.measure import measure_worlds
from finetune.prefer import prefer
from finetune.records import checkpoints, finished
from finetune.stories.model import written
from finetune.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer
from finetune.worlds.model import load_worlds
from finetune.worlds.themes import write_themes
from finetune.worlds.vocabulary import write_vocabulary
from prompts.errors import InputError

CONFIGS = Path(__file__).parent / "configs"
CORPORA = ("tinystories", "african_storybook", "pratham_books", "fairytaleqa", "gutenberg_fiction")
STAGES = {
    "small": (
        "pretrain_small.yaml",
        "pretrain_small_stage2.yaml",
        "pretrain_small_stage3.yaml",
        "pretrain_small_stage4.yaml",
        "pretrain_small_stage5.yaml",
        "pretrain_small_stage6.yaml",
    ),
    "gpu": ("pretrain_small_gpu.yaml",),
    "worlds": ("pretrain_small_worlds.yaml",),
}
MEASURES = "worlds.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to make and from what. ``config`` is small, gpu or a YAML file; ``work`` keeps all that lies between.

    ``preferred`` is the number of prompts that the preference step draws responses to; at 0 there is no such step.
    """

    out: Path
    work: Path = Path("runs")
    corpora: Path | None = None
    config: str = "small"
    minutes: tuple[float, ...] = ()
    worlds_only: bool = False
    worlds: Path | None = None
    stories: int = 250
    measured: int = 20_000
    preferred: int = 0
    vocabulary: int = 4096

    @property
    def slotted(self) -> Path | None:
        return None if self.worlds_only else self.work / "data" / "slotted.jsonl"


def recipes(plan: Plan) -> list[tuple[Path, Pretrain]]:
    """(run folder, settings) of every stage; folders in the settings are moved under ``plan.work``."""
    if plan.config in STAGES:
        names = STAGES["worlds"] if plan.worlds_only and plan.config == "small" else STAGES[plan.config]
        paths = [CONFIGS / name for name in names]
    else:
        paths = [Path(plan.config)]
    if plan.minutes and len(plan.minutes) != len(paths):
        raise InputError(
            f"--minutes is given {len(plan.minutes)} times, but there are {len(paths)} stages; give one each."
        )
    wished: Sequence[float | None] = plan.minutes or [None] * len(paths)
    found: list[tuple[Path, Pretrain]] = []
    for number, (path, minutes) in enumerate(zip(paths, wished, strict=True), 1):
        recipe = load_config(path, minutes=minutes)
        sources = [s.model_copy(update={"folder": plan.work / "data" / s.folder.name}) for s in recipe.data]
        sources = [s for s in sources if s.folder.name in {"worlds", "varied"} or not plan.worlds_only]
        if not sources:
            raise InputError(f"{path} uses no story worlds, so --worlds-only leaves it nothing to learn from.")
        moved = {"tokenizer": plan.work / "tokenizer", "data": sources, "init": found[-1][0] if found else None}
        stage = plan.work / (f"stage{number}" if len(paths) > 1 else path.stem)
        found.append((stage, recipe.model_copy(update=moved)))
    return found


def _reads(plan: Plan, name: str) -> bool:
    """Whether a stage reads the data set ``name``: only then is it built, or the words of our stories known to the model."""
    return any(source.folder.name == name for _, recipe in recipes(plan) for source in recipe.data)


def _data(plan: Plan, say: Say) -> None:
    data, tokenizer = plan.work / "data", plan.work / "tokenizer"
    if plan.slotted is not None:
        if plan.slotted.is_file():
            say(f"corpora in slots: done ({plan.slotted})")
        else:
            folder = plan.corpora or corpora_folder()
            need_corpora(CORPORA, folder)
            say(f"corpora in slots: reading {folder}")
            _, broken = slot_corpora(list(CORPORA), plan.slotted, folder)
            for line in broken:
                say(f"  left out: {line}")
    if (tokenizer / "tokenizer.json").is_file():
        say(f"tokenizer: done ({tokenizer})")
    else:
        say("tokenizer: learning")
        save_tokenizer(train_tokenizer(tokenizer_texts(plan.slotted, worlds=plan.worlds), plan.vocabulary), tokenizer)
    known = load_tokenizer(tokenizer)
    if plan.slotted is not None and not (data / "corpora" / "train" / "index.json").is_file():
        say("rows of the corpora: building")
        build_corpora(plan.slotted, data / "corpora", known)
    if (data / "worlds" / "train" / "index.json").is_file():
        say(f"rows of the worlds: done (remove {data / 'worlds'} after a world was changed)")
    else:
        say("rows of the worlds: building")
        (plan.work / MEASURES).unlink(missing_ok=True)  # measured on the worlds as they were
        build_worlds(data / "worlds", known, plan.stories, folder=plan.worlds)
    if _reads(plan, "varied") and not (data / "varied" / "train" / "index.json").is_file():
        say("rows of the worlds under varied prompts: building")
        build_varied(data / "varied", known, folder=plan.worlds)
    if _reads(plan, "stories") and not (data / "stories" / "train" / "index.json").is_file():
        say("rows of our own stories: building")
        build_own(data / "stories", known)


def _train(plan: Plan, say: Say) -> list[Path]:
    stages = recipes(plan)
    for run, recipe in stages:
        if finished(run):
            say(f"training: {run} is done")
            continue
        from finetune.pretrain import pretrain

        resume = bool(checkpoints(run))
        length = f"{recipe.steps} steps" if recipe.steps else f"{recipe.minutes:g} minutes"
        say(f"training: {run}, {length}{', from its last checkpoint' if resume else ''}")
        pretrain(recipe, run, resume)
    return [run for run, _ in stages]


def rebuild(plan: Plan, say: Say = print) -> Path:
    """Do what is left to do of ``plan``; returns the model card's path.

    Raises ``InputError`` where the corpora are not there or a setting is wrong, before any work is done.
    """
    stages = recipes(plan)
    if plan.slotted is not None and not plan.slotted.is_file():
        need_corpora(CORPORA, plan.corpora or corpora_folder())
    _data(plan, say)
    runs = _train(plan, say)
    model = stages[-1][0] / "model"
    if plan.preferred:
        runs.append(prefer(model, plan.work, say, plan.preferred))
        model = runs[-1] / "model"
    say(f"export: {plan.out}")
    pack(model, plan.out, "slots")
    write_vocabulary(load_worlds(plan.worlds), plan.out, written() if _reads(plan, "stories") else ())
    write_themes(load_worlds(plan.worlds), plan.out)
    say("evaluation of the packed model")
    packed = plan.work / "packed.json"
    sets = [s.folder for s in stages[-1][1].data if has_rows(s.folder / "held")]
    packed.write_text(json.dumps(evaluate_packed(plan.out, sets), indent=1) + "\n")
    measures = plan.work / MEASURES
    if not measures.is_file():
        say(f"variety of the worlds, over {plan.measured:,} stories")
        worlds = load_worlds(plan.worlds)
        variety = measure_worlds(worlds, range(max(1, plan.measured // len(worlds))))
        measures.write_text(json.dumps(variety.report(), indent=1) + "\n")
    card = write_card(runs, plan.out, measures, packed, plan.work / "model.json")
    say(f"done: {card}")
    return card
