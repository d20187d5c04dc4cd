"""What narrative prose is made of, for code that reads it: verbs of acting and of moving, and the narration without speech.

Speech is left out on purpose: what people say may be a lie, a plan or a joke, and a fact must not rest on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from agents.lexicon import pronoun_of
from agents.text import sentences

# Verbs of an act that only the living do, past and present.
ACTS = (
    "said|says|asked|asks|answered|answers|replied|replies|whispered|whispers|shouted|shouts|called|calls|laughed|laughs|"
    "smiled|smiles|nodded|nods|walked|walks|ran|runs|came|comes|went|goes|took|takes|gave|gives|opened|opens|closed|closes|"
    "looked|looks|turned|turns|sat|sits|stood|stands|climbed|climbs|picked|picks|held|holds|put|puts|pulled|pulls|pushed|"
    "pushes|threw|throws|ate|eats|drank|drinks|wrote|writes|read|reads|woke|wakes|slept|sleeps|knocked|knocks|waited|waits|"
    "reached|reaches|carried|carries|lifted|lifts|began|begins|started|starts|decided|decides|thought|thinks"
)
MOVES = (
    "went|goes|go|walked|walks|ran|runs|came|comes|left|leaves|returned|returns|climbed|climbs|rode|rides|sailed|sails|flew|"
    "drove|followed|hurried|crossed|reached|entered|arrived|crept|swam|rowed|carried|travelled|traveled|marched|stepped|"
    "back|home|on the way|set out|headed|led|brought|moved|down|up|out|over|journey|road|path|walk"
)
_PRONOUNS: Final = {
    "she": re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE),
    "he": re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE),
}
_SPEECH = re.compile(r"[\"“][^\"”]*[\"”]")


def without_speech(text: str) -> str:
    """``text`` with every quoted speech blanked to the same length, so that positions still fit the original."""
    return _SPEECH.sub(lambda match: " " * len(match.group()), text)


def sentences_without_speech(text: str) -> list[str]:
    """The sentences of the narration."""
    return sentences(without_speech(text))


def stray_pronouns(text: str, pronouns: Collection[str], before: str = "") -> int:
    """How many of "she" and "he" the narration of ``text`` uses of nobody (0 to 2).

    ``pronouns`` are those of the story's own people. A man or a woman who is spoken of in ``text`` or in ``before`` counts too.
    """
    narrated = without_speech(text)
    used = [p for p, forms in _PRONOUNS.items() if p not in pronouns and forms.search(narrated)]
    others = {pronoun_of(word) for word in re.findall(r"[a-z]+", f"{before} {text}".lower())} if used else set()
    return sum(pronoun not in others for pronoun in used)
