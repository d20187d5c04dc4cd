"""What a person's own stories teach: the paragraphs that they took or wrote, and what they preferred to a model's draft.

Each paragraph becomes a row with the prompt that asked for it (the journalled one where there is one in the wished style,
else the same prompt file filled in anew). A draft that a person changed, or passed over for another, is the rejected side of
a preference. Invariant: the library is only read; a story in which no trace of a person is found gives nothing unless asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

import agents
from agents.engines.base import Engine, Prompt
from agents.generator import prompt_for, task_for
from agents.naming import Naming
from planner import arc
from planner.rows import CallKey, ParagraphRow
from planner.state import Outline, Premise
from planner.store import Library
from planner.world import World
from prompts.errors import InputError

Style = Literal["chat", "completion", "slots"]
Kind = Literal["sft", "preference"]
SOURCE: Final = "library"
LICENCE: Final = "the writer's own"
_TOKENIZER = Path(agents.__file__).parent / "models" / "small" / "tokenizer.json"


@dataclass(frozen=True)
class Wanted:
    """Which stories (ids; none: all that are not archived or deleted), in which style, and whether without any trace of a
    person as well (``everything``)."""

    stories: tuple[str, ...] = ()
    style: Style = "chat"
    everything: bool = False


def training_rows(library: Library, wanted: Wanted) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Every row of the wanted stories, branch by branch, a paragraph that branches share once. The group is the story.

    Raises ``StoryMissing`` for a story that is not there, and ``LibraryError`` for a library that cannot be read.
    """
    ids = [library.story(said).id for said in wanted.stories] or [info.id for info in library.stories()]
    for story in ids:
        told: set[str] = set()
        for branch, head in library.branches(story).items():
            revision, outline = library.current_plan(story, branch)
            if not head or not revision or not outline:
                continue
            path = library.path(head)
            if wanted.everything or _touched(library, story, branch, path):
                plan = (library.premise(revision), library.outline(outline))
                for row, prompt in _asked(library, branch, path, plan, wanted.style):
                    if row.id not in told:
                        told.add(row.id)
                        yield from _rows(row, prompt, plan[0], wanted.style)


def _touched(library: Library, story: str, branch: str, path: Sequence[ParagraphRow]) -> bool:
    """Whether a person did anything to the branch: then what they left as it was had passed under their eyes."""
    return any("author" in row.meta for row in path) or bool(library.steps(story, branch, last=1))


def _rows(row: ParagraphRow, prompt: Prompt, premise: Premise, style: Style) -> Iterator[tuple[Kind, dict[str, Any]]]:
    naming = Naming(premise.entities)
    parts = {"system": prompt.system, "prompt": prompt.text} if style == "chat" and prompt.system else {
        "prompt": prompt.joined()
    }  # fmt: skip
    about = {"group": row.story, "source": SOURCE, "licence": LICENCE}

    def spelled(text: str) -> str:
        return naming.slotted(text) if style == "slots" else text

    yield "sft", {**parts, "completion": spelled(row.text), "task": "generator", **about}
    source = str(row.meta.get("source") or "")
    if source and _words(source) != _words(row.text):
        yield "preference", {
            **parts, "chosen": spelled(row.text), "rejected": spelled(source), "chosen_score": 1.0, "rejected_score": 0.0,
            **about,
        }  # fmt: skip


def _words(text: str) -> list[str]:
    return text.casefold().split()


def _asked(
    library: Library, branch: str, path: Sequence[ParagraphRow], plan: tuple[Premise, Outline], style: Style
) -> Iterator[tuple[ParagraphRow, Prompt]]:
    """Each paragraph with the prompt that a model of the style is given for it."""
    premise, outline = plan
    naming, world, last = Naming(premise.entities), World(), ""
    pinned = library.pinned(path[0].story) if path else []
    for row in path:
        prompt = _journalled(library, row, branch, slots=style == "slots")
        if prompt is None:
            summary = library.summary(row.parent) if row.parent else None
            task = task_for(
                premise, outline, arc.position(outline, row.index), summary=summary.text if summary else "", last=last,
                facts=tuple(world.after(pinned).sentences(premise.entities)),
            )  # fmt: skip
            prompt = prompt_for(_engine("slots" if style == "slots" else "plain"), task, naming)
        yield row, prompt
        world, last = world.after(library.facts_of(row.id)), row.text


def _journalled(library: Library, row: ParagraphRow, branch: str, *, slots: bool) -> Prompt | None:
    """The prompt that the paragraph's model was given, if it was one of the wished style."""
    attempt = row.meta.get("attempt")
    for where in dict.fromkeys((branch, "main")):
        key = CallKey(
            story=row.story, head=row.parent, node="generate", branch=where,
            attempt=attempt if isinstance(attempt, int) else 0,
        )  # fmt: skip
        output = library.recall(key)
        if output and output.prompt.startswith("<|") == slots:
            return Prompt(system=output.system, text=output.prompt)
    return None


class _Reader:
    """What the generator asks of an engine to put a prompt: its style, and how long a text is."""

    name = model = "none"

    def __init__(self, style: str) -> None:
        self.style = style
        if style == "slots":
            from tokenizers import Tokenizer

            if not _TOKENIZER.is_file():
                raise InputError(
                    f"The bundled model's tokenizer is missing from {_TOKENIZER.parent}; reinstall Fabula."
                )
            self._tokenizer = Tokenizer.from_file(str(_TOKENIZER))

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text).ids)


@cache
def _engine(style: str) -> Engine:
    return cast("Engine", _Reader(style))
