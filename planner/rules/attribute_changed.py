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


# Colours that one pair of eyes or one head of hair may be called by, and looks that pass: red with smoke, dark with anger.
_SHADES = [
    set(words.split())
    for words in ("grey gray silver white", "dark black brown", "fair blond golden", "hazel amber brown")
]
_PASSING = {"red eyes", "dark eyes"}


def _agree(old: str, new: str) -> bool:
    """Whether both can be true of one body at one time."""
    one, other = old.partition(" ")[0], new.partition(" ")[0]
    return old == new or bool({old, new} & _PASSING) or any({one, other} <= shades for shades in _SHADES)


def _same_kind(old: str, new: str) -> bool:
    return attribute_kind(old) == attribute_kind(new) or {old, new} == _HANDS


def check(case: Case) -> Iterator[Finding]:
    for fact in case.facts:
        if fact.relation is not Relation.IS or _CAUSES.search(_sentence_around(case.text, fact.quote)):
            continue
        for old in case.world.about(fact.subject, Relation.IS):
            if not _agree(old.object, fact.object) and _same_kind(old.object, fact.object):
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
