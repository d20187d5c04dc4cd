"""The settings of the methods that learn from preference pairs, on top of what every recipe takes.

Invariant: what only a weighted method uses (which deviation, its floor) is no setting of the plain ones, so a recipe can't
say one thing and train another.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from finetune.deviation import Measure
from finetune.recipes.settings import Recipe


class Preference(Recipe):
    """Pairs of a chosen and a rejected response. ``batch_size`` counts pairs, ``max_length`` a prompt with one response."""

    learning_rate: float = Field(5e-6, gt=0)
    epochs: float = Field(3.0, gt=0)
    batch_size: int = Field(4, ge=1)


class Dpo(Preference):
    """Direct preference optimization; the reference is the model or adapter that training starts from, frozen."""

    beta: float = Field(0.1, gt=0)  # how closely the model is held to the reference


class Divpo(Dpo):
    """DPO on pairs that were chosen for diversity (``fabula data pairs --select divpo``)."""


class Ddpo(Dpo):
    """DPO in which each pair weighs as much as its chosen response deviates."""

    deviation: Measure = "both"
    delta_min: float = Field(0.0, ge=0)  # a pair weighs no less; with few responses to a prompt many would weigh 0


class Orpo(Preference):
    """Odds ratio preference optimization: imitates the chosen response and needs no reference."""

    epochs: float = Field(4.0, gt=0)
    odds_weight: float = Field(0.25, ge=0)  # λ


class Dorpo(Orpo):
    """ORPO in which the chosen response weighs as much as it deviates, in both terms."""

    deviation: Measure = "both"
    delta_min: float = Field(0.0, ge=0)
    dorpo_delta: Literal["outside", "inside"] = "outside"  # of the sigmoid: see finetune.recipes.losses
