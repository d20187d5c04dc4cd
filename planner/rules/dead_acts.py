"""A dead character acts: someone whom the world knows as dead does or says something in the draft."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.prose import ACTS, sentences_without_speech
from planner.rules.base import Case
from planner.state import EntityKind, Finding, Relation, Severity

# A dead person may be remembered, dreamt of, buried or come as a ghost.
_EXCUSES = re.compile(
    r"\b(had|once|used to|remember\w*|dream\w*|ghost|spirit|memory|memories|grave|body|corpse|funeral|buried|portrait|"
    r"photograph|letter|voice of|as if|as though|would have|never again|if|imagin\w*|wish\w*|ago|before|days? when)\b",
    re.IGNORECASE,
)
# Words before the name that make the act a part of what something is: "the book that Bram wrote", "the rope Bram held".
_RELATIVE = re.compile(
    r"\b(?:where|that|which|whom|who|what|how|why|whatever|wherever|everything|all|nothing|anything|something|"
    r"(?:the|an?|this|her|his|their|its|my|our)(?: [\w-]+){1,2}) $",
    re.IGNORECASE,
)
# A sentence may open with a time or a place: "In the morning Bram walked".
_OPENING = re.compile(
    r"^\W*(?:in|at|on|by|from|with|after|(?:the next|that|this|one|every) "
    r"(?:day|night|morning|noon|evening|time|week|year|\w+day))\b[^,;]*$",
    re.IGNORECASE,
)


def _tells_of_something(before: str) -> bool:
    """Whether the words before the name lead to it as a relative clause does."""
    return bool(_RELATIVE.search(before)) and not _OPENING.match(before)


def check(case: Case) -> Iterator[Finding]:
    for entity in case.premise.cast:
        died = case.world.about(entity.id, Relation.DEAD)
        if not died or entity.kind is not EntityKind.CHARACTER:
            continue
        acts = re.compile(rf"\b{re.escape(entity.name)} (?:\w+ly )?(?:{ACTS})\b")
        for sentence in sentences_without_speech(case.text):
            match = acts.search(sentence)
            if match and not _EXCUSES.search(sentence) and not _tells_of_something(sentence[: match.start()]):
                yield Finding(
                    rule="dead_acts", severity=Severity.ERROR, quotes=(match.group(),), fact=died[-1],
                    message=f"{entity.name} is dead since paragraph {died[-1].paragraph + 1} and acts here.",
                )  # fmt: skip
                break
