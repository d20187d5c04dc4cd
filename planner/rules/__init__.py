"""The continuity rules, one a file. ``check_all`` runs every rule on a draft; the order of findings is the rules' order."""

from __future__ import annotations

from planner.rules import attribute_changed, dead_acts, two_places
from planner.rules.base import Case, Rule
from planner.state import Finding

RULES: tuple[Rule, ...] = (dead_acts.check, two_places.check, attribute_changed.check)


def check_all(case: Case) -> tuple[Finding, ...]:
    """Every finding of every rule. A finding whose quotes do not stand in the text verbatim is dropped."""
    found = (finding for rule in RULES for finding in rule(case))
    return tuple(finding for finding in found if all(quote in case.text for quote in finding.quotes))


__all__ = ["RULES", "Case", "Rule", "check_all"]
