"""The losses of preference learning with deviation (Chung et al. 2025, arXiv 2503.17126), on tensors alone.

    DDPO    mean[ δ · -log σ(β · (Δw - Δl)) ]                    Δ = log π(y|x) - log π_ref(y|x), summed over tokens
    DORPO   Σ δ · NLL / tokens  -  λ · mean[ δ · log σ(z) ]      z = log odds(y_w|x) - log odds(y_l|x), tokens averaged

δ is the weight of the chosen response. Invariant: at δ = 1 each is the plain loss, DPO (Rafailov et al. 2023) or ORPO
(Hong et al. 2024), in the same operations and so to the same digits.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

Where = Literal["outside", "inside"]
_HALF: Final = -0.6931471805599453  # log 1/2


def ddpo(chosen: Tensor, rejected: Tensor, delta: Tensor, beta: float) -> Tensor:
    """The DDPO loss, a scalar. ``chosen`` and ``rejected`` [n] are log ratios of policy to reference, ``delta`` [n]."""
    return (-logsigmoid(beta * (chosen - rejected)) * delta).mean()


def log_odds(chosen: Tensor, rejected: Tensor) -> Tensor:
    """log of odds(chosen) / odds(rejected) [n], from mean log probabilities of a token, each below 0."""
    chosen, rejected = chosen.float(), rejected.float()
    return (chosen - rejected) - (_log_of_rest(chosen) - _log_of_rest(rejected))


def preferred(odds: Tensor, delta: Tensor, where: Where) -> Tensor:
    """log σ of the log odds [n], weighted by ``delta`` [n] outside or inside of the σ.

    Outside, a response's pull is δ times what it would be, for every δ. Inside, a great δ also makes σ full sooner, so
    that the pull of a response that is already preferred falls again, and a δ of 0 leaves a constant log 2.
    """
    return logsigmoid(odds) * delta if where == "outside" else logsigmoid(odds * delta)


def weighted_nll(logits: Tensor, labels: Tensor, delta: Tensor, ignored: int = -100) -> Tensor:
    """Σ δ · NLL over all tokens that count, through their number: a scalar. ``logits`` [n, t, v] stand before ``labels``
    [n, t], ``delta`` [n]. Divided by the tokens of the whole batch, not sample by sample, as ORPO does."""
    each = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignored, reduction="none").view_as(labels)
    return (each * delta[:, None]).sum() / (labels != ignored).sum()


def _log_of_rest(logp: Tensor) -> Tensor:
    """log(1 - exp(logp)), by whichever of two forms loses no digits."""
    near = torch.log(-torch.expm1(logp))
    return torch.where(logp < _HALF, torch.log1p(-torch.exp(logp)), near)
