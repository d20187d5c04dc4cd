"""Model FLOPs utilisation: what share of the arithmetic that a machine can do goes into the model.

Method: Chowdhery et al. 2022 (PaLM), appendix B: the operations that a token needs by the model's formula, times tokens a
second, by what the machine does at most. That peak is measured on the spot with matrix products in bfloat16, since no table
knows every CPU. Invariant: nothing here changes what is trained.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from finetune.config import Architecture
from finetune.data.shards import Shards

_SIZE = {"cpu": 1024, "cuda": 8192}


def flops_per_token(parameters: int, model: Architecture, length: float) -> float:
    """Operations of a training step for one token: 6 N + 12 L H T, with N weights, L layers of width H, T tokens a row."""
    return 6.0 * parameters + 12.0 * model.layers * model.hidden * length


def flops_of(model: torch.nn.Module, architecture: Architecture, mix: Sequence[tuple[Shards, float]]) -> float:
    """``flops_per_token`` of ``model`` on rows of the mean length of ``mix``, data sets with their shares."""
    length = sum(share * float(rows.lengths.mean()) for rows, share in mix) / sum(share for _, share in mix)
    return flops_per_token(sum(weight.numel() for weight in model.parameters()), architecture, length)


def peak_flops(where: torch.device, seconds: float = 0.4) -> float:
    """Operations a second of square matrix products in bfloat16 on ``where``: the best of those done in ``seconds``."""
    size = _SIZE.get(where.type, 2048)
    source = torch.Generator(where).manual_seed(0)  # of its own: the run's random numbers stay as they were
    one, other = (torch.randn(size, size, generator=source, device=where).bfloat16() for _ in range(2))
    best, stop = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < stop or not best:
        begun = time.perf_counter()
        torch.matmul(one, other)
        if where.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2.0 * size**3 / (time.perf_counter() - begun))
    return best
