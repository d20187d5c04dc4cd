"""What a corpus of stories says too often: near-duplicate stories, and phrases that many stories share.

Near-duplicates are told by the Jaccard similarity of their five-word runs (Broder 1997, resemblance of documents), in slots,
so that another name makes no other story. Invariant: the figures depend on the texts alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from agents.text import stems
from finetune.stories.model import WrittenPremise

SHINGLE, RESEMBLES = 5, 0.2
PHRASE, PHRASE_SHARE = 5, 0.025
"""A run of five words, two of them with a meaning of their own, that more than this share of a hundred stories has is a pet."""
_WORD: Final = re.compile(r"<\w+>|[a-z]+(?:'[a-z]+)?")


def shingles(text: str, size: int = SHINGLE) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[n : n + size]) for n in range(len(words) - size + 1)}


def slotless(premise: WrittenPremise, text: str) -> str:
    """The text with every name of the premise as a mere <name>."""
    for name in sorted(premise.names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "<name>", text, flags=re.IGNORECASE)
    return text


def texts(premises: Sequence[WrittenPremise]) -> dict[str, str]:
    """Each story as one text, by its id, without its names."""
    return {s.id: slotless(p, "\n".join(x.text for x in s.paragraphs)) for p in premises for s in p.stories}


def phrases(told: dict[str, str], size: int = PHRASE) -> Counter[tuple[str, ...]]:
    """In how many stories each run of ``size`` words stands, of those that say something ("at the end of the" does not)."""
    return Counter(run for text in told.values() for run in shingles(text, size) if len(stems(" ".join(run))) >= 2)


def alike(told: dict[str, str]) -> Iterator[tuple[str, str, float]]:
    """Pairs of stories whose five-word runs overlap by more than ``RESEMBLES``."""
    runs = {key: shingles(text) for key, text in told.items()}
    holders: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, own in runs.items():
        for run in own:
            holders[run].append(key)
    shared: Counter[tuple[str, str]] = Counter()
    for keys in holders.values():
        if 1 < len(keys) <= 20:
            shared.update((one, other) for n, one in enumerate(keys) for other in keys[n + 1 :])
    for (one, other), count in shared.items():
        share = count / len(runs[one] | runs[other])
        if share > RESEMBLES:
            yield one, other, share


def corpus_faults(premises: Sequence[WrittenPremise]) -> Iterator[str]:
    told = texts(premises)
    for one, other, share in alike(told):
        yield f"{one} and {other} are alike: {share:.0%} of their runs of {SHINGLE} words"
    if len(told) >= 100:
        for run, count in phrases(told).most_common(200):
            if count > PHRASE_SHARE * len(told):
                yield f"{count} of {len(told):,} stories say {' '.join(run)!r}"
