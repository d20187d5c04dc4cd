"""Small questions about prose that several agents ask. Invariant: all of them are deterministic."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

# It begins with what is rare, so that most of a text is passed over at once.
_SENTENCE_END = re.compile(r"[.!?][\"'”’]?\s+(?=[\"'“‘]?[A-Z<])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St)$")
_WORD = re.compile(r"[a-z']+")
_ENDING = re.compile(r"(?:'s|ing|ed|es|s|ly)$")
_COMMON = frozenset(
    "a an and are as at be been but by for from had has have he her hers him his i in into is it its me my no not of on or "
    "our out over she so that the their them then there they this to up was we were what when where which who will with "
    "you your all one now down back".split()
)


def sentences(text: str) -> list[str]:
    """Split prose at sentence ends, quotes kept with the sentence that they close."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if text[match.start()] == "." and _ABBREVIATION.search(text, start, match.start()):
            continue
        parts.append(text[start:end].strip())
        start = end
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def whole_sentences(text: str) -> str:
    """``text`` up to its last sentence end; all of it where it has none. A quote left open at the cut is closed."""
    ends = list(re.finditer(r"[.!?][\"”]?(?=\s|$)", text))
    if ends:
        text = text[: ends[-1].end()]
    return text + '"' if text.count('"') % 2 else text


# The candidates of a paragraph are all compared with the same beat and the same text before them: those are kept.
@lru_cache(maxsize=64)
def stems(text: str) -> frozenset[str]:
    """Content words, crudely stemmed, for comparing what two texts speak of."""
    words = {word for word in _WORD.findall(text.lower()) if len(word) > 2 and word not in _COMMON}
    return frozenset(_ENDING.sub("", word) for word in words)


@lru_cache(maxsize=64)
def ngrams(text: str, n: int) -> tuple[tuple[str, ...], ...]:
    """Word n-grams, lower case, in order."""
    words = re.findall(r"[\w']+", text.lower())
    return tuple(zip(*(words[i:] for i in range(n)), strict=False))


@lru_cache(maxsize=64)
def _different_ngrams(text: str, n: int) -> frozenset[tuple[str, ...]]:
    return frozenset(ngrams(text, n))


def repetition(text: str, before: str) -> float:
    """Share of the 4-grams of ``text`` that it says twice or that ``before`` already said (0 to 1)."""
    grams = ngrams(text, 4)
    if not grams:
        return 0.0
    new = _different_ngrams(text, 4) - _different_ngrams(before, 4)
    return 1 - len(new) / len(grams)


def alike(text: str, other: str) -> float:
    """How much of two texts is the same words in the same order (0 to 1); case and punctuation don't count."""
    words, others = (re.findall(r"[\w']+", part.lower()) for part in (text, other))
    return float(SequenceMatcher(None, words, others, autojunk=False).ratio())
