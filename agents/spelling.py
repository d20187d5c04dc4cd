"""Words that nobody knows: a small model now and then puts pieces of words together that are none.

``words.txt`` in the bundled model's folder lists every word that it was taught. Invariant: a word that a person gave (a
name, a role, a thing) is never called strange; without a list nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_LIST = Path(__file__).parent / "models" / "small" / "words.txt"
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_CONTRACTION = re.compile(r"'(?:s|d|ll|re|ve|m|t)$")


def words_of(text: str) -> set[str]:
    """The words of a text, lower case, without possessive or contracted endings."""
    return {_CONTRACTION.sub("", word) for word in _WORD.findall(text.lower())}


@cache
def _known() -> frozenset[str]:
    return frozenset(_LIST.read_text(encoding="ascii").split()) if _LIST.is_file() else frozenset()


def strange_words(text: str, given: Iterable[str] = ()) -> set[str]:
    """Words of ``text`` that neither the list nor the ``given`` texts hold."""
    known = _known()
    if not known:
        return set()
    return words_of(text) - known - {word for other in given for word in words_of(other)}
