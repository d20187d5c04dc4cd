"""The slot language: how a small model speaks of a story's entities without spelling their names.

Every entity of a story has one slot token, such as ``<she1>`` or ``<place2>``. The token's word is the entity's class (a
character's pronouns, or the sort of place or thing), its number tells entities of one sort apart. The bundled model reads
and writes only slots; the typed state knows who fills them. Invariant: filling a text and slotting it again gives the
same entities back, whatever their names are.
"""

from __future__ import annotations

from typing import Final

CHARACTER_CLASSES: Final = ("she", "he", "they")
THING_CLASSES: Final = ("item", "site", "beast", "note")
MAX_CHARACTERS: Final = 4
MAX_PLACES: Final = 3
MAX_THINGS: Final = 3

PRONOUNS: Final[dict[str, dict[str, str]]] = {
    "she": {"they": "she", "them": "her", "their": "her", "theirs": "hers", "themself": "herself"},
    "he": {"they": "he", "them": "him", "their": "his", "theirs": "his", "themself": "himself"},
    "they": {"they": "they", "them": "them", "their": "their", "theirs": "theirs", "themself": "themself"},
}


def slot_tokens() -> tuple[str, ...]:
    """Every slot token that the tokenizer must know as one symbol, in a fixed order."""
    tokens = [f"<{c}{n}>" for n in range(1, MAX_CHARACTERS + 1) for c in CHARACTER_CLASSES]
    tokens += [f"<role{n}>" for n in range(1, MAX_CHARACTERS + 1)]
    tokens += [f"<place{n}>" for n in range(1, MAX_PLACES + 1)]
    tokens += [f"<{c}{n}>" for n in range(1, MAX_THINGS + 1) for c in THING_CLASSES]
    return tuple(tokens)
