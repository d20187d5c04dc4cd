"""The file for blind reading: pairs of stories of one premise, planned and continued, unlabelled and shuffled.

``pairs.md`` is what a person reads, ``answers.csv`` is where they note which they prefer (A, B or =), ``key.json`` says which
was which and is not to be opened before. Invariant: nothing in ``pairs.md`` tells the two apart but their texts: titles,
lengths in paragraphs and names are the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.model_stories import Told
from finetune.whole import write_whole


def write_pairs(folder: Path, pairs: Sequence[tuple[Told, Told]], seed: int = 0) -> Path:
    """Write the three files; returns the path of ``pairs.md``."""
    rng = random.Random(f"blind {seed}")
    shuffled = list(enumerate(pairs, 1))
    rng.shuffle(shuffled)
    folder.mkdir(parents=True, exist_ok=True)
    parts, key = (
        ["# Which of the two stories do you like better?\n\nNote A, B or = for each pair in answers.csv.\n"],
        {},
    )
    for number, (place, (planned, continued)) in enumerate(shuffled, 1):
        sides = [("planned", planned), ("continued", continued)]
        rng.shuffle(sides)
        key[str(number)] = {"premise": place, "A": sides[0][0], "B": sides[1][0]}
        parts.append(f"## Pair {number}\n\n*{planned.logline}*\n")
        for letter, (_, story) in zip("AB", sides, strict=True):
            text = "\n\n".join(story.paragraphs)
            parts.append(f"### {number} {letter}\n\n{text}\n")
    write_whole(folder / "pairs.md", "\n".join(parts))
    write_whole(folder / "key.json", json.dumps(key, indent=1) + "\n")
    if not (folder / "answers.csv").exists():  # somebody may have begun to fill it in
        write_whole(folder / "answers.csv", "pair,better\n" + "".join(f"{n},\n" for n in range(1, len(pairs) + 1)))
    return folder / "pairs.md"


def read_answers(folder: Path) -> dict[str, int]:
    """How often ``planned`` and ``continued`` were preferred, and neither, by what ``answers.csv`` says so far."""
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    found = {"planned": 0, "continued": 0, "neither": 0}
    for line in (folder / "answers.csv").read_text(encoding="utf-8").splitlines()[1:]:
        number, _, said = line.partition(",")
        side = said.strip().upper()
        if side in {"A", "B"} and number in key:
            found[key[number][side]] += 1
        elif side == "=":
            found["neither"] += 1
    return found
