"""A made-up corpus: stories of four plain paragraphs, as many as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import finetune.worlds

WORLDS = Path(finetune.worlds.__file__).parent / "stories"
NAMES = ("Tom", "Mira", "Oskar", "Lena", "Piet", "Ada", "Hugo", "Nora", "Emil", "Ruth")

WriteCorpus = Callable[[str, list[object]], Path]


def story_text(number: int) -> str:
    """A story of four plain paragraphs about two named people, different for every number."""
    one, two = NAMES[number % 10], NAMES[(number + 3) % 10]
    he, his = ("He", "his") if number % 10 in {0, 2, 4, 6, 8} else ("She", "her")
    return "\n".join(
        f"In the {word} of that year {one} went down to the harbour. {he} carried {number + part} apples in {his} bag. "
        f'"Where are you going?" asked {two}. "To the end of the pier," said {one}, and {he.lower()} smiled. '
        f"The two of them sat down near the water. The boats came in one after the other, and {one} counted them all. "
        f"Nobody wanted to go home, so {two} told {one} about the old ships and the cold rooms under the sea."
        for part, word in enumerate(("spring", "summer", "autumn", "winter"))
    )
