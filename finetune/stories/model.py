"""The schema of our own stories: one YAML file a premise, with the premise, its cast, and each telling with its annotation.

Roles, pronouns, tones and the rest stand in the plan (finetune/stories/plan.py), under the same ids. Invariant: a loaded
premise belongs to the plan, and has its cast in the plan's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.stories.plan import PremisePlan, plan
from finetune.worlds.model import Purpose
from prompts.errors import InputError

FOLDER: Final = Path(__file__).with_name("written")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # five times as fast where libyaml is there
Line = Annotated[str, Field(min_length=1)]


class StoryError(InputError):
    """A story file that cannot be used; the message names the file and what is wrong in it."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Played(_Model):
    """Who somebody of the plan's cast is in these stories."""

    name: Line
    trait: Line
    goal: Line


class WrittenThing(_Model):
    kind: Literal["item", "site", "beast", "note"]
    name: Line


class WrittenParagraph(_Model):
    """One paragraph: what the outline wanted, the text, what is true after it, and the sentence that sums it up."""

    purpose: Purpose
    beat: Line
    text: Line
    facts: tuple[Line, ...] = ()
    note: Line


class WrittenStory(_Model):
    id: Line
    title: Line
    paragraphs: tuple[WrittenParagraph, ...]


class WrittenPremise(_Model):
    """A premise and its stories; ``places`` and ``things`` are spelled as the texts spell them."""

    id: Line
    logline: Line
    cast: tuple[Played, ...]
    places: tuple[Line, ...] = Field(min_length=1, max_length=3)
    things: tuple[WrittenThing, ...] = Field(default=(), max_length=3)
    stories: tuple[WrittenStory, ...] = Field(min_length=1)

    @property
    def planned(self) -> PremisePlan:
        return plan()[self.id]

    @property
    def names(self) -> tuple[str, ...]:
        """What the texts call its people, places and things."""
        return (*(p.name for p in self.cast), *self.places, *(t.name for t in self.things))


def load_premise(path: Path) -> WrittenPremise:
    """Read one file. Raises ``StoryError``."""
    try:
        read = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - it is a safe one
        premise = WrittenPremise.model_validate(read)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StoryError(f"{path.name} is no YAML: {' '.join(str(error).split())[:300]}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:6])
        raise StoryError(f"{path.name}: {told}") from error
    if premise.id != path.stem or premise.id not in plan():
        raise StoryError(
            f"{path.name} says that its id is {premise.id!r}; the plan and the file's name must say so too."
        )
    planned = premise.planned
    if [p.name for p in premise.cast] != [p.name for p in planned.cast]:
        raise StoryError(f"{path.name}: the cast must be {', '.join(p.name for p in planned.cast)}, in this order.")
    if [story.id for story in premise.stories] != [telling.id for telling in planned.tellings]:
        raise StoryError(
            f"{path.name}: the stories must be {', '.join(t.id for t in planned.tellings)}, in this order."
        )
    return premise


def written(folder: Path = FOLDER) -> Iterator[WrittenPremise]:
    """Every premise that is written, by id. Raises ``StoryError`` at the first file that cannot be used."""
    return (load_premise(path) for path in sorted(folder.glob("*/*.yaml")))


def is_held(premise_id: str) -> bool:
    """Whether a premise is kept out of training: every tenth one of each genre, so whole premises are held out."""
    return int(premise_id.rsplit("-", 1)[1]) % 10 == 5
