"""Constraining text to a JSON schema or a regular expression, token by token, with llguidance.

Invariant: a constrained text that ends by itself matches; one that runs into its token limit may be cut anywhere. Slot
tokens count as the text that they show, control tokens can never be drawn inside a constraint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.control import CONTROL, END
from prompts.errors import EngineError

# The layout of json.dumps, which is what models are trained on; a small model that may add white space, does.
_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Grammar:
    """A compiled constraint; every candidate gets its own matcher from it."""

    def __init__(self, tokens: Any, json_schema: dict[str, Any] | None, regex: str | None) -> None:
        from llguidance import LLMatcher

        if json_schema is not None:
            source = LLMatcher.grammar_from_json_schema(json_schema, overrides=_LAYOUT)
        else:
            source = LLMatcher.grammar_from_regex(regex or "")
        self._matcher = LLMatcher(tokens, source, log_level=0)
        self._size = int(tokens.vocab_size)
        _check(self._matcher)

    def matcher(self) -> Matcher:
        return Matcher(self._matcher.deep_copy(), self._size)


class Matcher:
    """Where one candidate stands in the constraint."""

    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher = matcher
        self._bits = np.zeros((size + 31) // 32, np.uint32)
        self._size = size

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, bool [vocab]."""
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        _check(self._matcher)
        bits = np.unpackbits(self._bits.view(np.uint8), bitorder="little")
        mask: NDArray[np.bool_] = bits[: self._size].view(np.bool_)
        return mask

    def take(self, token: int) -> bool:
        """Go on by one token; True when nothing can follow."""
        self._matcher.consume_token(token)
        _check(self._matcher)
        return bool(self._matcher.is_stopped())


def token_table(tokenizer: Any, vocab: int, eos: Sequence[int]) -> Any:
    """llguidance's view of the vocabulary; takes a moment, so make it once.

    Left to itself, llguidance takes every ``<name>`` for a control token. So it is asked for the bytes of each token
    only, and told which ones are special.
    """
    from llguidance import LLTokenizer, TokenizerWrapper

    ends = [i for i in eos if i < vocab] or [tokenizer.token_to_id(END)]
    if ends == [None]:
        raise EngineError("The model has no token that ends a text, so it cannot follow a JSON schema or a regex.")
    control = {i for i in map(tokenizer.token_to_id, CONTROL) if i is not None}
    try:
        plain = LLTokenizer(tokenizer.to_str(), n_vocab=vocab, eos_token=ends)
        view = _View(tokenizer, [plain.decode_bytes([i]) for i in range(vocab)], ends[0], sorted({*control, *ends}))
        return LLTokenizer(TokenizerWrapper(view), n_vocab=vocab, eos_token=ends)
    except Exception as error:
        raise EngineError(f"The tokenizer cannot be used with a JSON schema or a regex ({error}).") from error


class _View:
    """The vocabulary as llguidance's ``TokenizerWrapper`` wants it."""

    bos_token_id = None

    def __init__(self, tokenizer: Any, tokens: list[bytes], eos: int, special: list[int]) -> None:
        self.tokens, self.eos_token_id, self.special_token_ids = tokens, eos, special
        self._tokenizer = tokenizer

    def __call__(self, text: str | bytes) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def _check(matcher: Any) -> None:
    if matcher.is_error():
        line = str(matcher.get_error()).strip().splitlines()[0]
        raise EngineError(f"The JSON schema or regex cannot be followed ({line}); simplify it.")
