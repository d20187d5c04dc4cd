"""How likely a model holds people's texts: perplexity, and whether it tells a story's own prompt from others'.

Invariant: only the text is scored, never the prompt, and never the mark of its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.judge.cases import Case, others
from finetune.judge.speaker import Speaker, TooLong


def score(speaker: Speaker, case: Case) -> dict[str, Any]:
    """The nats, tokens and words of the case's best reference; 0 tokens where it doesn't fit into the model."""
    text = case.references[0]
    try:
        losses = speaker.losses(case, text)
    except TooLong:
        losses = []
    return {"nats": sum(losses), "tokens": len(losses), "words": len(text.split())}


def token_sums(row: Mapping[str, Any]) -> tuple[float, float]:
    """(nats, tokens): e to their ratio is the perplexity of the model's own tokens, which compares models of one tokenizer.

    Source: F. Jelinek et al., "Perplexity - a measure of the difficulty of speech recognition tasks" (1977).
    """
    return float(row["nats"]), float(row["tokens"])


def word_sums(row: Mapping[str, Any]) -> tuple[float, float]:
    """(nats, words): e to their ratio is the perplexity of words parted by white space, which compares any two models.

    Source: as ``token_sums``; normalized by words as by S. Merity et al., "Pointer Sentinel Mixture Models" (2016).
    """
    return float(row["nats"]), float(row["words"])


def rank(speaker: Speaker, case: Case, cases: tuple[Case, ...], count: int, seed: int) -> dict[str, Any]:
    """The nats of the case's best reference after its own prompt, and each of ``count`` others'; none if it doesn't fit."""
    text = case.references[0]
    drawn = others(case, cases, count, seed)
    try:
        found = [sum(speaker.losses(asked, text)) for asked in (case, *drawn)]
    except TooLong:
        found = []
    return {"others": [other.id for other in drawn], "nats": found}


def ranked_first(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """(1 where the text is likeliest after its own prompt, 1); chance is one in as many prompts as there were.

    Source: A. Fan, M. Lewis and Y. Dauphin, "Hierarchical Neural Story Generation" (2018), prompt ranking with 9 others.
    """
    nats: Sequence[float] = row["nats"]
    return (float(nats[0] < min(nats[1:])), 1.0) if len(nats) > 1 else None
