"""What the models of benchmarks/diversity.py write for the held-out prompts, measured prompt by prompt.

Invariant: all models get the same prompts, seeds and sampling, run in float32 on their exact weights, and are judged by the same
bundled model; intervals are over prompts, and ratios over the same drawn prompts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.engines import decoder, packed, tensorfile
from agents.engines.embedded import EmbeddedEngine
from agents.engines.packed import Matrix
from benchmarks.diversity_data import BASE, Plan, embedders
from finetune.build.quality import quality, tidy
from finetune.build.sampled import nats
from finetune.judge import likelihood, spread
from finetune.judge.asking import LIKELIHOOD, ask_all, rows, texts_of
from finetune.judge.bootstrap import Estimate, Floats, estimate, exp_ratio, interval, ratio, resamples
from finetune.judge.kept import Kept
from finetune.judge.setting import Evaluation, begin
from finetune.judge.speaker import EngineSpeaker

QUALITY: Final = "quality.jsonl"
COLUMNS: Final = {"semantic": 3, "style": 3, "quality": 2, "perplexity": 3, "words": 1}  # and their digits
Sums = dict[str, Floats]


def judge_all(plan: Plan, work: Path, names: list[str]) -> dict[str, Sums]:
    """What every judged prompt adds to each column's sums, by model: float64 [prompts, 2]."""
    models = {BASE: BASE} | {name: str(work / name / "model") for name in names}
    given = {"rows": plan.judged, "samples": plan.samples, "ranked": 0, "seed": plan.seed,
             "temperature": plan.temperature, "max_tokens": plan.tokens}  # fmt: skip
    evaluation = begin(work / "judged", work / "prompts", given, models)
    ask_all(evaluation, opened=_speaker)
    engine = EmbeddedEngine()
    try:
        return {name: _sums(evaluation, name, engine, work) for name in models}
    finally:
        engine.close()


def _sums(evaluation: Evaluation, name: str, engine: EmbeddedEngine, work: Path) -> Sums:
    texts = texts_of(evaluation, name)
    kept = Kept(evaluation.path(name, QUALITY))
    read = rows(evaluation, name, LIKELIHOOD)
    found: dict[str, list[tuple[float, float]]] = {column: [] for column in COLUMNS}
    for case in evaluation.cases:
        tidied = [tidy(text) for text in texts[case.id]]
        if case.id not in kept.rows:
            scored = zip(tidied, nats(engine, case.prompt, tidied), strict=True)
            kept.add(case.id, scores=[round(quality(case.prompt, text, mean), 4) for text, mean in scored])
        scores = kept.rows[case.id]["scores"]
        found["quality"].append((sum(scores), len(scores)))
        found["perplexity"].append(likelihood.token_sums(read[case.id]))
        found["words"].append((sum(len(text.split()) for text in tidied), len(tidied)))
    for kind, embedder in embedders(work).items():
        vectors = embedder.embed([text for case in evaluation.cases for text in texts[case.id]])
        for group in np.split(vectors, len(evaluation.cases)):
            found[kind].append(spread.pairwise(group) or (0.0, 1.0))
    return {column: np.asarray(values, np.float64) for column, values in found.items()}


def _speaker(spec: str) -> EngineSpeaker:
    return EngineSpeaker(EmbeddedEngine() if spec == BASE else exact_engine(Path(spec)))


def exact_engine(folder: Path) -> EmbeddedEngine:
    """The embedded engine with the very weights of a Hugging Face folder.

    It packs weights into eight bits, which the bundled model loses nothing by, and a few steps of training nearly all.
    """
    engine = EmbeddedEngine(folder)
    model = packed.read(folder)
    tensors: dict[str, Any] = {}
    for path in folder.glob("*.safetensors"):
        tensors |= tensorfile.read(path)
    for name in model.matrices:
        values = tensors[name].floats()
        none = np.zeros((values.shape[0], values.shape[1] // packed.BLOCK), np.int8)
        model.matrices[name] = Matrix(values, none)  # value * 2**0, where the graph is built in float32
    for name in model.vectors:
        model.vectors[name] = tensors[name].floats()
    engine._decoder = decoder.Decoder(model, None, "float")
    return engine


def table(judged: dict[str, Sums], plan: Plan) -> list[str]:
    """Markdown lines: a row for each model, a number with its interval in each cell."""
    lines = [f"| model | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, sums in judged.items():
        cells = [
            _cell(estimate(sums[column], exp_ratio if column == "perplexity" else ratio, plan.seed), digits)
            for column, digits in COLUMNS.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cell(found: Estimate, digits: int) -> str:
    low, high = (f"{end:.{digits}f}" if end is not None else "-" for end in (found.low, found.high))
    return f"{found.value:.{digits}f} [{low}, {high}]"


def compared(one: Floats, other: Floats, seed: int) -> tuple[float, float, float]:
    """The mean of ``one`` by that of ``other`` [prompts, 2], and its interval over the same drawn prompts (paired)."""
    drawn = resamples(len(one), seed)
    low, high = interval(ratio(drawn @ one) / ratio(drawn @ other))
    value = float(ratio(one.sum(0)) / ratio(other.sum(0)))
    return value, value if low is None else low, value if high is None else high
