"""An attribute changed without a cause: eyes, hair, hand, or another lasting trait differs from what the world knows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planner.rules.base import Case
from planner.state import Finding, Relation, Severity
from planner.world import attribute_kind

_CAUSES = re.compile(
    r"\b(dyed|dye|bleach\w*|paint\w*|turn(?:ed|s)|became|becomes|chang\w+|grew|grown|lost|cut|shav\w+|curse\w*|spell|magic|"
    r"magical\w*|disguise\w*|wig|no longer|used to|once|had been|now)\b",
    re.IGNORECASE,
)
# Attributes that say the opposite of each other although their last words differ.
_HANDS = {"left-handed", "right-handed"}


def _same_kind(old: str, new: str) -> bool:
    return attribute_kind(old) == attribute_kind(new) or {old, new} == _HANDS


def check(case: Case) -> Iterator[Finding]:
    for fact in case.facts:
        if fact.relation is not Relation.IS or _CAUSES.search(_sentence_around(case.text, fact.quote)):
            continue
        for old in case.world.about(fact.subject, Relation.IS):
            if old.object != fact.object and _same_kind(old.object, fact.object):
                entity = case.entity(fact.subject)
                yield Finding(
                    rule="attribute_changed", severity=Severity.ERROR, quotes=(fact.quote,), fact=old,
                    message=f"{entity.name if entity else fact.subject} had {old.object} (paragraph {old.paragraph + 1}), "
                    f"here it is {fact.object}, and nothing says why.",
                )  # fmt: skip


def _sentence_around(text: str, quote: str) -> str:
    at = max(text.find(quote), 0)
    start = max(text.rfind(mark, 0, at) for mark in ".!?") + 1
    ends = [i for i in (text.find(mark, at + len(quote)) for mark in ".!?") if i >= 0]
    return text[start : min(ends, default=len(text))]
