"""Check story files: ``python -m finetune.stories.check FILE.yaml...`` (or ``--all``, with what the corpus repeats).

What is wrong by rule is named: a stranger's name, a note that says what no text said, a fact about somebody who was never
there, an open quote, a doubled word, a phrase that everybody's stories have. Invariant: only what a rule can decide is
called a fault; whether a story is good is for a reader to say. Exit code 1 when a file has a fault.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agents.strangers import strangers
from finetune.stories.model import FOLDER, StoryError, WrittenParagraph, WrittenPremise, WrittenStory, load_premise
from finetune.stories.plan import Telling
from finetune.stories.repeats import corpus_faults

WORDS, MEAN_WORDS, LINE_WORDS = (22, 115), (36, 85), (5, 26)
FAITHFUL: Final = 0.6
"""Share of a note's content words that its paragraph and those before it must have."""
_FACT: Final = re.compile(r"(?P<who>.+?) (?:(?P<link>at|has|likes) (?P<what>.+)|(?:is|knows) \S.*|dead)$")
_DOUBLED: Final = re.compile(r"\b(\w+) \1\b", re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_PETS: Final = (
    "a testament to", "couldn't help but", "could not help but", "let out a breath", "a breath they", "a breath she",
    "a breath he", "something shifted", "something like hope", "hung in the air", "heart pounded", "heart hammered",
    "eyes widened", "the silence stretched", "sent a shiver", "a mix of", "little did", "in that moment", "and yet somehow",
    "the weight of", "a sense of", "for what felt like", "the air was thick", "voice barely above", "barely a whisper",
    "not for the first time", "as if on cue", "time seemed to", "whispered secrets", "dance of", "tapestry",
)  # fmt: skip


def stem(word: str) -> str:
    """A word without its commonest endings, so that "opened" is found where a note says "opens"."""
    word = word.lower().removesuffix("'s")
    for ending in ("ingly", "ings", "ing", "edly", "ied", "ies", "ed", "es", "s", "ly", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def content(text: str) -> set[str]:
    return {stem(word) for word in _WORD.findall(text) if len(word) > 3}


def _names(premise: WrittenPremise) -> set[str]:
    return {word for name in premise.names for word in re.findall(r"[A-Z][a-z]+", name)}


def _text_faults(text: str, premise: WrittenPremise, pov: str) -> Iterator[str]:
    if text.count('"') % 2:
        yield "an unclosed quote"
    if text[-1] not in '.!?"':
        yield "no end mark"
    if (match := _DOUBLED.search(text)) and match.group(1).lower() not in {"had", "that"}:
        yield f"a doubled word, {match.group(0)!r}"
    if odd := sorted({c for c in text if ord(c) > 126}):
        yield f"not plain ASCII: {' '.join(odd)!r}"
    outside = re.sub(r'"[^"]*"', " ", text)
    if pov == "third" and (match := re.search(r"\b(I|my|me|we|our)\b", outside)):
        yield f"the first-person word {match.group(0)!r} outside speech"
    if found := strangers(text, _names(premise)):
        yield f"a name that is nowhere declared: {', '.join(sorted(found))}"
    if pet := [pet for pet in _PETS if pet in text.lower()]:
        yield f"a phrase that everybody uses: {pet[0]!r}"


def _line_faults(line: str, sort: str) -> Iterator[str]:
    if not LINE_WORDS[0] <= len(line.split()) <= LINE_WORDS[1]:
        yield f"the {sort} has {len(line.split())} words, {LINE_WORDS[0]} to {LINE_WORDS[1]} are asked for"
    if line[-1] not in '.!?"' or '"' in line[:-1]:
        yield f"the {sort} is one sentence with an end mark and without speech"


def _fact_faults(paragraph: WrittenParagraph, premise: WrittenPremise, before: str, hero: str) -> Iterator[str]:
    for fact in paragraph.facts:
        match = _FACT.fullmatch(fact)
        if not match:
            yield f"the fact {fact!r} has none of the forms: X at Y, X has Y, X likes Y, X is word, X knows that, X dead"
            continue
        for name in filter(None, (match["who"], match["what"])):
            if name not in premise.names:
                yield f"the fact {fact!r} speaks of {name!r}, which is neither cast nor place nor thing"
            elif name.lower() not in before.lower() and name != hero:
                yield f"the fact {fact!r} speaks of {name!r}, which no text has named yet"


def _note_faults(paragraph: WrittenParagraph, premise: WrittenPremise, before: str, hero: str) -> Iterator[str]:
    for name in sorted(set(re.findall(r"[A-Z][a-z]+", paragraph.note)) & _names(premise)):
        if name not in before and name != hero:
            yield f"the note names {name}, whom no text has named yet"
    roles = " ".join(f"{p.role}" for p in premise.planned.cast)
    wanted = content(paragraph.note)
    there = content(f"{before} {roles} {hero}")
    if wanted and len(wanted & there) < FAITHFUL * len(wanted):
        yield f"the note says what no text says: {', '.join(sorted(wanted - there))}"


def story_faults(story: WrittenStory, telling: Telling, premise: WrittenPremise) -> Iterator[str]:
    """What is wrong with one telling, a sentence each."""
    texts = [p.text for p in story.paragraphs]
    hero = premise.cast[0].name if telling.pov == "first" else ""
    if abs(len(texts) - telling.paragraphs) > 1 or not 6 <= len(texts) <= 14:
        yield f"{len(texts)} paragraphs, planned are {telling.paragraphs}"
    words = [len(text.split()) for text in texts]
    if not MEAN_WORDS[0] <= sum(words) / len(words) <= MEAN_WORDS[1]:
        yield f"a paragraph has {sum(words) / len(words):.0f} words on average, {MEAN_WORDS[0]} to {MEAN_WORDS[1]} are asked for"
    whole = "\n".join(texts)
    for person in premise.cast:
        if person.name not in whole and person.name != hero:
            yield f"{person.name} never comes"
    if not 1 <= len(story.title.split()) <= 8 or story.title[-1] == ".":
        yield "the title has 1 to 8 words and no full stop"
    if story.paragraphs[0].purpose != "setup" or story.paragraphs[-1].purpose != "resolution":
        yield "the first purpose is setup and the last is resolution"
    before = ""
    for number, paragraph in enumerate(story.paragraphs, 1):
        before += " " + paragraph.text
        found = list(_text_faults(paragraph.text, premise, telling.pov))
        if not WORDS[0] <= words[number - 1] <= WORDS[1]:
            found.append(f"{words[number - 1]} words, {WORDS[0]} to {WORDS[1]} are asked for")
        for sort, line in (("beat", paragraph.beat), ("note", paragraph.note)):
            found += _line_faults(line, sort)
        found += _fact_faults(paragraph, premise, before, hero)
        found += _note_faults(paragraph, premise, before, hero)
        yield from (f"paragraph {number}: {fault}" for fault in found)


def faults(premise: WrittenPremise) -> list[str]:
    """What is wrong with a file by rule; empty when nothing is."""
    found = []
    whole = " ".join(p.text for story in premise.stories for p in story.paragraphs).lower()
    found += [f"{name!r} never stands in a text" for name in (*premise.places, *(t.name for t in premise.things))
              if name.lower() not in whole]  # fmt: skip
    for story, telling in zip(premise.stories, premise.planned.tellings, strict=True):
        found += [f"{story.id}, {fault}" for fault in story_faults(story, telling, premise)]
    return found


def main(argv: list[str] | None = None) -> int:
    """Print the faults of every file and, with ``--all``, of the corpus as a whole."""
    parser = argparse.ArgumentParser(description="Check the files of our own stories.")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--all", action="store_true", help="every file, and what the corpus repeats")
    options = parser.parse_args(argv)
    premises, bad = [], 0
    for path in sorted(FOLDER.glob("*/*.yaml")) if options.all else options.files:
        try:
            premise = load_premise(path)
        except StoryError as error:
            print(error)
            bad += 1
            continue
        premises.append(premise)
        found = faults(premise)
        print("".join(f"{path.name}: {fault}\n" for fault in found), end="")
        bad += bool(found)
    repeated = list(corpus_faults(premises))
    print("".join(f"{fault}\n" for fault in repeated), end="")
    print(f"{len(premises)} premises, {sum(len(p.stories) for p in premises):,} stories, {bad} files with faults")
    return 1 if bad or repeated else 0


if __name__ == "__main__":
    sys.exit(main())
