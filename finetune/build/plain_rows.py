"""Rows for models that read names, from a planned story, through the prompt files that ask such models in use.

Invariant: the generator's prompt is made by the generator itself; only the tags that are dropped out differ from a story
that Fabula writes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from agents.engines.base import Engine, Prompt
from agents.generator import prompt_for, task_for
from agents.naming import Naming
from finetune.build.summaries import WORDS, Summaries, summed
from finetune.build.told import ANY, Told
from finetune.readers.base import Work
from planner.state import Entity, EntityKind, Premise
from prompts.load import render

TASKS: Final = ("generator", "summarizer", "outline", "premise", "title", "story")
LAST_WORDS: Final = 160
_BEATS: Final = (3, 24)
"""Beats of an outline that is learnt whole."""


@dataclass(frozen=True)
class Style:
    """How a prompt is put: chat models get the system message apart (``system``), others joined to the text."""

    chat: bool
    tag_dropout: float
    story_words: int = 1000

    def row(self, task: str, prompt: Prompt, completion: str, work: Work) -> dict[str, Any]:
        parts = {"system": prompt.system, "prompt": prompt.text} if self.chat and prompt.system else {
            "prompt": prompt.joined()
        }  # fmt: skip
        return {
            **parts, "completion": completion, "task": task, "group": work.group, "source": work.source,
            "licence": work.licence,
        }  # fmt: skip


class _Reader:
    """What the generator asks of an engine to put a plain prompt: its style alone."""

    name, model, style = "none", "none", "plain"


_PLAIN = cast("Engine", _Reader())


def rows(
    told: Told, tasks: Sequence[str], style: Style, summaries: Summaries, rng: random.Random
) -> Iterator[dict[str, Any]]:
    """Every row of the ``tasks`` that a story gives."""
    if "generator" in tasks or "summarizer" in tasks:
        yield from _paragraph_rows(told, tasks, style, summaries, rng)
    premise = told.premise
    shown = [person for person in premise.cast if person.role]
    lead = bool(shown) and shown[0] is premise.cast[0] and bool(shown[0].goal)
    if "outline" in tasks and lead and _BEATS[0] <= len(told.outline.beats) <= _BEATS[1]:
        yield style.row("outline", *_outline(told), told.work)
    if "premise" in tasks and lead and premise.setting[0].name != ANY:
        yield style.row("premise", *_premise(premise, shown, rng), told.work)
    if "title" in tasks and told.whole and premise.title and premise.logline:
        yield style.row("title", _title(premise), premise.title, told.work)


def story_rows(work: Work, style: Style) -> Iterator[dict[str, Any]]:
    """The row from a prompt to the whole story that answers it, where a work has a prompt."""
    if work.prompt and (text := _story(work, style.story_words)):
        yield style.row("story", Prompt(text=work.prompt), text, work)


def _paragraph_rows(
    told: Told, tasks: Sequence[str], style: Style, summaries: Summaries, rng: random.Random
) -> Iterator[dict[str, Any]]:
    naming = Naming(told.premise.entities)
    last = ""
    for passage, before, after in summed(told, summaries):
        if "generator" in tasks:
            premise = dropped(told.premise, style.tag_dropout, rng)
            task = task_for(premise, told.outline, passage.position, summary=before.text, last=_end(last))
            if passage.jotted:
                task = task.model_copy(
                    update={"beat": task.beat.model_copy(update={"happens": passage.jotted, "change": ""})}
                )
            yield style.row("generator", prompt_for(_PLAIN, task, naming), passage.text, told.work)
        if "summarizer" in tasks and after.text:
            system, text = render(
                "summarizer/update", "plain", summary=before.text, paragraph=passage.text, pinned=(), words=WORDS,
                title=told.premise.title, logline=told.premise.logline,
            )  # fmt: skip
            yield style.row("summarizer", Prompt(system=system, text=text), after.text, told.work)
        last = passage.text


def dropped(premise: Premise, share: float, rng: random.Random) -> Premise:
    """The premise with each of its tags (genre, tone, places, things) left out by chance, so that a model can do without."""
    changes: dict[str, Any] = {}
    for tag in ("genre", "tone"):
        if rng.random() < share:
            changes[tag] = ANY
    if rng.random() < share:
        changes["setting"] = (Entity(id="p1", kind=EntityKind.PLACE, name=ANY, slot="<place1>"),)
    if rng.random() < share:
        changes["things"] = ()
    return premise.model_copy(update=changes) if changes else premise


def _end(text: str) -> str:
    """The last paragraph, of a very long one the end."""
    words = text.split()
    return text if len(words) <= LAST_WORDS else " ".join(words[-LAST_WORDS:])


def _outline(told: Told) -> tuple[Prompt, str]:
    beats = told.outline.beats
    full = [c.model_copy(update={"traits": c.traits or ("plain",)}) for c in told.premise.cast if c.role and c.goal]
    premise = told.premise.model_copy(update={"cast": tuple(full)})
    names = {entity.id: entity.name for entity in told.premise.entities}
    steps = [{"label": b.label, "purpose": b.purpose, "tension": b.tension, "paragraphs": b.paragraphs} for b in beats]
    system, text = render(
        "outline/whole",
        "plain",
        premise=premise,
        steps=steps,
        told=(),
        first=1,
        begin=1,
        end=len(steps),
        in_lines=False,
    )
    planned = [
        {
            "happens": beat.happens, "on_stage": [names[key] for key in beat.on_stage],
            "place": names[beat.place or "p1"], "change": beat.change,
        }
        for beat in beats
    ]  # fmt: skip
    return Prompt(system=system, text=text), json.dumps({"beats": planned}, ensure_ascii=False)


def _premise(premise: Premise, shown: Sequence[Entity], rng: random.Random) -> tuple[Prompt, str]:
    known = "" if shown[0].name.startswith("the ") else shown[0].name
    given = [{"name": known, "role": shown[0].role, "traits": (), "goal": ""}] if rng.random() < 0.5 else []
    system, text = render(
        "premise/propose", "plain", genre=premise.genre, tone=premise.tone, logline=premise.logline, plot=(), avoid=(),
        characters=given, places=(), things=(), in_lines=False,
    )  # fmt: skip
    full = [person for person in shown if person.traits and person.goal]
    answer = {
        "cast": [
            {"name": c.name, "pronouns": str(c.pronouns), "role": c.role, "trait": (*c.traits, "plain")[0], "goal": c.goal}
            for c in full or shown[:1]
        ],
        "places": [place.name for place in premise.setting],
        "things": [{"kind": str(thing.kind), "name": thing.name} for thing in premise.things],
    }  # fmt: skip
    return Prompt(system=system, text=text), json.dumps(answer, ensure_ascii=False)


def _title(premise: Premise) -> Prompt:
    system, text = render(
        "premise/title", "plain", genre=premise.genre, tone=premise.tone, logline=premise.logline,
        names=[entity.name for entity in premise.cast],
    )  # fmt: skip
    return Prompt(system=system, text=text)


def _story(work: Work, words: int) -> str:
    """The story as it stands, whole paragraphs up to ``words`` words; empty where the first one is longer."""
    kept: list[str] = []
    for paragraph in work.paragraphs:
        words -= len(paragraph.split())
        if words < 0:
            break
        kept.append(paragraph)
    return "\n\n".join(kept)
