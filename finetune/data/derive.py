"""Make a corpus story look like a told one: genre, tense, purposes, beats and summaries, all cut from its own words.

Invariant: the result has the same type as a story of ``finetune.worlds.teller``, so one row builder serves both; its tone is
one that no world uses, so a corpus never colours how a world's tone sounds.
"""

from __future__ import annotations

import random
import re
from collections import Counter

from finetune.data.corpora import RawStory
from finetune.data.names import slot_story
from finetune.data.prose import LONGEST, count_words, outside_speech, sentences
from finetune.data.wordlists import GENRE_WORDS
from finetune.worlds.teller import Member, Paragraph, Story

_SLOT = re.compile(r"<[a-z]+\d>")
_WORD = re.compile(r"(?<![A-Za-z'<])[a-z]{4,}")
_DULL = frozenset(
    "that with this they them their then there when what were have been said would could very from into just like went came "
    "little more some your will about back down over only than that's didn't after before because where other again".split()
)
BAD = ""  # the text of a paragraph that must not be learnt


def genre_of(text: str) -> str:
    """The genre whose keywords come most often, "everyday" where none does."""
    counts = Counter(re.findall(r"[a-z]+", text.lower()))
    scores = {genre: sum(counts[word] for word in words) for genre, words in GENRE_WORDS.items()}
    best = max(scores, key=lambda genre: scores[genre])
    return best if scores[best] else "everyday"


def tense_of(text: str) -> str:
    past = len(re.findall(r"\b(?:was|were|had|did|went|came|saw|\w+ed)\b", text))
    return "past" if past >= len(re.findall(r"\b(?:is|are|has|does|goes|comes|sees|says)\b", text)) else "present"


def purpose_of(number: int, total: int) -> str:
    """The purpose of beat ``number`` (from 1) of ``total``, by its place alone."""
    if number == 1:
        return "setup"
    if number == total:
        return "resolution"
    if number == 2 and total > 3:
        return "inciting"
    place = number / total
    for limit, purpose in ((0.5, "rising"), (0.6, "twist"), (0.7, "setback"), (0.8, "crisis"), (0.92, "climax")):
        if place <= limit:
            return purpose
    return "falling"


def gist(text: str) -> str:
    """The short narrative sentence of ``text`` that names the most; empty where there is none of 4 to 20 words."""
    options = [
        s for s in sentences(outside_speech(text)) if 4 <= count_words(s) <= 20 and s[-1] in ".!" and "  " not in s
    ]
    counts = Counter(_WORD.findall(text.lower()))

    def weight(sentence: str) -> float:
        words = [w for w in _WORD.findall(sentence) if w not in _DULL]
        return 2.0 * len(set(_SLOT.findall(sentence))) + 0.3 * sum(counts[w] > 1 for w in words) + 0.1 * len(words)

    return " ".join(max(options, key=weight).split()) if options else ""


def key_words(text: str, rng: random.Random) -> str:
    """A few slots and content words of ``text``, as a person would jot a beat down."""
    slots = list(dict.fromkeys(_SLOT.findall(text)))[:3]
    words = list(dict.fromkeys(w for w in _WORD.findall(outside_speech(text)) if w not in _DULL))
    chosen = sorted(rng.sample(words, min(len(words), 5)), key=words.index)
    return ", ".join((*slots, *chosen))


def derive(raw: RawStory, common: Counter[str], seed: int) -> Story | None:
    """The story in slots with a gist for every paragraph, or None where too little of it is clean."""
    rng = random.Random(seed)
    slotted = slot_story(raw.paragraphs, (raw.title, raw.logline), common, seed)
    good = [
        ok and 15 <= count_words(p) <= LONGEST + 25 for p, ok in zip(slotted.paragraphs, slotted.clean, strict=True)
    ]
    if sum(good) < max(2, 0.4 * len(good)):
        return None
    whole = "\n".join(slotted.paragraphs)
    total = len(good)
    paragraphs = []
    for number, (text, ok) in enumerate(zip(slotted.paragraphs, good, strict=True), 1):
        summary = gist(text) if ok else ""
        beat = summary if summary and rng.random() < 0.5 else key_words(text, rng) if ok else ""
        stage = tuple(dict.fromkeys(_SLOT.findall(text)))
        paragraphs.append(
            Paragraph(purpose_of(number, total), beat, 1, 1, text if ok else BAD, stage, (), summary)
        )  # fmt: skip
    title, logline = slotted.texts
    pov = "first" if len(re.findall(r"\bI\b", outside_speech(whole))) > total else "third"
    members = {"ABCD"[int(slot[-2]) - 1]: Member(slot, "", "plain") for slot in slotted.cast}
    return Story(
        raw.source, genre_of(whole), raw.tone, pov, tense_of(whole), title, logline, members, tuple(paragraphs)
    )  # fmt: skip
