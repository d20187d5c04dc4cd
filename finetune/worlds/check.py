"""Check world files and show what they tell: ``python -m finetune.worlds.check FILE.yaml [--show N]``.

Every file is walked with many seeds; what reads badly by rule (a line that says the same pet phrase in every way, a
doubled word, an unclosed quote, too few sentences) is named. Exit code 1 when a file has a fault.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

from finetune.worlds.model import World, WorldError, load_world
from finetune.worlds.teller import Story, tell

MIN_SENTENCES = 180
_DOUBLED = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)


def written_sentences(world: World) -> list[str]:
    """Every alternative that a person wrote into the tellings of ``world``."""
    texts = [t for e in world.events.values() for w in e.ways for t in (*w.tell, *w.more)]
    lines = [line.strip().removeprefix("? ") for text in texts for line in text.splitlines() if line.strip()]
    return [option.strip() for line in lines for option in line.split(" / ")]


def faults(world: World, stories: list[Story]) -> list[str]:
    """What is wrong with a world, one sentence each; empty when nothing is."""
    found = []
    sentences = written_sentences(world)
    if len(sentences) < MIN_SENTENCES:
        found.append(f"only {len(sentences)} sentences are written, {MIN_SENTENCES} are asked for")
    for sentence, count in Counter(sentences).items():
        if count > 1:
            found.append(f"written {count} times: {sentence!r}")
    for text in sentences:
        if text.count('"') % 2:
            found.append(f"an unclosed quote: {text!r}")
        if text[-1] not in '.!?"':
            found.append(f"no end mark: {text!r}")
        if (match := _DOUBLED.search(text)) and match.group(1).lower() not in {"had", "that"}:
            found.append(f"a doubled word: {text!r}")
        if any(ord(c) > 126 for c in text):
            found.append(f"not plain ASCII (use straight quotes, no dashes): {text!r}")
        if world.pov == "third" and re.search(r"\b(I|my|me)\b", re.sub(r'"[^"]*"', "", text)):
            found.append(f"a first-person word outside speech: {text!r}")
    lengths = [len(s.paragraphs) for s in stories]
    if min(lengths) < 6 or max(lengths) > 16:
        found.append(f"stories have {min(lengths)} to {max(lengths)} paragraphs; 6 to 16 are asked for")
    words = [len(p.text.split()) for s in stories for p in s.paragraphs]
    if sum(words) / len(words) < 38:
        found.append(f"a paragraph has {sum(words) / len(words):.0f} words on average; 40 to 75 are asked for")
    if max(words) > 125:
        found.append(f"the longest paragraph has {max(words)} words; 125 are the most")
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--show", type=int, default=0, help="print this many stories of each file")
    args = parser.parse_args(argv)
    bad = 0
    for path in args.files:
        try:
            world = load_world(path)
            stories = [tell(world, seed) for seed in range(200)]
        except (WorldError, ValueError) as error:
            print(f"{path.name}: {error}")
            bad += 1
            continue
        problems = faults(world, stories)
        told = {p.text for s in stories for p in s.paragraphs}
        print(f"{path.name}: {len(written_sentences(world))} sentences, {len(told)} different paragraphs in 200 stories")
        print("".join(f"  {problem}\n" for problem in problems[:25]), end="")
        bad += bool(problems)
        for story in stories[: args.show]:
            print(f"\n== {story.title} [{story.genre}, {story.tone}] {story.logline}")
            for p in story.paragraphs:
                print(f"\n  ({p.purpose} {p.part}/{p.parts}) {p.beat}\n  {p.text}\n    >> {p.summary} {list(p.facts)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
