"""What a story remembers in words: the running summary, a bounded list of one-sentence notes.

Invariant: the first sentence, which says who the hero is, and the newest one are always kept; the oldest of the rest go
first, so the summary costs the same at paragraph 10,000 as at paragraph 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.text import sentences

SUMMARY_TOKENS: Final = 96
LOGLINE_TOKENS: Final = 80


def append_summary(
    summary: tuple[str, ...], sentence: str, count_tokens: Callable[[str], int], budget: int = SUMMARY_TOKENS
) -> tuple[str, ...]:
    """``summary`` with ``sentence`` at its end, shortened to ``budget`` tokens (each sentence is counted by itself).

    An empty sentence adds nothing. The first and the newest sentence stay even where the two alone are over the budget.
    """
    sentence = " ".join(sentence.split())
    kept = [*summary, sentence] if sentence else list(summary)
    sizes = [count_tokens(text) for text in kept]
    while len(kept) > 2 and sum(sizes) > budget:
        del kept[1], sizes[1]
    return tuple(kept)


def shorten(text: str, count_tokens: Callable[[str], int], budget: int, *, keep_end: bool = False) -> str:
    """Whole sentences of ``text`` within ``budget`` tokens: the first ones, or with ``keep_end`` the last ones.

    A single sentence that is too long by itself is cut between words.
    """
    if count_tokens(text) <= budget:
        return text
    parts = sentences(text)
    while len(parts) > 1 and count_tokens(" ".join(parts)) > budget:
        parts.pop(0 if keep_end else -1)
    words = " ".join(parts).split()
    while len(words) > 1 and count_tokens(" ".join(words)) > budget:
        words.pop(0 if keep_end else -1)
    return " ".join(words)
