"""What a person can do with a story's plan: its outline, cast, tone, notes and pins, and its branches.

Invariant: nothing is overwritten. A changed outline or premise is a new revision, a branch is a second way on from a
paragraph, and each change is a step that can be taken back; pins stand apart, for they hold in every branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agents.continuity import extract
from planner.actions import Writing
from planner.rows import ParagraphRow
from planner.state import MAX_LINE, Beat, Entity, Fact, Outline, Premise, Relation, Summary
from prompts.errors import InputError, StoryMissing


@dataclass(frozen=True)
class Comparison:
    """Two branches: how many paragraphs they share, and how each goes on from there."""

    shared: int
    one: tuple[ParagraphRow, ...]
    other: tuple[ParagraphRow, ...]


class Planning(Writing):
    """The plan of a story, as a person changes it."""

    @property
    def premise(self) -> Premise:
        return self.library.premise(self.snapshot().premise)

    @property
    def outline(self) -> Outline:
        return self.library.outline(self.snapshot().outline)

    def set_summary(self, sentences: Sequence[str]) -> None:
        """Say what the story so far is, in place of the summarizer's words."""
        kept = tuple(" ".join(sentence.split()) for sentence in sentences if sentence.strip())
        self.put("summary", self.snapshot().model_copy(update={"summary": Summary(sentences=kept)}))

    def set_note(self, note: str) -> None:
        """Wish something of every paragraph from here on; an empty note takes the wish back."""
        self.put("note", self.snapshot().model_copy(update={"note": " ".join(note.split())[: 4 * MAX_LINE]}))

    def set_outline(self, beats: Sequence[Beat]) -> None:
        """Go on with these beats. Raises ``InputError`` when they are none."""
        here, old = self.snapshot(), self.outline
        outline = _valid(Outline, old, beats=tuple(beats))
        revision = self.library.add_outline(self.story.id, outline, here.outline)
        self.put("outline", here.model_copy(update={"outline": revision}))

    def move_beat(self, index: int, to: int) -> None:
        beats = list(self.outline.beats)
        beats.insert(_within(to, beats), beats.pop(_within(index, beats)))
        self.set_outline(beats)

    def insert_beat(self, index: int, happens: str) -> None:
        """Put a new beat before beat ``index``; it takes purpose, stage and tension from the one that was there."""
        beats = list(self.outline.beats)
        like = beats[min(index, len(beats) - 1)]
        named = [entity.id for entity in self.premise.entities if entity.name.lower() in happens.lower()]
        beat = _valid(
            Beat, like, happens=happens, label="Added", change="", paragraphs=1, on_stage=named or like.on_stage
        )
        beats.insert(min(max(index, 0), len(beats)), beat)
        self.set_outline(beats)

    def change_beat(self, index: int, **changes: Any) -> None:
        beats = list(self.outline.beats)
        beats[_within(index, beats)] = _valid(Beat, beats[index], **changes)
        self.set_outline(beats)

    def drop_beat(self, index: int) -> None:
        beats = list(self.outline.beats)
        if len(beats) == 1:
            raise InputError("An outline needs a beat; change this one instead.")
        del beats[_within(index, beats)]
        self.set_outline(beats)

    def change_premise(self, **changes: Any) -> None:
        """Change title, tone or genre from here on. Raises ``InputError`` for what cannot be."""
        here = self.snapshot()
        revision = self.library.add_premise(self.story.id, _valid(Premise, self.premise, **changes))
        self.put("premise", here.model_copy(update={"premise": revision}))

    def change_entity(self, key: str, **changes: Any) -> None:
        """Change an entity's card. A new name keeps the old one as an alias, for it stands in the text."""
        premise = self.premise
        old = next((entity for entity in premise.entities if key.lower() in {entity.id, entity.name.lower()}), None)
        if old is None:
            raise InputError(f"Nobody and nothing here is called {key!r}.")
        if "name" in changes and changes["name"] != old.name:
            changes.setdefault("aliases", (*old.aliases, old.name))
        new = _valid(Entity, old, **changes)
        self.change_premise(
            **{
                part: tuple(new if entity is old else entity for entity in getattr(premise, part))
                for part in ("cast", "setting", "things")
            }
        )

    def pin(self, said: str) -> Fact:
        """Keep what a sentence says of someone or something; it wins over every draft. Raises ``InputError``: of nobody."""
        premise, said = self.premise, " ".join(said.split())[:MAX_LINE]
        index = self.state["arc"].paragraph
        found = extract(said if said.endswith((".", "!", "?")) else said + ".", premise.entities, index)
        about = next((entity for entity in premise.entities if entity.name.lower() in said.lower()), None)
        if not found and about is None:
            names = ", ".join(entity.name for entity in premise.entities)
            raise InputError(f"A pinned fact is about someone or something of the story: {names}.")
        if found:
            fact = found[0].model_copy(update={"quote": said})
        else:
            assert about is not None
            value = said[said.lower().find(about.name.lower()) + len(about.name) :].strip(" .")
            value = value.removeprefix("is ").removeprefix("was ")
            fact = Fact(paragraph=index, subject=about.id, relation=Relation.IS, object=value, quote=said)
        self.library.pin(self.story.id, fact)
        self.context.worlds.forget()
        return fact.model_copy(update={"pinned": True})

    def unpin(self, number: int) -> Fact:
        """Take back pin ``number`` (from 0, as ``pinned`` lists them)."""
        pins = self.library.pinned(self.story.id)
        fact = pins[_within(number, pins)]
        self.library.unpin(self.story.id, fact)
        self.context.worlds.forget()
        return fact

    def world(self) -> list[str]:
        """What holds now, a sentence each, the pinned facts first."""
        state = self.state
        return self.context.worlds.at(self.library, self.story.id, state.get("head")).sentences(self.premise.entities)

    def branch(self, name: str) -> None:
        """Begin a branch here and go on in it. Raises ``InputError`` when there is one of that name."""
        if name in self.library.branches(self.story.id):
            raise InputError(f"There is a branch {name!r} already; switch to it, or give another name.")
        self.begin_branch(name, self.snapshot())

    def switch(self, name: str) -> None:
        """Go on in another branch. Raises ``StoryMissing`` when there is none of that name."""
        known = self.library.branches(self.story.id)
        if name not in known:
            raise StoryMissing(f"There is no branch {name!r}; there are {', '.join(known)}.")
        self.context.branch = name
        self.context.worlds.forget()
        self._after, self._idle = None, False

    def compare(self, one: str, other: str) -> Comparison:
        """Two branches side by side. Raises ``StoryMissing`` when one is not there."""
        heads = self.library.branches(self.story.id)
        for name in (one, other):
            if name not in heads:
                raise StoryMissing(f"There is no branch {name!r}; there are {', '.join(heads)}.")
        first, second = self.library.path(heads[one]), self.library.path(heads[other])
        shared = 0
        while shared < min(len(first), len(second)) and first[shared].id == second[shared].id:
            shared += 1
        return Comparison(shared, tuple(first[shared:]), tuple(second[shared:]))


def _within(index: int, items: Sequence[object]) -> int:
    if not 0 <= index < len(items):
        raise InputError(f"There is no number {index + 1}; there are {len(items)}.")
    return index


def _valid(kind: type[Any], old: Any, **changes: Any) -> Any:
    """A changed copy that was validated. Raises ``InputError`` saying what of it cannot be."""
    try:
        return kind.model_validate(old.model_dump() | changes)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))} cannot be changed so: {first['msg']}.") from error
