"""One body in two places: the draft puts a character in two places without a way between them, or elsewhere "meanwhile"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from agents.prose import MOVES
from planner.rules.base import Case
from planner.state import Fact, Finding, Relation, Severity

_MOVES = re.compile(rf"\b(?:{MOVES})\b", re.IGNORECASE)
_LATER = re.compile(
    r"\b(later|next|after|soon|by (?:noon|night|evening|morning)|that (?:night|evening|day)|then|when|until)\b", re.I
)
_MEANWHILE = re.compile(
    r"^(meanwhile|at the same (?:time|moment|hour)|at that (?:very )?moment|just then)\b", re.IGNORECASE
)


def check(case: Case) -> Iterator[Finding]:
    for entity in case.premise.cast:
        places = [f for f in case.facts if f.subject == entity.id and f.relation is Relation.AT]
        yield from _within(case, entity.name, places)
        known = case.world.about(entity.id, Relation.AT)
        if places and known and _MEANWHILE.match(case.text) and places[0].object != known[-1].object:
            there, here = case.entity(known[-1].object), case.entity(places[0].object)
            if there and here:
                yield Finding(
                    rule="two_places", severity=Severity.ERROR, quotes=(places[0].quote,), fact=known[-1],
                    message=f"{entity.name} is at {there.name} and cannot be at {here.name} at the same time.",
                )  # fmt: skip


def _within(case: Case, name: str, places: list[Fact]) -> Iterator[Finding]:
    for first, second in pairwise(places):
        if first.object == second.object:
            continue
        start, end = case.text.find(first.quote), case.text.find(second.quote) + len(second.quote)
        between = case.text[start:end]
        if start < 0 or _MOVES.search(between) or _LATER.search(between):
            continue
        one, other = case.entity(first.object), case.entity(second.object)
        if one and other:
            yield Finding(
                rule="two_places", severity=Severity.ERROR, quotes=(first.quote, second.quote), fact=first,
                message=f"{name} is at {one.name} and at {other.name} with no way between them.",
            )  # fmt: skip
