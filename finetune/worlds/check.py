"""Check world files and show what they tell: ``python -m finetune.worlds.check FILE.yaml [--show N]``.

Every file is walked with many seeds; what is wrong by rule (a doubled word, an unclosed quote, too few sentences, a
fact about someone who is not there, a way that no story takes) is named. Invariant: only what a rule can decide is
called a fault; whether a text is good is for a reader to say. Exit code 1 when a file has a fault.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from finetune.worlds.model import MARKER, World, WorldError, load_world
from finetune.worlds.teller import Story, tell, walk

MIN_SENTENCES = 180
WALKS = 2000
_DOUBLED = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)
_WHO, _WHERE = r"\{[A-DT-V]\}", r"\{[P-RT-V]\}"
FACT = re.compile(
    rf"{_WHO} at {_WHERE}"
    r"|\{[A-DP-RT-V]\} has \{[A-DT-V]\}"
    r"|\{[A-DP-RT-V]\} is [a-z]+(?:[ -][a-z]+)*"
    rf"|{_WHO} knows \S.*"
    rf"|{_WHO} dead"
    rf"|{_WHO} likes \{{[A-DP-RT-V]\}}"
)


def written_sentences(world: World) -> list[str]:
    """Every alternative that a person wrote into the tellings of ``world``."""
    texts = [t for e in world.events.values() for w in e.ways for t in (*w.tell, *w.more)]
    lines = [line.strip().removeprefix("? ") for text in texts for line in text.splitlines() if line.strip()]
    return [option.strip() for line in lines for option in line.split(" / ")]


def _sentence_faults(world: World) -> Iterator[str]:
    sentences = written_sentences(world)
    if len(sentences) < MIN_SENTENCES:
        yield f"only {len(sentences)} sentences are written, {MIN_SENTENCES} are asked for"
    for sentence, count in Counter(sentences).items():
        if count > 1:
            yield f"written {count} times: {sentence!r}"
    for text in sentences:
        if text.count('"') % 2:
            yield f"an unclosed quote: {text!r}"
        if text[-1] not in '.!?"':
            yield f"no end mark: {text!r}"
        if (match := _DOUBLED.search(text)) and match.group(1).lower() not in {"had", "that"}:
            yield f"a doubled word: {text!r}"
        if any(ord(c) > 126 for c in text):
            yield f"not plain ASCII (use straight quotes, no dashes): {text!r}"
        if world.pov == "third" and re.search(r"\b(I|my|me)\b", re.sub(r'"[^"]*"', "", text)):
            yield f"a first-person word outside speech: {text!r}"


def _fact_faults(world: World) -> Iterator[str]:
    for name, event in world.events.items():
        for fact in (fact for way in event.ways for fact in way.facts):
            if not FACT.fullmatch(fact):
                yield f"{name}: the fact {fact!r} has none of the forms in README.md"
            for key, _ in MARKER.findall(fact):
                if key not in event.stage and key not in world.details:
                    yield f"{name}: the fact {fact!r} names {key}, who is not on stage"


def _flag_faults(world: World) -> Iterator[str]:
    ways = [(name, way) for name, event in world.events.items() for way in event.ways]
    known = {flag for _, way in ways for flag in way.sets}
    for name, way in ways:
        for flag in (need.removeprefix("not ") for need in way.needs):
            if flag not in known:
                yield f"{name}: the flag {flag!r} is needed, but nothing ever sets it"


def _walk_faults(world: World) -> Iterator[str]:
    """Ways that none of ``WALKS`` walks takes, and flags that leave no way open."""
    taken: set[int] = set()
    for seed in range(WALKS):
        try:
            path = walk(world, random.Random(f"{world.name}/walk {seed}"))
        except ValueError as error:
            yield str(error)
            return
        taken.update(id(way) for _, way in path)
    for name, event in world.events.items():
        for way in event.ways:
            if id(way) not in taken:
                yield f"{name}: no story in {WALKS:,} goes this way: {way.beat!r}"


def _length_faults(stories: list[Story]) -> Iterator[str]:
    lengths = [len(s.paragraphs) for s in stories]
    if min(lengths) < 6 or max(lengths) > 16:
        yield f"stories have {min(lengths)} to {max(lengths)} paragraphs; 6 to 16 are asked for"
    words = [len(p.text.split()) for s in stories for p in s.paragraphs]
    if sum(words) / len(words) < 38:
        yield f"a paragraph has {sum(words) / len(words):.0f} words on average; 40 to 75 are asked for"
    if max(words) > 125:
        yield f"the longest paragraph has {max(words)} words; 125 are the most"


def faults(world: World, stories: list[Story]) -> list[str]:
    """What is wrong with a world, one sentence each; empty when nothing is."""
    checks = (_sentence_faults(world), _fact_faults(world), _flag_faults(world), _walk_faults(world))
    return [fault for check in (*checks, _length_faults(stories)) for fault in check]


def _show(story: Story) -> None:
    print(f"\n== {story.title} [{story.genre}, {story.tone}] {story.logline}")
    for p in story.paragraphs:
        print(f"\n  ({p.purpose} {p.part}/{p.parts}) {p.beat}\n  {p.text}\n    >> {p.summary} {list(p.facts)}")


def main(argv: list[str] | None = None) -> int:
    """Print the faults of every file and, if asked, some of its stories."""
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
        written = len(written_sentences(world))
        print(f"{path.name}: {written} sentences, {len(told)} different paragraphs in 200 stories")
        print("".join(f"  {problem}\n" for problem in problems[:25]), end="")
        bad += bool(problems)
        for story in stories[: args.show]:
            _show(story)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
