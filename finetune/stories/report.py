"""What the corpus of our own stories holds, in figures: ``python -m finetune.stories.report`` prints Markdown.

Invariant: every figure is counted from the files and the plan; none is written by hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import mean, quantiles

from finetune.stories.model import WrittenPremise, is_held, written
from finetune.stories.plan import plan, spread
from finetune.stories.repeats import PHRASE, alike, phrases, texts

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


def _row(*cells: object) -> str:
    return "| " + " | ".join(f"{c:,}" if isinstance(c, int) else str(c) for c in cells) + " |"


def by_genre(premises: Sequence[WrittenPremise]) -> list[str]:
    """A table: premises, stories, paragraphs and words of each genre, and of all."""
    lines = [_row("genre", "premises", "stories", "paragraphs", "words", "held out"), "|---" * 6 + "|"]
    genres = list(dict.fromkeys(p.planned.genre for p in plan_order(premises)))
    for genre in [*genres, "all"]:
        own = [p for p in premises if genre in ("all", p.planned.genre)]
        told = [story for p in own for story in p.stories]
        words = sum(len(x.text.split()) for story in told for x in story.paragraphs)
        held = sum(len(p.stories) for p in own if is_held(p.id))
        lines.append(_row(genre, len(own), len(told), sum(len(s.paragraphs) for s in told), words, held))
    return lines


def plan_order(premises: Sequence[WrittenPremise]) -> list[WrittenPremise]:
    order = {key: place for place, key in enumerate(plan())}
    return sorted(premises, key=lambda p: order[p.id])


def variety(premises: Sequence[WrittenPremise]) -> list[str]:
    """A table: how much of the text is said once, and what is said most often."""
    told = texts(premises)
    words = [word for text in told.values() for word in _WORD.findall(text.lower())]
    lines = [_row("", "told", "different", "share"), "|---|---|---|---|"]
    for size in (1, 2, 3, 4):
        runs = list(zip(*(words[n:] for n in range(size)), strict=False))
        different = len(set(runs))
        lines.append(_row(f"runs of {size} words", len(runs), different, f"{different / len(runs):.1%}"))
    often = ", ".join(f'"{" ".join(run)}" ({count})' for run, count in phrases(told).most_common(8))
    most = max((share for *_, share in alike(told)), default=0.0)
    pairs = (
        f"No two stories share more than {most:.0%} of their runs of {PHRASE} words."
        if most
        else (f"No two stories share more than a fifth of their runs of {PHRASE} words.")
    )
    return [*lines, "", f"The commonest runs of {PHRASE} words, and in how many stories they stand: {often}. {pairs}"]


def lengths(premises: Sequence[WrittenPremise]) -> list[str]:
    paragraphs = [x for p in premises for story in p.stories for x in story.paragraphs]
    words = [len(x.text.split()) for x in paragraphs]
    low, *_, high = quantiles(words, n=20)
    speech = sum('"' in x.text for x in paragraphs) / len(paragraphs)
    facts = Counter(_relation(fact) for x in paragraphs for fact in x.facts)
    said = ", ".join(f"{name} {count:,}" for name, count in facts.most_common())
    return [
        f"A paragraph has {mean(words):.0f} words on average (nine of ten have {low:.0f} to {high:.0f}); somebody speaks in "
        f"{speech:.0%} of them. {sum(facts.values()):,} facts: {said}."
    ]


def _relation(fact: str) -> str:
    return next((link for link in ("at", "has", "likes", "knows", "is") if f" {link} " in fact), "dead")


def main() -> int:
    premises = list(written())
    planned = [p.planned for p in premises]
    cards = [_row("card", "different", "dealt", "commonest"), "|---|---|---|---|"]
    cards += [_row(what, different, used, f"{most:.1%}") for what, different, used, most in spread(planned)]
    shared = sum(len(p.stories) > 1 for p in premises)
    parts = [
        by_genre(premises),
        [f"{shared:,} premises are told several times."],
        lengths(premises),
        variety(premises),
        cards,
    ]
    print("\n\n".join("\n".join(part) for part in parts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
