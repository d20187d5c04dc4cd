"""A paragraph put together from sentences of several alternatives: what /merge and the room's m do.

Invariant: the sentences stand in the order that they were asked for, and the same sentence is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.text import sentences
from prompts.errors import InputError

Place = tuple[int, int]
"""Which alternative and which of its sentences, both from 0."""


def split(alternatives: Sequence[str]) -> list[list[str]]:
    """The sentences of each alternative."""
    return [sentences(text) for text in alternatives]


def merged(alternatives: Sequence[str], places: Iterable[Place]) -> str:
    """The sentences at ``places`` as one paragraph; empty without places. Raises ``InputError`` where there is none."""
    known, joined = split(alternatives), dict[str, None]()
    for alternative, sentence in places:
        if not 0 <= alternative < len(known):
            raise InputError(f"There is no alternative {alternative + 1}; there are {len(known)}.")
        if not 0 <= sentence < len(known[alternative]):
            raise InputError(f"There are no sentences {sentence + 1} there; it has {len(known[alternative])}.")
        joined[known[alternative][sentence]] = None
    return " ".join(joined)
