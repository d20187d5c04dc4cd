"""Names in a text that nobody of its story bears.

Invariant: what is a day, a month, a people or a form of address is no name, nor is what comes after an article (the Race).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CAPITAL: Final = re.compile(r"(?<=[a-z,;] )(?<!\bthe )(?<!\bThe )(?<!\ba )(?<!\ban )[A-Z][a-z]+")
_FREE: Final = frozenset(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September "
    "October November December Christmas Easter God Mr Mrs Miss Ms Dr Earth Mars Sun Moon English French German Latin Roman "
    "Viking Greek Spanish Italian Turkish Chinese Dutch Sir Madam Lord Lady Father Mother Mum Dad Mama Papa Grandma Grandpa "
    "Gran Grandfather Grandmother Uncle Aunt Captain Doctor Inspector Majesty Highness".split()
)


def strangers(text: str, names: Iterable[str]) -> set[str]:
    """Capitalised words within the sentences of ``text`` that stand in none of ``names``, nor are days, titles and the like."""
    return set(_CAPITAL.findall(text)) - {word for name in names for word in re.findall(r"[A-Z][a-z]+", name)} - _FREE
