"""What a story remembers in words: the running summary, a bounded list of one-sentence notes.

Invariant: it never exceeds its budget. The first sentence, which says who the hero is, and the newest one are kept, the
oldest of the rest go first, so the summary costs the same at paragraph 10,000 as at paragraph 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.text import sentences

SUMMARY_TOKENS: Final = 96
LOGLINE_TOKENS: Final = 80
TONE_TOKENS: Final = 12
"""What the small model reads of a tone: a person may put theirs into five hundred letters."""


def append_summary(
    summary: tuple[str, ...], sentence: str, count_tokens: Callable[[str], int], budget: int = SUMMARY_TOKENS
) -> tuple[str, ...]:
    """``summary`` with ``sentence`` at its end, shortened to ``budget`` tokens (each sentence is counted by itself).

    An empty sentence adds nothing. Where the first and the newest alone are over the budget, both are cut between words,
    each to no less than half of it; one of which not even a word fits is left out.
    """
    sentence = " ".join(sentence.split())
    kept = [*summary, sentence] if sentence else list(summary)
    sizes = [count_tokens(text) for text in kept]
    while len(kept) > 2 and sum(sizes) > budget:
        del kept[1], sizes[1]
    if sum(sizes) <= budget:
        return tuple(kept)
    cut: list[str] = []
    for text, later in zip(kept, (*sizes[1:], 0), strict=True):
        left = budget - sum(map(count_tokens, cut))
        share = max(left // 2, left - later) if later else left
        short = shorten(text, count_tokens, share)
        if count_tokens(short) <= share:  # a single word may be more than its share
            cut.append(short)
    return tuple(cut)


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


def fitted(text: str, count_tokens: Callable[[str], int], budget: int) -> str:
    """``shorten``, and where one word is over the budget by itself, as many of its letters as fit."""
    text = shorten(text, count_tokens, budget)
    while len(text) > 1 and count_tokens(text) > budget:
        text = text[: max(1, min(len(text) - 1, len(text) * budget // count_tokens(text)))]
    return text
