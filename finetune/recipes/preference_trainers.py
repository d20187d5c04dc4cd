"""TRL's DPO and ORPO trainers, made to read tokenized pairs and to weigh each by the deviation of its chosen response.

Invariant: everything but the weight is TRL's own (optimizer, reference, metrics, gathering over processes); a batch whose
weights are all 1 gives the gradients of the stock trainer, digit for digit.
"""

from __future__ import annotations

import os
from typing import Any, Final

import torch
from torch import Tensor

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # ORPO lives there: the version of trl is pinned for it

from trl import DPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from finetune.recipes.losses import Where, ddpo, log_odds, preferred, weighted_nll

DELTA: Final = "delta"
REFERENCE: Final = "ref"  # what TRL calls the frozen copy of the adapter that training starts from


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """DPO on pairs that are tokenized already (``prompt_ids``, ``chosen_ids``, ``rejected_ids``).

    The reference's log probabilities are computed once, before the first step, from the model or adapter that training
    starts from. Its copy is then let go: no step runs it, no checkpoint holds it.
    """

    reference_gone = False
    left_out = 0  # pairs that were too long

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # DeepSpeed's engines hold on to all weights.
        if REFERENCE in getattr(self.model, "peft_config", {}) and not self.is_deepspeed_enabled:
            self.model.delete_adapter(REFERENCE)
            self.reference_gone = True

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> Any:
        if self.reference_gone:
            raise RuntimeError(
                "the reference is let go once the data is prepared; give all data to the trainer at first"
            )
        return super().compute_ref_log_probs(model, _without_delta(inputs))

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


class WeighingCollator(DataCollatorForPreference):  # type: ignore[misc]
    """Adds the weights [pairs] to TRL's batch."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super().torch_call(examples)
        return {**batch, DELTA: torch.tensor([example[DELTA] for example in examples], dtype=torch.float32)}


class DeviationDPO(PairTrainer):
    """DDPO: the pairs have a column ``delta`` too, and come through a ``WeighingCollator``."""

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if DELTA not in self._signature_columns:
            self._signature_columns += [DELTA]

    def _compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool) -> Any:
        """The stock loss gives the metrics; what is trained is made of the same forward pass, weighted."""
        watched = _Watched(model)
        stock = super()._compute_loss(watched, _without_delta(inputs), return_outputs)
        length = inputs["completion_mask"].shape[1] - 1  # prompt tuning puts more before them
        chosen, rejected = watched.outputs.log_probs[:, -length:].sum(dim=1).chunk(2)
        loss = ddpo(
            chosen - inputs["ref_chosen_logps"], rejected - inputs["ref_rejected_logps"], inputs[DELTA], self.beta
        )
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * watched.outputs.aux_loss
        self._metrics["train" if self.model.training else "eval"][DELTA].append(_mean(self, inputs[DELTA]))
        return (loss, stock[1]) if return_outputs else loss


class PairORPO(ORPOTrainer):  # type: ignore[misc]
    """ORPO on pairs that are tokenized already: ``chosen_`` and ``rejected_`` with input_ids, attention_mask, labels."""

    left_out = 0

    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, Any]:
        return {}


class DeviationORPO(PairORPO):
    """DORPO: the pairs have a column ``delta`` too. ``where`` the weight stands in the odds ratio's term."""

    def __init__(self, *, where: Where, **given: Any) -> None:
        self.where = where
        self.delta = torch.ones(0)
        super().__init__(**given)

    def get_batch_loss_metrics(self, model: Any, batch: dict[str, Any], train_eval: str = "train") -> Any:
        self.delta = torch.as_tensor(batch[DELTA], dtype=torch.float32, device=self.accelerator.device)
        loss, metrics = super().get_batch_loss_metrics(model, _without_delta(batch), train_eval)
        prefix = "eval_" if train_eval == "eval" else ""
        return loss, {**metrics, f"{prefix}{DELTA}": _mean(self, self.delta)}

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> Any:
        found = super().concatenated_forward(model, batch)
        chosen_logps, rejected_logps, chosen, rejected = found[:4]
        rest = found[5:]
        del found  # and with it what the plain loss would need for a backward pass
        ids, seen = batch["chosen_input_ids"], batch["chosen_attention_mask"]
        labels = torch.where(seen == 1, ids, -100)[:, 1:].to(chosen.device)
        nll = weighted_nll(chosen[:, : labels.shape[1]], labels, self.delta)
        return (chosen_logps, rejected_logps, chosen, rejected, nll, *rest)

    def odds_ratio_loss(self, policy_chosen_logps: Tensor, policy_rejected_logps: Tensor) -> Any:
        _, *others = super().odds_ratio_loss(policy_chosen_logps, policy_rejected_logps)
        term = preferred(log_odds(policy_chosen_logps, policy_rejected_logps), self.delta, self.where)
        return (self.beta * term, *others)


class _Watched:
    """Stands for the policy in TRL's loss and keeps what it gave."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.outputs: Any = None

    def __call__(self, **given: Any) -> Any:
        outputs = self.model(**given)
        if given.get("fused_lm_head"):
            self.outputs = outputs
        return outputs


def _without_delta(inputs: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != DELTA}


def _mean(trainer: Any, delta: Tensor) -> float:
    return float(trainer.accelerator.gather_for_metrics(delta).mean())
