"""The numbers of an evaluation, one line a metric, and their computation from what the models made.

Invariant: no model is asked for anything here; equal files give equal numbers. A metric that a model, or the data, says nothing
about is not in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from finetune.embeddings import Embedder, Vectors
from finetune.judge import lexical, likelihood, spread, winning
from finetune.judge.asking import LIKELIHOOD, RANKING, WINS, rows, texts_of
from finetune.judge.bootstrap import RESAMPLES, Combine, Estimate, estimate, exp_ratio, ratio, share
from finetune.judge.cases import Case
from finetune.judge.setting import PEOPLE, Evaluation

Sums = Sequence[float] | None


@dataclass
class Evidence:
    """What is known of one model, by case; ``vectors`` are {"semantic": {case: [n, d]}, "style": ...}."""

    texts: dict[str, list[str]]
    likelihood: dict[str, dict[str, Any]] = field(default_factory=dict)
    ranking: dict[str, dict[str, Any]] = field(default_factory=dict)
    wins: dict[str, dict[str, Any]] = field(default_factory=dict)
    vectors: dict[str, dict[str, Vectors]] = field(default_factory=dict)
    people: bool = False


@dataclass(frozen=True)
class Metric:
    """``sums`` says what a case adds, ``combine`` makes the number of it (None: the share of the cases that did it).
    ``better`` is where a better model lies.
    """

    key: str
    label: str
    better: Literal["higher", "lower", ""]
    sums: Callable[[Evidence, Case], Sums]
    combine: Combine | None = ratio
    digits: int = 2


def _kept(
    name: Literal["likelihood", "ranking", "wins"], sums: Callable[[dict[str, Any]], Sums]
) -> Callable[[Evidence, Case], Sums]:
    def of(evidence: Evidence, case: Case) -> Sums:
        row = getattr(evidence, name).get(case.id)
        return None if row is None else sums(row)

    return of


def _texts(sums: Callable[[list[str]], Sums]) -> Callable[[Evidence, Case], Sums]:
    return lambda evidence, case: sums(evidence.texts[case.id])


def _against(sums: Callable[[list[str], Sequence[str]], Sums]) -> Callable[[Evidence, Case], Sums]:
    """Compared with the references, which would be found to be like themselves."""
    return lambda evidence, case: None if evidence.people else sums(evidence.texts[case.id], case.references)


def _rouge(name: str) -> Callable[[Evidence, Case], Sums]:
    return _against(lambda texts, references: lexical.rouge(texts, references, name))


def _distinct(n: int) -> Callable[[Evidence, Case], Sums]:
    return _texts(lambda texts: lexical.distinct(texts, n))


def _vectors(kind: str, sums: Callable[[Vectors], Sums]) -> Callable[[Evidence, Case], Sums]:
    return lambda evidence, case: sums(evidence.vectors[kind][case.id]) if kind in evidence.vectors else None


METRICS: Final = (
    Metric("perplexity_token", "perplexity, token", "lower", _kept("likelihood", likelihood.token_sums), exp_ratio),
    Metric("perplexity_word", "perplexity, word", "lower", _kept("likelihood", likelihood.word_sums), exp_ratio, 1),
    Metric("prompt_ranking", "prompt ranking", "higher", _kept("ranking", likelihood.ranked_first), None),
    Metric("rouge1", "ROUGE-1", "higher", _rouge("rouge1"), digits=3),
    Metric("rouge2", "ROUGE-2", "higher", _rouge("rouge2"), digits=3),
    Metric("rougeL", "ROUGE-L", "higher", _rouge("rougeL"), digits=3),
    Metric("bleu", "BLEU", "higher", _against(lexical.bleu_sums), lexical.bleu),
    Metric("distinct1", "distinct-1", "higher", _distinct(1), digits=3),
    Metric("distinct2", "distinct-2", "higher", _distinct(2), digits=3),
    Metric("distinct3", "distinct-3", "higher", _distinct(3), digits=3),
    Metric("self_bleu", "self-BLEU", "lower", _texts(lexical.self_bleu)),
    Metric("semantic", "semantic distance", "higher", _vectors("semantic", spread.pairwise), digits=3),
    Metric("style", "style distance", "higher", _vectors("style", spread.pairwise), digits=3),
    Metric("vendi", "Vendi score", "higher", _vectors("semantic", spread.vendi)),
    Metric("repetition", "repetition", "lower", _texts(lexical.repeated), digits=3),
    Metric("length", "length, words", "", _texts(lexical.length), digits=1),
    Metric("win_rate", "win rate", "higher", _kept("wins", winning.won), None),
)
MAUVE: Final = Metric("mauve", "MAUVE", "higher", lambda evidence, case: None, digits=3)
Table = dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Result:
    """``table`` is {model: {metric: estimate}}; ``notes`` are sentences on what the table leaves out."""

    table: Table
    notes: tuple[str, ...]

    @property
    def metrics(self) -> list[Metric]:
        """Those that some model has, in order."""
        return [metric for metric in (*METRICS, MAUVE) if any(metric.key in found for found in self.table.values())]


def measure(
    evaluation: Evaluation, embedders: dict[str, Embedder], people: bool = False, mauve: bool = False,
    times: int = RESAMPLES,
) -> Result:  # fmt: skip
    """Every metric of every model. ``embedders`` has ``semantic`` and ``style``, or none. With ``people`` the references stand
    in the table too. Raises ``InputError`` where MAUVE is wished and not installed.
    """
    names = [*evaluation.models, *([PEOPLE] if people else [])]
    known = {name: gather(evaluation, name, embedders) for name in names}
    notes = _leave_out_long(known)
    theirs = _people_vectors(evaluation, embedders) if mauve else None
    table: Table = {}
    for name, evidence in known.items():
        table[name] = {}
        for metric in METRICS:
            sums = [found for case in evaluation.cases if (found := metric.sums(evidence, case)) is not None]
            if sums:
                table[name][metric.key] = (
                    estimate(sums, metric.combine, evaluation.settings.seed, times) if metric.combine
                    else share(sums, evaluation.settings.seed, times)
                )  # fmt: skip
        if theirs is not None and not evidence.people:
            mine = np.concatenate(list(evidence.vectors["semantic"].values()))
            value = spread.mauve(mine, theirs, evaluation.settings.seed)
            table[name][MAUVE.key] = Estimate(value, None, None, len(evaluation.cases))
    return Result(table, (*notes, *_notes(evaluation, known)))


def gather(evaluation: Evaluation, name: str, embedders: dict[str, Embedder]) -> Evidence:
    """What is kept of a model, and the embeddings of its texts."""
    evidence = Evidence(texts_of(evaluation, name), people=name == PEOPLE)
    if not evidence.people:
        evidence.likelihood = rows(evaluation, name, LIKELIHOOD)
        evidence.ranking = rows(evaluation, name, RANKING)
        evidence.wins = rows(evaluation, name, WINS)
    for kind, embedder in embedders.items():
        evidence.vectors[kind] = _by_case(evidence.texts, embedder)
    return evidence


def _by_case(texts: dict[str, list[str]], embedder: Embedder) -> dict[str, Vectors]:
    vectors = embedder.embed([text for group in texts.values() for text in group])
    ends = np.cumsum([len(group) for group in texts.values()])
    return dict(zip(texts, np.split(vectors, ends[:-1]), strict=True))


def _people_vectors(evaluation: Evaluation, embedders: dict[str, Embedder]) -> Vectors:
    return embedders["semantic"].embed([case.references[0] for case in evaluation.cases])


def _leave_out_long(known: dict[str, Evidence]) -> list[str]:
    """Texts that some model could not read are left out for all, so that perplexities are of the same texts."""
    long = {case for e in known.values() for case, row in e.likelihood.items() if not row["tokens"]}
    for evidence in known.values():
        for case in long:
            evidence.likelihood.pop(case, None)
            evidence.ranking.pop(case, None)
    return [f"{len(long)} texts were too long for some model: perplexity and ranking leave them out for all."] * bool(
        long
    )


def _notes(evaluation: Evaluation, known: dict[str, Evidence]) -> list[str]:
    notes = [
        f"{name} cannot say how likely a text is, so it has no perplexity and no ranking."
        for name, evidence in known.items()
        if not evidence.likelihood and not evidence.people
    ]
    if any(
        e.people and {len(group) for group in e.texts.values()} != {evaluation.settings.samples} for e in known.values()
    ):
        notes.append(
            f"People wrote another number of texts a prompt than {evaluation.settings.samples}: distinct-n, self-BLEU and the "
            "Vendi score depend on it, and are not to be compared with theirs."
        )
    asked = [row for evidence in known.values() for row in evidence.wins.values()]
    if asked:
        silent = sum(not (row["straight"] and row["turned"]) for row in asked)
        torn = sum(row["straight"] == row["turned"] != "" for row in asked)
        notes.append(
            f"Win rates are against {evaluation.settings.against}, by {evaluation.settings.judge}: of {len(asked)} pairs it "
            f"chose the same place twice in {torn} and gave no answer in {silent}, which are ties."
        )
    if any(evidence.ranking for evidence in known.values()):
        notes.append(f"Chance in prompt ranking is 1 in {_prompts(known)}.")
    return notes


def _prompts(known: dict[str, Evidence]) -> int:
    return max(len(row["nats"]) for evidence in known.values() for row in evidence.ranking.values())
