"""The bundled model's tokenizer: byte-level BPE that knows every control and slot token as one symbol.

Digits and punctuation marks never join anything, so a token mask can allow or forbid them alone. Invariant: the ids of
``special_tokens()`` are 0, 1, 2, ... in that order, whatever text the merges were learnt on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from prompts.control import CONTROL, END, PAD
from prompts.errors import InputError
from prompts.slots import slot_tokens

VOCABULARY = 4096
_PIECES = r"'(?:s|t|re|ve|m|ll|d)(?!\p{L})| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]|\s+"
_SPECIAL = re.compile(r"<\|?[a-z]+\d?\|?>")


def special_tokens() -> tuple[str, ...]:
    return (*CONTROL, *slot_tokens())


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> Tokenizer:
    """Learn merges from ``texts``; slot and control tokens in them are cut out first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in special_tokens()],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((_SPECIAL.sub(" ", text) for text in texts), trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write ``tokenizer.json`` and the config that transformers and vLLM read beside it."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": PAD, "eos_token": END, "model_max_length": 512,
        "clean_up_tokenization_spaces": False, "add_bos_token": False,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def load_tokenizer(folder: Path) -> Tokenizer:
    """Raises ``InputError`` where the folder has no tokenizer of this kind."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"There is no tokenizer at {path}; run `fabula train tokenizer` first.")
    tokenizer = Tokenizer.from_file(str(path))
    for number, token in enumerate(special_tokens()):
        if tokenizer.token_to_id(token) != number:
            raise InputError(f"The tokenizer at {path} does not know {token} as number {number}; train it anew.")
    return tokenizer
