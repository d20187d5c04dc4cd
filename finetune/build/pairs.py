"""From several scored responses to a prompt to preference pairs, with how far each chosen response stands apart.

Which two responses make a pair:
    gap         every two whose scores differ by ``gap`` or more (Chung et al. 2025 take 5 upvotes)
    best_worst  the best and the worst alone, if they differ by as much
    divpo       one pair a prompt (Lanchantin et al. 2025): of the responses within ``rho`` of the way from the best
                score down to the worst, the most diverse, against the least diverse of those within ``rho`` of the
                worst; diverse is what deviates from all responses to the prompt, in ``measure``

Invariant: the better response is always the chosen one, and what gives no pair (one response, equal scores, too small a
gap, copies) is counted. δ is scaled over all responses that count, not over those that are chosen.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from finetune.config import Settings
from finetune.data.folder import SPLITS, DataFolder, load_index, read_rows
from finetune.deviation import MEASURES, Floats, Measure, deviate, weights
from finetune.embeddings import Embedder, load_embedder
from prompts.errors import InputError

PROMPTS_AT_ONCE: Final = 64  # prompts whose responses are embedded together
ONE, EQUAL, NEAR, COPIES = (
    "prompts with one response", "prompts with equal scores", "prompts with too small a gap", "copies of a response",
)  # fmt: skip


class PairPlan(Settings):
    """How pairs are made. ``gap`` is in the unit of the scores; ``responses`` and ``most`` are drawn by ``seed``."""

    select: Literal["gap", "best_worst", "divpo"] = "gap"
    gap: float = Field(5.0, ge=0)  # at 0 any two different scores
    rho: float = Field(0.25, ge=0, lt=0.5)  # at 0.5 the best and the worst would meet
    measure: Measure = "both"
    responses: int | None = Field(None, ge=1)  # of a prompt, at most; fewer are a part of more
    most: int | None = Field(None, ge=1)  # pairs of a prompt, at most
    semantic: str = "semantic"  # the embedders: see finetune.embeddings
    style: str = "style"
    trust_remote_code: bool = False
    seed: int = 17


@dataclass
class Tally:
    """What came of the prompts. ``zeros`` counts chosen responses with δ = 0 and ``sums`` adds their δ, by measure."""

    prompts: int = 0
    pairs: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    zeros: Counter[str] = field(default_factory=Counter)
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MEASURES, 0.0))

    def add(self, pair: Mapping[str, Any]) -> None:
        self.pairs += 1
        for name, delta in pair["delta"].items():
            self.zeros[name] += delta == 0
            self.sums[name] += delta

    def report(self) -> dict[str, Any]:
        count = max(1, self.pairs)
        return {
            "prompts": self.prompts, "pairs": self.pairs, "left_out": {name: n for name, n in self.left_out.items() if n},
            "share_of_delta_0": {name: round(self.zeros[name] / count, 4) for name in MEASURES},
            "mean_delta": {name: round(self.sums[name] / count, 4) for name in MEASURES},
        }  # fmt: skip


@dataclass(frozen=True)
class _Prompt:
    row: Mapping[str, Any]
    texts: tuple[str, ...]
    scores: tuple[float, ...]


def build_pairs(
    source: Path, out: Path, plan: PairPlan, *, cache: Path | None = None, replace: bool = False,
    embedders: Mapping[str, Embedder] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Make the data set ``out`` of pairs from the data set ``source`` of responses; returns what its data.json says.

    ``cache``: a file in which embeddings are kept. Raises ``InputError`` where ``source`` holds no responses, or none of
    its prompts gives a pair.
    """
    index = load_index(source)
    if index["kind"] != "responses":
        raise InputError(f"{source} holds {index['kind']} rows; pairs are made from responses with scores.")
    found = embedders or _embedders(plan, cache)
    tally = Tally()
    with DataFolder(out, "preference", held=index.get("held_share", 0.02), replace=replace) as folder:
        for split in SPLITS:
            for row in pairs_of(read_rows(source, split), plan, found, tally):
                if folder.add(row):
                    tally.add(row)
        if not tally.pairs:
            raise InputError(_nothing(source, plan, tally))
        names = {kind: embedder.name for kind, embedder in found.items()}
        about = {"plan": plan.model_dump(), "embedders": names, "from_hash": index.get("hash", ""), **tally.report()}
        return folder.finish(pairs=about)


