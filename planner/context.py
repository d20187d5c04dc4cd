"""What a run needs and the state must not hold: the library, the engines, the settings and who is listening.

It reaches the nodes as LangGraph's ``Runtime[Context]``, never as a global, so two stories in one process cannot mix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from agents.brief import Brief
from agents.engines.base import Engine
from agents.generator import GeneratorSettings
from planner.events import Event, TextPiece
from planner.journal import Recorded
from planner.prompt_cache import CacheMeter
from planner.role_log import RoleChange
from planner.state import Fact, Finding, Model, Outline, Premise
from planner.store import CallKey, Library
from planner.world import WorldCache
from prompts.errors import WritingStopped

Role = Literal["premise", "outline", "generator", "summarizer", "continuity"]
_RECENT = 12
ROLES: tuple[Role, ...] = ("premise", "outline", "generator", "summarizer", "continuity")


class WriteSettings(Model):
    """How a story is written. ``revisions`` bounds how often a draft with errors is written anew."""

    generator: GeneratorSettings = GeneratorSettings()
    revisions: int = 2
    summary_tokens: int | None = None
    sampling: dict[Role, dict[str, float]] = Field(default_factory=dict)
    """What a role's sampling is wherever it differs from the agents' own, by the names of ``Sampling``."""


@dataclass
class Context:
    """One story's run. ``listen`` gets every event as it happens; it must not raise."""

    library: Library
    engines: Mapping[Role, Engine]
    brief: Brief
    seed: int
    settings: WriteSettings = field(default_factory=WriteSettings)
    changes: Mapping[str, RoleChange] = field(default_factory=dict)
    """What a person changed of the roles since the story was begun, over ``settings``."""
    branch: str = "main"
    listen: Callable[[Event], None] = lambda event: None
    gate: bool = False
    """Whether a person decides on every paragraph before it is committed."""
    stop: Callable[[], bool] = lambda: False
    """Asked between two pieces of a streaming text; once it says so, the paragraph in work is given up."""
    streams: bool = True
    """Whether anybody wants to see text as it grows; a batch does not, since that costs CPU time."""
    burst: int = 1
    """Paragraphs that this invoke still writes."""
    worlds: WorldCache = field(default_factory=WorldCache)
    examined: dict[str, tuple[tuple[Fact, ...], tuple[Finding, ...]]] = field(default_factory=dict)
    """Facts and findings of the texts that were examined for the paragraph in work."""
    cache: CacheMeter = field(default_factory=CacheMeter)
    _added: str | None = None
    _asked: set[tuple[str | None, str, int]] = field(default_factory=set)
    _last: tuple[str, str] = ("", "")
    _plan: tuple[tuple[str, str], tuple[Premise, Outline]] | None = None

    def engine(self, role: Role, node: str, *, story: str, head: str | None, attempt: int = 0) -> Recorded:
        """The engine of a role, wrapped so that every output is journalled before the node returns."""
        key = CallKey(story=story, head=head, node=node, attempt=attempt, branch=self.branch)
        place = (head, node, attempt)
        # A paragraph that this run has just added can have no calls after it yet, but for those of a node that failed.
        unasked = head is not None and head == self._added and place not in self._asked
        self._asked = {known for known in self._asked if known[0] == head} | {place}
        return Recorded(self.engines[role], role, self.library, key, unasked, self.sampling(role))

    def sampling(self, role: Role) -> dict[str, float]:
        """What is put over the sampling that the agent of ``role`` asks with: the settings, then what a person changed."""
        changed = self.changes[role].sampling if role in self.changes else {}
        return {name: value for name, value in (self.settings.sampling.get(role, {}) | changed).items() if name != "n"}

    @property
    def generator(self) -> GeneratorSettings:
        """How paragraphs are drawn: as long as the role's own limit lets them be, with the candidates that were wished last."""
        changed = self.changes["generator"].sampling.get("n") if "generator" in self.changes else None
        made = self.settings.generator
        limit = self.sampling("generator").get("max_tokens")
        drawn = made.sampling if limit is None else made.sampling | {"max_tokens": limit}
        return made.model_copy(update={"n": made.n if changed is None else int(changed), "sampling": drawn})

    def hear(self, piece: str) -> None:
        """A piece of a streaming text. Raises ``WritingStopped`` when a person wants no more of it."""
        self.listen(TextPiece(piece))
        if self.stop():
            raise WritingStopped("Stopped in the midst of a paragraph; nothing of it was kept.")

    def plan(self, premise: str, outline: str) -> tuple[Premise, Outline]:
        """The premise and the outline of these ids, read once: rows never change."""
        if self._plan is None or self._plan[0] != (premise, outline):
            self._plan = ((premise, outline), (self.library.premise(premise), self.library.outline(outline)))
        return self._plan[1]

    def text_of(self, paragraph: str) -> str:
        """The text of a paragraph; the newest one is remembered."""
        if self._last[0] != paragraph:
            self.remember(paragraph, self.library.paragraph(paragraph).text)
        return self._last[1]

    def recent(self, head: str | None) -> str:
        """The text of the newest paragraphs up to ``head``, as many as a repetition would be noticed in."""
        return "\n".join(row.text for row in self.library.path(head, _RECENT))

    def remember(self, paragraph: str, text: str) -> None:
        self._last = (paragraph, text)

    def committed(self, story: str, paragraph: str, text: str) -> None:
        """Note what was just committed, and whether it is new: nothing can have been asked after a new paragraph."""
        self.remember(paragraph, text)
        self._added = paragraph if self.library.is_new(story, paragraph) else None
