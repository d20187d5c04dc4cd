"""Turning the tokens of one candidate into text, piece by piece.

Invariant: the pieces, joined, are the text; a piece never holds half a character and never the beginning of what turns
out to be a stop string. Slot and control tokens are text; only the tokens that end or pad a text are silent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_BROKEN = "\ufffd"
OnText = Callable[[str], None]


class Writer:
    """Collects tokens. ``text`` is what may be shown so far; ``finish`` adds what was held back."""

    def __init__(self, tokenizer: Any, stop: Sequence[str] = (), on_text: OnText | None = None) -> None:
        self.text = ""
        self._tokenizer = tokenizer
        self._stop = tuple(s for s in stop if s)
        self._on_text = on_text
        self._held = ""  # decoded, but perhaps the beginning of a stop string
        self._ids: list[int] = []
        self._prefix = 0  # decoding starts here, a few tokens early, because decoders treat a text's beginning apart
        self._read = 0  # tokens before this are in ``text`` or ``_held``

    def push(self, token: int) -> bool:
        """Take one more token; True when a stop string is complete, which together with all after it is cut."""
        self._ids.append(token)
        before = self._decode(self._ids[self._prefix : self._read])
        after = self._decode(self._ids[self._prefix :])
        if after.endswith(_BROKEN) or len(after) <= len(before):
            return False
        self._prefix, self._read = self._read, len(self._ids)
        self._held += after[len(before) :]
        return self._release()

    def finish(self) -> str:
        """The whole text. An unfinished character at its end is dropped."""
        before = self._decode(self._ids[self._prefix : self._read])
        self._held += self._decode(self._ids[self._prefix :])[len(before) :].rstrip(_BROKEN)
        self._prefix = self._read = len(self._ids)
        if not self._release():
            self._emit(self._held)
        return self.text

    def _release(self) -> bool:
        found = [place for place in (self._held.find(s) for s in self._stop) if place >= 0]
        if found:
            self._emit(self._held[: min(found)])
            self._held = ""
            self._ids.clear()
            self._prefix = self._read = 0
            return True
        keep = max((_overlap(self._held, s) for s in self._stop), default=0)
        ready = len(self._held) - keep
        self._emit(self._held[:ready])
        self._held = self._held[ready:]
        return False

    def _emit(self, piece: str) -> None:
        if piece:
            self.text += piece
            if self._on_text is not None:
                self._on_text(piece)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False)) if ids else ""


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of ``text`` with which ``stop`` begins."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
