"""Turn a told story into training rows: a prompt, rendered by the prompt files in use, and what should follow it.

Invariant: a prompt that is learnt is made by the very files that make a prompt in use; nothing is spelled twice.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from agents.memory import append_summary
from finetune.data.varied import Noise
from finetune.worlds.teller import Member, Story
from prompts.control import END
from prompts.load import render

TASKS: Final = ("generator", "summarizer", "outline", "premise", "title")
DONE_KEPT: Final = 6  # beats that the outline prompt still shows, beside the first one
TAG_DROPOUT: Final = 0.1
THEME_DROPOUT: Final = 0.08
_ENDS: Final = (".", "!", "?", '"')
CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Row:
    task: str
    prompt: str
    completion: str  # without the end token


@dataclass(frozen=True)
class Shares:
    """Chance that a paragraph (generator, summarizer), a beat (outline) or a story (premise, title) gives a row."""

    generator: float = 1.0
    summarizer: float = 0.28
    outline: float = 0.21
    premise: float = 0.45
    title: float = 0.2


GENERATOR_ALONE: Final = Shares(generator=1.0, summarizer=0.0, outline=0.0, premise=0.0, title=0.0)


def _row(row_task: str, prompt_file: str, completion: str, **variables: Any) -> Row:
    system, text = render(prompt_file, "slots", **variables)
    return Row(row_task, system + text, completion)


def _tags(story: Story, rng: random.Random) -> dict[str, str]:
    genre, tone = story.genre, story.tone
    if rng.random() < TAG_DROPOUT:
        genre, tone = ("any", tone) if rng.random() < 0.5 else (genre, "any")
    return {"genre": genre, "tone": tone, "theme": story.theme if rng.random() >= THEME_DROPOUT else ""}


def split_members(story: Story) -> tuple[list[Member], list[Member], list[Member]]:
    """The cast, the places and the things of a story, each in slot order."""
    members = sorted(story.members.items())
    cast = [m for key, m in members if key in "ABCD"]
    places = [m for key, m in members if key in "PQR"]
    return cast, places, [m for key, m in members if key in "TUV"]


def premise_json(story: Story) -> str:
    """What the premise task answers: the cast, places and things of the story as JSON, without any slot token."""
    cast, places, things = split_members(story)
    return json.dumps(
        {
            "cast": [{"pronouns": m.slot[1:-2], "role": m.name, "trait": m.trait, "goal": m.goal} for m in cast],
            "places": [m.name for m in places],
            "things": [{"kind": m.slot[1:-2], "name": m.name} for m in things],
        }
    )


def _paragraph_rows(
    story: Story, shares: Shares, rng: random.Random, count: CountTokens, noise: Noise | None
) -> Iterator[Row]:
    cast = split_members(story)[0]
    total = sum(p.part == 1 for p in story.paragraphs)
    summary: tuple[str, ...] = ()
    texts: list[str] = []
    number = 0
    for paragraph in story.paragraphs:
        number += paragraph.part == 1
        remembered, last, purpose, at = (
            " ".join(summary),
            texts[-1] if texts else "",
            paragraph.purpose,
            (number, total),
        )
        if noise:
            last, purpose, at = noise.last(last, texts), noise.purpose(purpose), noise.place(number, total)
        if paragraph.text and (last or number == 1) and rng.random() < shares.generator:
            yield _row(
                "generator", "generator/paragraph", paragraph.text, **_tags(story, rng), pov=story.pov, tense=story.tense,
                cast=cast, summary=remembered, last=last, purpose=purpose, number=at[0], total=at[1],
                part=paragraph.part, parts=paragraph.parts, beat=paragraph.beat, stage=paragraph.stage,
            )  # fmt: skip
        if paragraph.text and (paragraph.summary or paragraph.part > 1) and rng.random() < shares.summarizer:
            yield _row(
                "summarizer", "summarizer/update", paragraph.summary, summary=remembered, paragraph=paragraph.text
            )
        summary = append_summary(summary, noise.note(paragraph) if noise else paragraph.summary, count)
        texts.append(paragraph.text)


def _outline_rows(story: Story, shares: Shares, rng: random.Random, noise: Noise | None) -> Iterator[Row]:
    if not story.logline:
        return
    cast, places, things = split_members(story)
    beats = [
        p for p in story.paragraphs if p.part == 1
    ]  # a beat that was jotted down in key words is no model to follow
    stage = [m.slot for m in (*places, *things)]
    for number, paragraph in enumerate(beats, 1):
        if paragraph.beat.endswith(_ENDS) and rng.random() < shares.outline:
            done = [p.beat for p in beats[: number - 1] if p.beat.endswith(_ENDS)]
            purpose, at = paragraph.purpose, (number, len(beats))
            if noise:
                done, purpose, at = noise.done(done), noise.purpose(purpose), noise.place(*at)
            yield _row(
                "outline", "outline/beat", paragraph.beat, **_tags(story, rng), cast=cast, stage=stage, logline=story.logline,
                done=done if len(done) <= DONE_KEPT + 1 else [done[0], *done[-DONE_KEPT:]], purpose=purpose,
                number=at[0], total=at[1],
            )  # fmt: skip


def rows(
    story: Story, shares: Shares, rng: random.Random, count: CountTokens, noise: Noise | None = None
) -> Iterator[Row]:
    """Every row that ``story`` gives under ``shares``; ``count`` counts tokens for the summary's budget.

    ``noise`` changes what the paragraphs and beats are asked with, never what is answered.
    """
    yield from _paragraph_rows(story, shares, rng, count, noise)
    yield from _outline_rows(story, shares, rng, noise)
    whole = noise.whole if noise else story
    if whole.logline:
        cast = split_members(whole)[0]
        if cast and cast[0].name and rng.random() < shares.premise:
            yield _row("premise", "premise/propose", premise_json(whole), **_tags(whole, rng), logline=whole.logline)
        if whole.title and rng.random() < shares.title:
            yield _row("title", "premise/title", whole.title, **_tags(whole, rng), logline=whole.logline)


def text_rows(story: Story) -> Iterator[Row]:
    """The story as mere text: each paragraph after the one before, without tags, cast, summary, beat or stage.

    What a plain fine-tune learns from, to which the roles are compared (``benchmarks/model.py``).
    """
    last = ""
    for paragraph in story.paragraphs:
        if paragraph.text:
            yield Row("generator", text_prompt(last), paragraph.text)
        last = paragraph.text


def text_prompt(last: str) -> str:
    """The prompt of ``text_rows``: the paragraph before and nothing else."""
    return f"<|write|><|last|>{last}<|text|>"


def finished(row: Row) -> str:
    """The completion as it is learnt, with its end token."""
    return row.completion + END