def pairs_of(
    rows: Iterator[dict[str, Any]], plan: PairPlan, embedders: Mapping[str, Embedder], tally: Tally
) -> Iterator[dict[str, Any]]:
    """The pairs of rows of responses, a few prompts at a time; ``tally`` counts what gives none."""
    usable = (prompt for row in rows if (prompt := _usable(row, plan, tally)))
    while group := list(islice(usable, PROMPTS_AT_ONCE)):
        texts = [text for prompt in group for text in prompt.texts]
        vectors = {name: embedder.embed(texts) for name, embedder in embedders.items()}
        start = 0
        for prompt in group:
            place = slice(start, start := start + len(prompt.texts))
            found = deviate({name: rows[place] for name, rows in vectors.items()})
            for chosen, rejected in choose(prompt.scores, found[plan.measure], plan, str(prompt.row["prompt"])):
                yield _pair(prompt, chosen, rejected, found)


def choose(scores: Sequence[float], deviation: Floats, plan: PairPlan, prompt: str = "") -> list[tuple[int, int]]:
    """(chosen, rejected) places in ``scores``; ``deviation`` [n] is that of ``plan.measure``, used by DivPO alone."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    if plan.select == "gap":
        pairs = [(i, j) for i, j in combinations(order, 2) if _apart(scores[i], scores[j], plan.gap)]
    else:
        best, worst = order[0], order[-1]
        if plan.select == "divpo":
            reach = plan.rho * (scores[best] - scores[worst])
            high = [i for i in order if scores[i] >= scores[best] - reach]
            low = [i for i in order if scores[i] <= scores[worst] + reach]
            best = max(high, key=lambda i: (deviation[i], scores[i], -i))  # of equally diverse ones the better
            worst = min(low, key=lambda i: (deviation[i], scores[i], i))  # and the worse
        pairs = [(best, worst)] if _apart(scores[best], scores[worst], plan.gap) else []
    if plan.most and len(pairs) > plan.most:
        pairs = sorted(random.Random(f"{plan.seed}:pairs:{prompt}").sample(pairs, plan.most))
    return pairs


def _apart(better: float, worse: float, gap: float) -> bool:
    return better > worse and better - worse >= gap


def _usable(row: Mapping[str, Any], plan: PairPlan, tally: Tally) -> _Prompt | None:
    """A prompt of which a pair may come; None, and counted, where none can."""
    tally.prompts += 1
    best: dict[str, float] = {}
    for response in row["responses"]:  # a text that was sent in twice would be no deviation from itself
        text, score = response["text"].strip(), float(response["score"])
        tally.left_out[COPIES] += text in best
        best[text] = max(score, best.get(text, score))
    items = list(best.items())
    if plan.responses and len(items) > plan.responses:
        places = list(range(len(items)))
        random.Random(f"{plan.seed}:responses:{row['prompt']}").shuffle(places)
        items = [items[place] for place in sorted(places[: plan.responses])]
    scores = tuple(score for _, score in items)
    if len(items) < 2:
        tally.left_out[ONE] += 1
    elif max(scores) == min(scores):
        tally.left_out[EQUAL] += 1
    elif max(scores) - min(scores) < plan.gap:
        tally.left_out[NEAR] += 1
    else:
        return _Prompt(row, tuple(text for text, _ in items), scores)
    return None


def _pair(prompt: _Prompt, chosen: int, rejected: int, found: Mapping[str, Floats]) -> dict[str, Any]:
    delta = {name: round(float(weights(d)[chosen]), 6) for name, d in found.items()}
    kept = {key: prompt.row[key] for key in ("system", "group", "source", "licence") if key in prompt.row}
    return {
        "prompt": prompt.row["prompt"], "chosen": prompt.texts[chosen], "rejected": prompt.texts[rejected],
        "chosen_score": prompt.scores[chosen], "rejected_score": prompt.scores[rejected],
        "deviation": {name: round(float(d[chosen]), 6) for name, d in found.items()}, "delta": delta, **kept,
    }  # fmt: skip


def _embedders(plan: PairPlan, cache: Path | None) -> dict[str, Embedder]:
    names = {"semantic": plan.semantic, "style": plan.style}
    return {
        kind: load_embedder(name, cache=cache, trust_remote_code=plan.trust_remote_code) for kind, name in names.items()
    }


def _nothing(source: Path, plan: PairPlan, tally: Tally) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in sorted(tally.left_out.items()) if count)
    lower = f"; lower gap (it is {plan.gap:g})" if tally.left_out[NEAR] else ""
    return f"{source} gives no pair: of {tally.prompts} prompts there were {counts}{lower}."
