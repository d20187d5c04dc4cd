"""What a person can do with a story's roles: see through which model each speaks and how it is drawn, and change both.

Invariant: a change holds for what is written from then on. It is kept in the library before it takes effect, so it outlives
the process; a wrong value or a model that cannot be had changes nothing. What is journalled stays as it is: a paragraph that
is proposed waits on, and one that was stopped in the midst is begun anew rather than told from what was drawn before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from planner import routing
from planner.context import ROLES, Role
from planner.options import ROUTING, RoleSettings, Write
from planner.plans import Planning
from planner.role_engines import RoleEngines, models_of, rerouted
from planner.role_log import RoleChange
from planner.rows import CallKey
from planner.settings import reason
from planner.state import Draft
from prompts.errors import InputError

SAMPLING: tuple[str, ...] = (*(name for name in RoleSettings.model_fields if name not in ROUTING), "n")
"""What can be set of a role's sampling; ``n``, the candidates of a paragraph, is the generator's alone."""
BACK = "-"
"""Wished as a model or a value: as the settings have it."""


@dataclass(frozen=True)
class RoleView:
    """How a role stands. ``server`` is its address without what may be a secret, empty for engines of this process.

    ``sampling`` is what is put over the agent's own, for the generator the whole of it; ``changed`` what of it a person set
    here. ``models`` are those that the server offers, if it was asked.
    """

    role: Role
    engine: str
    model: str
    server: str
    sampling: Mapping[str, float]
    changed: Mapping[str, float]
    chosen: bool
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoleWish:
    """What a person wants of a role: a model, and values of its sampling, as typed. ``BACK`` takes back what was set here."""

    model: str | None = None
    sampling: Mapping[str, str | float] = field(default_factory=dict)


class RoleActions(Planning):
    """The roles of a story, as a person changes them."""

    def roles(self, *, models: bool = False) -> list[RoleView]:
        """How every role stands; ``models``: the servers are asked what they offer, each once."""
        engines = self.context.engines
        offered = {id(e): models_of(e) if models else () for e in {id(e): e for e in engines.values()}.values()}
        return [self._view(role, offered[id(engines[role])]) for role in ROLES]

    def _view(self, role: Role, models: tuple[str, ...]) -> RoleView:
        engine, context = self.context.engines[role], self.context
        sampling: dict[str, float] = context.sampling(role)
        if role == "generator":
            n, drawn = context.generator.resolved(engine.style)
            sampling = drawn.model_dump(exclude={"stop"}) | sampling | {"n": n}
        chosen = isinstance(engines := context.engines, RoleEngines) and engines.ways[role] != engines.settled[role]
        return RoleView(
            role=role, engine=engine.name, model=engine.model, server=routing.shown(getattr(engine, "url", "")),
            sampling={name: sampling[name] for name in SAMPLING if name in sampling},
            changed=self._kept(role).sampling, chosen=chosen, models=models,
        )  # fmt: skip

    def change_roles(self, wishes: Mapping[str, RoleWish]) -> None:
        """Change roles from here on, all that is wished or nothing.

        Raises ``InputError`` for an unknown role or a wrong value, and ``FabulaError`` for a model that cannot be had.
        """
        changes = {_role(role): self._changed(_role(role), wish) for role, wish in wishes.items()}
        new = {str(role): change for role, change in changes.items() if change != self._kept(role)}
        engines = self.context.engines
        try:
            ways: dict[Role, routing.Route] = {}
            if isinstance(engines, RoleEngines):
                moved = {role: change for role, change in changes.items() if wishes[role].model is not None}
                ways = {role: rerouted(engines.settled[role], change) for role, change in moved.items()}
                for way in ways.values():
                    engines.opened(way)
            if "generator" in changes:
                self._begin_anew()
            self.library.change_roles(self.story.id, new)
            self.context.changes = {**self.context.changes, **new}
            if isinstance(engines, RoleEngines):
                engines.use(ways)
        finally:
            if isinstance(engines, RoleEngines):
                engines.tidy()

    def cache_rate(self, draft: Draft | None) -> float | None:
        """The share of prompt tokens that the engines had in their caches since the story was opened; None: unknown.

        ``draft`` is the proposed paragraph: servers are asked again only when there is another, or it was taken in.
        """
        place = (self.context.branch, self.state.get("head"), draft.attempt if draft else -1)
        return self.context.cache.rate(self.context.engines.values(), place)

    def _kept(self, role: Role) -> RoleChange:
        return self.context.changes.get(role, RoleChange())

    def _changed(self, role: Role, wish: RoleWish) -> RoleChange:
        """What is to be kept of a role. Raises ``InputError``."""
        old = self._kept(role)
        sampling = dict(old.sampling)
        for name, value in wish.sampling.items():
            checked = _checked(role, name, value)
            if checked is None:
                sampling.pop(name, None)
            else:
                sampling[name] = checked
        new = old.model_copy(update={"sampling": sampling})
        if wish.model is None:
            return new
        if not isinstance(self.context.engines, RoleEngines):
            raise InputError("The engines of this session were given to it and cannot be exchanged.")
        model = wish.model.strip()
        if not model:
            raise InputError(f"Name the model that the {role} is to speak through, or {BACK} for that of the settings.")
        if model == BACK:
            return new.model_copy(update={"model": None, "engine": "", "server": ""})
        way = self.context.engines.settled[role]
        return new.model_copy(update={"model": model, "engine": way.engine, "server": routing.shown(way.server)})

    def _begin_anew(self) -> None:
        """Have a paragraph that was stopped in the midst drawn anew, where some of it is journalled already.

        It keeps its wish, and what was drawn stays among its alternatives.
        """
        waiting = set(self.planner.get_state(self.config).next)
        if not waiting & {"generate", "check"}:
            return
        key = CallKey(
            story=self.story.id, head=self.state.get("head"), node="generate", attempt=0, branch=self.context.branch
        )
        attempt = self.library.next_attempt(key)
        if attempt > self.state.get("attempt", 0):
            values: dict[str, Any] = {"attempt": attempt, "draft": None, "best": None}
            self.planner.update_state(self.config, values, as_node="summarize")
            self._after, self._idle = None, False


def _role(name: str) -> Role:
    found: Role | None = next((role for role in ROLES if role == name), None)
    if found is None:
        raise InputError(f"There is no role {name!r}; there are {', '.join(ROLES)}.")
    return found


def _checked(role: Role, name: str, value: str | float) -> float | None:
    """A value of a role's sampling as a number; None for ``BACK``. Raises ``InputError``."""
    if name not in SAMPLING:
        raise InputError(f"A role's sampling has no {name!r}; it has {', '.join(SAMPLING)}.")
    if name == "n" and role != "generator":
        raise InputError("n counts the candidates of a paragraph; only the generator has it.")
    if isinstance(value, str) and value.strip() in {"", BACK}:
        return None
    try:
        section = (Write if name == "n" else RoleSettings).model_validate({name: value})
    except ValidationError as error:
        raise InputError(f"{name} of the {role} = {value}: {reason(error)}.") from None
    checked: float = getattr(section, name)
    return checked
