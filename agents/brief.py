"""What a person asks for: the premise in their words and every wish they gave with it, checked before anything runs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError, field_validator

from planner.state import MAX_LOGLINE, MAX_PARAGRAPHS, Line, Model, PointOfView, Pronouns, Tense
from prompts.control import clean
from prompts.errors import InputError

MIN_PARAGRAPHS = 3
MAX_NAME = 80
"""Characters of a name: a longer one is a description, and no sentence could carry it."""


class Brief(Model):
    """A writer's wishes. Empty means: Fabula decides, from the premise where it can."""

    logline: Annotated[str, StringConstraints(max_length=MAX_LOGLINE)]
    title: Line = ""
    genre: Line = ""
    tone: Line = ""
    characters: tuple[Line, ...] = Field(default=(), max_length=4)
    setting: Line = ""
    plot: tuple[Line, ...] = ()
    avoid: tuple[Line, ...] = ()
    point_of_view: PointOfView = PointOfView.THIRD
    tense: Tense = Tense.PAST
    arc: Line = "three-act"
    paragraphs: int = Field(10, ge=MIN_PARAGRAPHS, le=MAX_PARAGRAPHS)

    @field_validator("logline")
    @classmethod
    def _says_something(cls, logline: str) -> str:
        logline = clean(logline)
        if not re.search(r"\w", logline):
            raise ValueError("empty")
        return logline

    @field_validator("title", "genre", "tone", "setting")
    @classmethod
    def _without_tokens(cls, wish: str) -> str:
        return clean(wish)

    @field_validator("plot", "avoid")
    @classmethod
    def _all_without_tokens(cls, wishes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(None, map(clean, wishes)))


_ADVICE = {
    "logline": f"The premise must say something, in at most {MAX_LOGLINE:,} characters; best is one sentence: who wants what.",
    "paragraphs": f"--paragraphs must be between {MIN_PARAGRAPHS} and {MAX_PARAGRAPHS:,}.",
    "characters": "Give at most 4 characters, each as \"Name: trait, trait\" in at most 500 characters.",
}  # fmt: skip


def make_brief(**wishes: object) -> Brief:
    """Build a brief; raises ``InputError`` with one sentence about the first wish that cannot be met."""
    try:
        brief = Brief.model_validate(wishes)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        raise InputError(_ADVICE.get(field, f"--{field.replace('_', '-')}: {first['msg']}.")) from error
    if len(brief.setting) > MAX_NAME:
        raise InputError(
            f"--setting is the name of one place, in at most {MAX_NAME} characters; describe it in the premise."
        )
    names = [read_character(text).name for text in brief.characters]
    for number, name in enumerate(names):
        if name.lower() in (other.lower() for other in names[:number]):
            raise InputError(f"Two characters are called {name!r}; give each a name of their own.")
    return brief


_PRONOUN_WORDS = {
    "she": Pronouns.SHE,
    "her": Pronouns.SHE,
    "he": Pronouns.HE,
    "him": Pronouns.HE,
    "they": Pronouns.THEY,
}


class CharacterWish(Model):
    """One ``--character``: everything but the name may be missing."""

    name: Line
    pronouns: Pronouns | None = None
    role: Line = ""
    traits: tuple[Line, ...] = ()
    goal: Line = ""


def read_character(text: str) -> CharacterWish:
    """Read "Mara: stubborn, afraid of water, she/her, a baker, wants to go home".

    A wish that is a pronoun sets the pronouns, "wants ..." the goal, "a ROLE" or "the ROLE" the role; the others are traits.
    Raises ``InputError`` when there is no name before the colon, or one that no sentence could carry.
    """
    name, _, rest = text.partition(":")
    name = clean(name)
    if not name:
        raise InputError(f'A character needs a name: write "Name: trait, trait" instead of {text!r}.')
    if len(name) > MAX_NAME:
        raise InputError(f'A name has at most {MAX_NAME} characters; put a colon after it: "Name: trait, trait".')
    pronouns, goal, role = None, "", ""
    traits: list[str] = []
    for wish in filter(None, (clean(part) for part in re.split(r"[,;]", rest))):
        words = wish.lower().split()
        if (key := words[0].split("/")[0]) in _PRONOUN_WORDS and len(words) == 1:
            pronouns = _PRONOUN_WORDS[key]
        elif words[0] == "wants" and len(words) > 1:
            goal = wish[len("wants ") :]
        elif words[0] in {"a", "an", "the"} and len(words) > 1 and not role:
            role = wish.partition(" ")[2]
        else:
            traits.append(wish)
    return CharacterWish(name=name, pronouns=pronouns, role=role, traits=tuple(traits), goal=goal)
