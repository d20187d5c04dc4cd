"""What a thing of a story does or suffers that no thing of its kind can: it speaks, is carried off, is used on itself.

A small model that has lost the thread lets one thing stand for another, and so a door comes out of a pocket. Method:
affordances (Gibson 1979), one for each kind of entity, looked for in slotted text with patterns. Invariant: letters may say
what stands in them and beasts may talk; what the patterns are not sure of passes.
"""

from __future__ import annotations

import re
from typing import Final

_MUTE, _FIXED = r"<(?:item|site|place)\d>", r"<(?:site|place)\d>"
_SPEECH: Final = r"(?:said|asked|cried|whispered|shouted|answered|replied|laughed|nodded|shrugged|sighed)"
_HAND: Final = r"(?:pockets?|shirt|coat|lap|bag|basket|sleeve|hands?|arms?|apron|mouth|hat)"
_TAKEN: Final = (
    r"(?:took out|takes out|pulled out|pulls out|held out|holds out|held up|holds up|drew out|picked up|picks up|carried|carries|"
    r"carrying|pocketed|handed over|unwrapped|swung out|put down|puts down|gave back|gives back|took back|takes back)"
)
_FAULTS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"[\"”] {_SPEECH} (?:the )?{_MUTE}(?!'s)",
        rf"(?:[\"”] |(?:^|[.!?] )){_MUTE} {_SPEECH}\b",
        rf"\b{_TAKEN} {_FIXED}(?!'s)",
        rf"\b(?:gave|gives|handed|hands|offered|offers) (?:<[a-z]+\d>|him|her|them) {_FIXED}(?!'s)",
        rf"\b(?:put|puts|hid|hides|held|holds|had|has|with) {_FIXED} (?:in|into|under|between) (?:his|her|their|my) {_HAND}\b",
        rf"\b(?:put|laid|lays|held|holds|hung) {_FIXED} (?:on|to|against|around) (?:the (?:table|counter)|his|her|their)\b",
        r"(<(?:item|site|note|beast)\d>)(?!'s)[^.!?\"”]{0,60}\bwith \1",
        r"\b(?:took|takes|pulled|held) (<(?:item|site|note)\d>) (?:out of|from|into|inside|against) \1",
        r"\b(?:in front of|behind|inside|into) (<(?:item|site|note)\d>)(?!'s)[^.!?\"”]{0,60}\b(?:took|held) (?:out |up )?\1",
    )
)


def misused(slotted: str) -> int:
    """How many times a thing or place of ``slotted``, a text with slots for names, is used as its kind cannot be."""
    return sum(len(pattern.findall(slotted)) for pattern in _FAULTS)
