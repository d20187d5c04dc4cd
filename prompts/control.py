"""The control tokens of the bundled model's prompts, each one symbol of its vocabulary, in a fixed order.

User text never carries them: ``clean`` takes them, and slot tokens, out of anything that a person typed.
"""

from __future__ import annotations

import re
from typing import Final

PAD: Final = "<|pad|>"
END: Final = "<|end|>"
CONTROL: Final = (
    PAD, END, "<|write|>", "<|summarize|>", "<|premise|>", "<|plan|>", "<|title|>", "<|story|>", "<|tags|>", "<|cast|>",
    "<|stage|>", "<|logline|>", "<|summary|>", "<|last|>", "<|done|>", "<|beat|>", "<|text|>", "<|note|>",
)  # fmt: skip
_TOKEN = re.compile(r"<\|[a-z]*\|>|<(?:she|he|they|role|place|item|site|beast|note)\d>")


def clean(text: str) -> str:
    """``text`` without control and slot tokens, its white space folded."""
    return " ".join(_TOKEN.sub(" ", text).split())
