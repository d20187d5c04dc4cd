"""The methods that ``fabula train`` knows: each a name, a class of settings and a function that builds its trainer.

A method is added by one line in ``METHODS``. Invariant: nothing here imports torch; the module that builds a trainer
is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from finetune.recipes.preference_settings import Ddpo, Divpo, Dorpo, Dpo, Orpo
from finetune.recipes.settings import Recipe, Seq2Seq, Sft


@dataclass(frozen=True)
class Method:
    """``builder`` is "module:function"; the function takes (recipe, run folder) and returns a ``transformers.Trainer``."""

    name: str
    settings: type[Recipe]
    builder: str
    about: str  # one sentence for --help
    config: str  # the recipe that --config has when it isn't given
    kind: str = "sft"  # of the data set folder that it reads

    def build(self) -> Callable[[Any, Path], Any]:
        module, _, function = self.builder.partition(":")
        found: Callable[[Any, Path], Any] = getattr(importlib.import_module(module), function)
        return found


_PREFERENCE: Final = "finetune.recipes.preference:build"
_KNOWN: Final = (
    Method("sft", Sft, "finetune.recipes.sft:build", "Fine-tune a causal model on prompts and completions.", "sft_lora"),
    Method("seq2seq", Seq2Seq, "finetune.recipes.seq2seq:build", "Fine-tune an encoder-decoder such as Flan-T5.", "sft_seq2seq"),
    Method("dpo", Dpo, _PREFERENCE, "Learn from preference pairs (DPO).", "dpo_lora", "preference"),
    Method("ddpo", Ddpo, _PREFERENCE, "DPO that weighs pairs by deviation, for diversity.", "ddpo_lora", "preference"),
    Method("divpo", Divpo, _PREFERENCE, "DPO on pairs chosen for diversity.", "divpo_lora", "preference"),
    Method("orpo", Orpo, _PREFERENCE, "Learn from preference pairs without a reference (ORPO).", "orpo_lora", "preference"),
    Method("dorpo", Dorpo, _PREFERENCE, "ORPO that weighs pairs by deviation.", "dorpo_lora", "preference"),
)  # fmt: skip
METHODS: Final[dict[str, Method]] = {method.name: method for method in _KNOWN}
