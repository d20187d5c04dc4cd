"""Told worlds as a planner meets them: with fewer slots than the world has, under any purpose, after a summary that errs.

A world's own tellings are all alike in what surrounds a paragraph: every person, place and thing has its slot, the beats are
in the world's order and number, and the summary is the writer's. In use none of that is sure, and a model that has only seen
it whole goes astray at the first gap. Method: data noising in the manner of Xie et al. 2017 ("Data Noising as Smoothing in
Neural Network Language Models"), done to the prompt alone. Invariant: what is learnt, the completion, stays well-formed text
of the world; whom a story's logline names keeps its slot.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agents.naming import article as article_of
from agents.text import sentences
from finetune.worlds.teller import Member, Paragraph, Story
from planner.state import Purpose
from prompts.slots import THING_CLASSES

_START: Final = re.compile(r"(?:^\"?|[.!?]\"? +\"?)$")
_SPEECH: Final = re.compile(r" (?:said|asked|cried|called|told|whispered|shouted|wanted|answered|added|went on)\b")
# A person beside their own role: "<she3>, the <role3>," and "the <role3> <she3>".
_TWICE: Final = (
    r"(<[a-z]+{0}>),? (?:who was )?(?:[Tt]he|[Aa]n?) <role{0}>,?|(?:[Tt]he|[Aa]n?) <role{0}>,? (<(?:she|he|they){0}>)"
)
# Chance that a person from the third on, a place from the second on, or a thing is told without a slot: a premise in use has two
# people, two places and two things, seldom more.
_WITHOUT: Final = {"C": 0.7, "D": 0.85, "Q": 0.1, "R": 0.7, "T": 0.15, "U": 0.2, "V": 0.85}
_OTHER_KIND, _OTHER_TRAIT, _HALVED = 0.2, 0.5, 0.12
_PLACE, _PURPOSE, _ERRS, _SHORT, _EARLIER = 0.5, 0.35, 0.5, 0.12, 0.08
_BEATS: Final = (5, 14)
NEAR: Final[dict[Purpose, tuple[Purpose, ...]]] = {
    "setup": ("inciting",),
    "inciting": ("setup", "rising", "setback"),
    "rising": ("twist", "setback", "crisis", "inciting"),
    "twist": ("rising", "setback", "crisis", "climax"),
    "setback": ("rising", "twist", "crisis", "falling"),
    "crisis": ("setback", "twist", "climax", "rising"),
    "climax": ("crisis", "twist", "setback"),
    "falling": ("climax", "setback", "resolution"),
    "resolution": ("falling",),
}
"""Which purposes an arc may ask for where a world has this one."""


def fewer_slots(story: Story, traits: Sequence[str], rng: random.Random) -> Story:
    """``story`` with some members told by their plain names, others of another kind or trait, some paragraphs in halves."""
    kept = {k: m for k, m in story.members.items() if m.slot in story.logline or rng.random() >= _WITHOUT.get(k, 0.0)}
    named: dict[str, str] = {}
    members: dict[str, Member] = {}
    for group in ("ABCD", "PQR", "TUV"):
        for number, (key, member) in enumerate(((k, m) for k, m in sorted(kept.items()) if k in group), 1):
            kind = member.slot[1:-2]
            if group == "TUV" and rng.random() < _OTHER_KIND:
                kind = rng.choice(THING_CLASSES)
            trait = rng.choice([*traits, ""]) if group == "ABCD" and rng.random() < _OTHER_TRAIT else member.trait
            members[key] = replace(member, slot=f"<{kind}{number}>", trait=trait)
            named[member.slot] = members[key].slot
            if group == "ABCD":
                named[f"<role{member.slot[-2]}>"] = f"<role{number}>"
    for key, member in story.members.items():
        if key not in kept:
            named[member.slot] = f"the {member.name}" if key in "ABCD" else member.name
            if key in "ABCD":
                named[f"<role{member.slot[-2]}>"] = member.name
    paragraphs = [
        replace(p, text=_told(p.text, named), beat=_told(p.beat, named), summary=_told(p.summary, named),
                stage=tuple(named[s] for s in p.stage if named.get(s, "").startswith("<")))
        for p in story.paragraphs
    ]  # fmt: skip
    told = tuple(half for p in paragraphs for half in (_halves(p) if rng.random() < _HALVED else (p,)))
    return replace(story, logline=_told(story.logline, named), members=members, paragraphs=told)


def _told(text: str, named: dict[str, str]) -> str:
    """``text`` with its slots as ``named`` says, articles and capitals mended where a name has come in."""
    for number in range(3, 5):
        if not named.get(f"<role{number}>", "<").startswith("<"):  # nobody is called "the mayor, the mayor"
            text = re.sub(_TWICE.format(number), lambda m: m.group(1) or m.group(2), text)

    def one(match: re.Match[str]) -> str:
        article, slot = match.group(1) or "", match.group(2)
        name = named.get(slot, slot)
        if name.startswith("<"):
            return article + name
        if article:
            return f"{article[0]}{article_of(name)[1:]} {name}"
        before, after = match.string[: match.start()], match.string[match.end() :]
        spoke = before.endswith('" ') and _SPEECH.match(after)
        return name[0].upper() + name[1:] if _START.search(before) and not spoke else name

    return re.sub(r"(\b[Aa]n? )?(<[a-z]+\d>)", one, text)


def _halves(paragraph: Paragraph) -> tuple[Paragraph, ...]:
    """A paragraph of four sentences or more as the two parts of one beat, where no speech is cut."""
    said = sentences(paragraph.text)
    if paragraph.parts > 1 or len(said) < 4:
        return (paragraph,)
    first, second = (" ".join(part) for part in (said[: len(said) // 2], said[len(said) // 2 :]))
    if first.count('"') % 2:
        return (paragraph,)
    return (
        replace(paragraph, text=first, parts=2),
        replace(paragraph, text=second, part=2, parts=2, summary="", facts=()),
    )


@dataclass
class Noise:
    """What a story's rows are asked with in place of the truth. One for each story; ``odd`` are beats of other stories.

    ``whole`` is the story before it lost slots, of which the premise and the title are learnt: what a premise brings along is
    what its world needs.
    """

    story: Story
    whole: Story
    rng: random.Random
    odd: Sequence[str] = ()
    errs: bool = field(init=False)

    def __post_init__(self) -> None:
        self.errs = self.rng.random() < _ERRS

    def place(self, number: int, total: int) -> tuple[int, int]:
        """(number, total) of a beat in an outline of another length; the first stays first and the last stays last."""
        if self.rng.random() < _PLACE:
            return number, total
        other = self.rng.randint(*_BEATS)
        if number in (1, total):
            return (1 if number == 1 else other), other
        return min(other - 1, max(2, round(number * other / total) + self.rng.choice((-1, 0, 0, 1)))), other

    def purpose(self, purpose: str) -> str:
        near = NEAR.get(purpose, ())  # type: ignore[call-overload]
        return str(self.rng.choice(near)) if near and self.rng.random() < _PURPOSE else purpose

    def note(self, paragraph: Paragraph) -> str:
        """The note that the summary keeps of ``paragraph``: its own, none, a sentence of its text, or a wrong one."""
        if not self.errs or not paragraph.text:
            return paragraph.summary
        drawn = self.rng.random()
        if drawn < 0.25:
            return ""
        if drawn < 0.5:
            return self.rng.choice(sentences(paragraph.text))
        return self.rng.choice(self.story.paragraphs).summary if drawn < 0.57 else paragraph.summary

    def last(self, text: str, earlier: Sequence[str]) -> str:
        """The paragraph before, the end of it, or another one that came before."""
        drawn = self.rng.random()
        if drawn < _SHORT:
            return " ".join(sentences(text)[-2:])
        return self.rng.choice(earlier) if earlier and drawn < _SHORT + _EARLIER else text

    def done(self, beats: list[str]) -> list[str]:
        """The beats before, now and then without one of them or with one of another story."""
        if len(beats) < 2 or self.rng.random() < 0.7:
            return beats
        at = self.rng.randrange(1, len(beats))
        put = [self.rng.choice(self.odd)] if self.odd and self.rng.random() < 0.5 else []
        return [*beats[:at], *put, *beats[at + 1 :]]
