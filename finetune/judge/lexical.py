"""What texts look like by their words: overlap with references, variety, repetition, length.

Every function takes the texts of one prompt and returns the sums that an estimate is made of (finetune/judge/bootstrap.py),
``None`` where the prompt says nothing. Invariant: texts are compared within a prompt only, so numbers don't depend on how
many prompts there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from agents.text import repetition
from finetune.judge.bootstrap import Floats

ORDER: Final = 4
_WORD: Final = re.compile(r"[\w'’]+")
Sums = tuple[float, ...] | None


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return _WORD.findall(text.lower())


def _mean(values: Sequence[float]) -> Sums:
    return (float(np.mean(values)), 1.0) if values else None


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)


@cache
def _rouge_of(text: str, references: tuple[str, ...]) -> dict[str, float]:
    return {name: float(score.fmeasure) for name, score in _rouge().score_multi(list(references), text).items()}


def rouge(texts: Sequence[str], references: Sequence[str], name: str) -> Sums:
    """F1 of ``rouge1``, ``rouge2`` or ``rougeL`` against the reference that is most like the text, mean over the texts; with
    Porter's stemmer.

    Source: C.-Y. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004); the package rouge-score.
    """
    return _mean([_rouge_of(text, tuple(references))[name] for text in texts]) if references else None


def bleu_sums(texts: Sequence[str], references: Sequence[str]) -> Sums:
    """What the texts add to a corpus' BLEU: their length, the references' length, n-grams matched and n-grams told, n = 1 to 4.

    Source: K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation" (2002); the package sacrebleu
    (M. Post 2018), with its own tokenization.
    """
    if not texts or not references:
        return None
    total = np.zeros(2 + 2 * ORDER)
    for text in texts:
        score = _bleu().sentence_score(text, list(references))
        total += [score.sys_len, score.ref_len, *score.counts, *score.totals]
    return tuple(total.tolist())


def bleu(sums: Floats) -> Floats:
    """BLEU, 0 to 100, from ``bleu_sums`` added up: [..., 10] → [...]."""
    from sacrebleu.metrics.bleu import BLEU

    rows = np.atleast_2d(sums)
    found = [
        BLEU.compute_bleu(
            correct=[int(x) for x in row[2 : 2 + ORDER]], total=[int(x) for x in row[2 + ORDER :]],
            sys_len=int(row[0]), ref_len=int(row[1]), smooth_method="exp",
        ).score
        for row in rows
    ]  # fmt: skip
    return np.asarray(found).reshape(np.shape(sums)[:-1])


@cache
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)


def self_bleu(texts: Sequence[str]) -> Sums:
    """BLEU (0 to 100) of each text with the prompt's other texts as references, mean over the texts; low is varied.

    Source: Y. Zhu et al., "Texygen: A Benchmarking Platform for Text Generation Models" (2018).
    """
    if len(texts) < 2:
        return None
    rest = [[other for k, other in enumerate(texts) if k != number] for number in range(len(texts))]
    return _mean([float(_bleu().sentence_score(text, others).score) for text, others in zip(texts, rest, strict=True)])


def distinct(texts: Sequence[str], n: int) -> Sums:
    """Different n-grams of words in all texts of the prompt, by their n-grams in all.

    Source: J. Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models" (2016).
    """
    grams = [gram for text in texts for gram in _ngrams(words(text), n)]
    return (len(set(grams)) / len(grams), 1.0) if grams else None


def _ngrams(found: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(found[k:] for k in range(n)), strict=False))


def repeated(texts: Sequence[str]) -> Sums:
    """Share of a text's 4-grams of words that it has said before, mean over the texts (seq-rep-4).

    Source: S. Welleck et al., "Neural Text Generation with Unlikelihood Training" (2020).
    """
    return _mean([repetition(text, "") for text in texts])


def length(texts: Sequence[str]) -> Sums:
    """Words in a text, mean over the texts."""
    return _mean([float(len(words(text))) for text in texts])
