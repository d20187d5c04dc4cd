"""Premises of our own making, for "surprise me"."""

from __future__ import annotations

import random

SURPRISES = (
    "A lighthouse keeper finds a door under the sea",
    "A baker must save the mill from the flood, with the help of the sister whom she has not spoken to in years",
    "The last bookbinder of a town is asked to bind a book that has no end",
    "Two rival clockmakers must build one clock before the fair begins",
    "A ferry pilot hears a voice on the radio that knows her name",
    "An old gardener plants a seed that came by post, and something answers",
    "A girl who cannot lie becomes the secretary of the richest man in town",
    "The night watch of a museum finds one painting fewer every morning, and nobody else remembers them",
    "A retired thief is hired to steal back what he sold",
    "On a ship bound for the north, the cook is the only one who believes the map is wrong",
    "A village votes on whether to let the stranger stay the winter",
    "A cartographer draws an island by mistake, and a letter arrives from it",
    "A doctor comes home to bury her father and finds his patients still waiting",
    "Three brothers inherit one house, one boat and one secret",
    "A robot that tends an orchard learns that the orchard is to be sold",
    "The bell of a drowned church rings on the night before a wedding",
)


def surprise(other_than: str = "") -> str:
    """A premise drawn at random, another one than the last."""
    return random.choice([premise for premise in SURPRISES if premise != other_than])
