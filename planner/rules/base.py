"""What a continuity rule is: a function from a case to findings. It reads the draft's facts and the world; it asks no model.

Invariant: a rule that is not sure says nothing. A checker that flags clean text is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from planner.state import Beat, Entity, Fact, Finding, Premise
from planner.world import World


@dataclass(frozen=True)
class Case:
    """A draft, what it says, and the world that it comes into."""

    text: str
    facts: tuple[Fact, ...]
    world: World
    premise: Premise
    beat: Beat
    paragraph: int

    def entity(self, key: str) -> Entity | None:
        return next((entity for entity in self.premise.entities if entity.id == key), None)


Rule = Callable[[Case], Iterable[Finding]]
