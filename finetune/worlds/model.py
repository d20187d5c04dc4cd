"""The schema of a story world: a small simulation written down in YAML, checked when it is loaded.

A world has a cast, places and things that are played by other names in every story, and a graph of events. An event can
go several ways; each way says what it needs and changes (flags), which events may follow, what is true after it
(facts), how an outline and a summary would put it, and how it may be told, sentence by sentence.
Invariant: a loaded world has no dangling reference, and every walk through it ends.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

GENRES = (
    "fantasy", "science fiction", "horror", "adventure", "mystery",
    "romance", "fairy tale", "historical", "comedy", "everyday",
)  # fmt: skip
Purpose = Literal["setup", "inciting", "rising", "twist", "setback", "crisis", "climax", "falling", "resolution"]
CHARACTERS, PLACES, THINGS = "ABCD", "PQR", "TUV"
MARKER = re.compile(r"\{(\w+)(?::(\w+))?\}")
FORMS = {"they", "them", "their", "theirs", "themself", "They", "Them", "Their", "Theirs", "role"}
Lines = Annotated[str, Field(min_length=1)]


class WorldError(ValueError):
    """A world file that cannot be used; the message names the file and what is wrong in it."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(_Model):
    """One part of the cast; a story draws one role and one trait for it."""

    roles: list[str] = Field(min_length=3)
    traits: list[str] = Field(min_length=2)
    goal: str


class Thing(_Model):
    kind: Literal["item", "site", "beast", "note"]
    names: list[str] = Field(min_length=3)


class Way(_Model):
    """One way that an event can go. ``tell`` and ``more`` hold texts in the line language (see README.md)."""

    beat: Lines
    summary: Lines
    facts: list[str] = []
    needs: list[str] = []
    sets: list[str] = []
    next: list[str] = []
    tell: list[Lines] = Field(min_length=2)
    more: list[Lines] = []


class Event(_Model):
    purpose: Purpose
    stage: list[str]
    ways: list[Way] = Field(min_length=1)


class World(_Model):
    """A story world. ``details`` are drawn once a story: ``{season}`` is the same word in all its paragraphs."""

    name: str
    genre: str
    tones: list[str] = Field(min_length=2)
    pov: Literal["third", "first"] = "third"
    tense: Literal["past", "present"] = "past"
    cast: dict[str, Role]
    places: dict[str, list[str]]
    things: dict[str, Thing]
    details: dict[str, list[str]] = {}
    loglines: list[str] = Field(min_length=3)
    titles: list[str] = Field(min_length=4)
    start: list[str] = Field(min_length=1)
    events: dict[str, Event]

    @model_validator(mode="after")
    def _no_dangling_reference(self) -> World:
        if self.genre not in GENRES:
            raise ValueError(f"genre {self.genre!r} is none of {', '.join(GENRES)}")
        for kind, given, allowed in (
            ("character", self.cast, CHARACTERS), ("place", self.places, PLACES), ("thing", self.things, THINGS)
        ):  # fmt: skip
            if list(given) != list(allowed[: len(given)]):
                raise ValueError(f"the {kind}s must be called {', '.join(allowed)} in this order, not {list(given)}")
        for text in (*self.loglines, *self.titles):
            self._check_markers(text, "logline or title")
        for name in self.start:
            if name not in self.events:
                raise ValueError(f"start: there is no event {name!r}")
        for name, event in self.events.items():
            self._check_event(name, event)
        _no_cycle(self)
        return self

    def _check_event(self, name: str, event: Event) -> None:
        for key in event.stage:
            if key not in {*self.cast, *self.places, *self.things}:
                raise ValueError(f"{name}: {key!r} on stage is nobody and nothing of this world")
        if not any(key in self.places for key in event.stage):
            raise ValueError(f"{name}: no place on stage")
        for way in event.ways:
            for text in (way.beat, way.summary, *way.tell, *way.more):
                self._check_markers(text, name, set(event.stage))
            for follower in way.next:
                if follower not in self.events:
                    raise ValueError(f"{name}: the next event {follower!r} does not exist")
            if event.purpose != "resolution" and not way.next:
                raise ValueError(f"{name}: nothing follows, but its purpose is not 'resolution'")
            if event.purpose == "resolution" and way.next:
                raise ValueError(f"{name}: a resolution ends the story, so nothing may follow it")

    def _check_markers(self, text: str, where: str, stage: set[str] | None = None) -> None:
        if text.count("{") != len(MARKER.findall(text)):
            raise ValueError(f"{where}: a marker is malformed in {text!r}")
        for key, form in MARKER.findall(text):
            known = key in self.cast or (not form and (key in self.places or key in self.things or key in self.details))
            if not known or (form and form not in FORMS):
                raise ValueError(f"{where}: the marker {{{key}{':' + form if form else ''}}} means nothing here")
            if stage is not None and key not in stage and key not in self.details:
                raise ValueError(f"{where}: {{{key}}} is told of but is not on stage: {text!r}")


def _no_cycle(world: World) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"the events run in a circle: {' > '.join((*path, name))}")
        if name not in done:
            for way in world.events[name].ways:
                for follower in way.next:
                    visit(follower, (*path, name))
            done.add(name)

    for name in world.start:
        visit(name, ())
    if unused := set(world.events) - done:
        raise ValueError(f"no story can reach {', '.join(sorted(unused))}")


class _OnceLoader(yaml.SafeLoader):
    """A loader to which a key given twice is an error: YAML would keep the later one, and lose the texts of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # a list as a key is an error of its own
            line = key.start_mark.line + 1
            if key.value in first:
                raise yaml.YAMLError(f"line {line}: the key {key.value!r} was given in line {first[key.value]} already")
            first[key.value] = line
        return super().construct_mapping(node, deep)


def load_world(path: Path) -> World:
    """Read one world file; raises ``WorldError`` that names the file and the fault."""
    try:
        return World.model_validate(yaml.load(path.read_text(encoding="utf-8"), _OnceLoader))  # noqa: S506
    except (yaml.YAMLError, ValidationError) as error:
        raise WorldError(f"{path.name}: {error}") from error


def load_worlds(folder: Path | None = None) -> list[World]:
    """All worlds of a folder (default: the ones that Fabula ships), in the order of their file names."""
    folder = folder or Path(__file__).parent / "stories"
    return [load_world(path) for path in sorted(folder.glob("*.yaml"))]
