"""Best of n: which candidate paragraph is kept, and why.

A candidate is judged by its mean log-likelihood, by the beat's people and things that it names, by the beat's words that
it takes up, by repetition, by form and by findings. With a small model this choice is what makes the difference.
Invariant: the choice is a function of the candidates and their context; ties go to the earlier candidate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from agents.prose import without_speech
from agents.text import repetition, stems
from planner.state import Finding, Model, Severity

_FIRST_PERSON = re.compile(r"\b(?:I|me|my|myself)\b")
_LOOSE_QUOTE = re.compile(r"(?:^|\s)\"\s")  # a quote that opens before a space: its first word is missing
MIN_WORDS, MAX_WORDS = 18, 160


class Weights(Model):
    """How much each part counts. The likelihood is in nats a token, the other parts lie between 0 and 1 or count findings."""

    likelihood: float = 1.0
    names: float = 1.2
    beat: float = 1.0
    repetition: float = 3.0
    form: float = 1.0
    finding: float = Field(0.8, ge=0)
    strange: float = 0.5


class Score(Model):
    """The parts of a candidate's score and their weighted sum, kept for the trace.

    ``findings`` is None for a candidate that could not win whatever the rules say of it, and was not examined.
    """

    likelihood: float
    names: float
    beat: float
    repetition: float
    form: float
    findings: float | None
    strange: int
    total: float


def form_faults(text: str, cut: bool, first_person: bool = False) -> float:
    """0 for a well-formed paragraph; a fault adds up to 1 each.

    Faults: cut off, too short or long, a quote, its first word or the end mark missing, an "I" in the narration of a
    third-person story.
    """
    words = len(text.split())
    faults = float(cut)
    faults += 0.0 if MIN_WORDS <= words <= MAX_WORDS else 1.0
    faults += 1.0 if text.count('"') % 2 or _LOOSE_QUOTE.search(text) else 0.0
    faults += 1.0 if not first_person and _FIRST_PERSON.search(without_speech(text)) else 0.0
    faults += 0.0 if text.rstrip().endswith((".", "!", "?", '"', "”")) else 0.5
    return faults


def judge(
    text: str,
    *,
    mean_logprob: float | None,
    wanted: Sequence[str],
    beat: str,
    before: str,
    cut: bool,
    first_person: bool = False,
    findings: Sequence[Finding] | None = None,
    strange: int = 0,
    faults: int = 0,
    weights: Weights | None = None,
) -> Score:
    """Score one candidate; ``wanted`` are the names that the beat speaks of, ``before`` what must not be said again.

    ``strange`` counts its words that are none (see agents/spelling.py), ``faults`` what else is wrong with its form.
    """
    weights = weights or Weights()
    lowered = text.lower()
    names = sum(name.lower() in lowered for name in wanted) / len(wanted) if wanted else 1.0
    asked = stems(beat) - {stem for name in wanted for stem in stems(name)}
    kept = len(asked & stems(text)) / len(asked) if asked else 1.0
    repeated = repetition(text, before)
    form = form_faults(text, cut, first_person) + faults
    likelihood = mean_logprob if mean_logprob is not None else 0.0
    total = (
        weights.likelihood * likelihood + weights.names * names + weights.beat * kept
        - weights.repetition * repeated - weights.form * form - weights.strange * strange
    )  # fmt: skip
    score = Score(
        likelihood=round(likelihood, 4), names=round(names, 4), beat=round(kept, 4), repetition=round(repeated, 4),
        form=form, findings=None, strange=strange, total=round(total, 4),
    )  # fmt: skip
    return score if findings is None else examined(score, findings, weights)


def examined(score: Score, findings: Sequence[Finding], weights: Weights) -> Score:
    """The score of a candidate once the rules have spoken: it can only fall."""
    cost = {Severity.ERROR: 1.0, Severity.WARNING: 0.4, Severity.NOTE: 0.0}
    found = sum(cost[finding.severity] for finding in findings)
    return score.model_copy(update={"findings": found, "total": round(score.total - weights.finding * found, 4)})
