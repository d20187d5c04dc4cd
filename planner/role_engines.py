"""The engines that the roles speak through, opened by their routes and exchanged while a story is open.

Invariant: roles with equal routes share one engine, and an engine is closed once, when no role speaks through it any more.
A model that cannot be opened leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.engines.base import Engine
from planner.context import Role
from planner.role_log import RoleChange
from planner.routing import Route, shown
from prompts.errors import EngineError, FabulaError

Open = Callable[[Route], Engine]


class RoleEngines(dict[Role, Engine]):
    """The engine of every role. ``ways`` are the routes of the settings, ``kept`` what a person changed of them since.

    ``ways`` and ``engines`` agree always. Raises ``FabulaError`` when an engine cannot be opened.
    """

    def __init__(
        self, ways: Mapping[Role, Route], open_route: Open, kept: Mapping[str, RoleChange] | None = None
    ) -> None:
        super().__init__()
        self.settled = dict(ways)
        """The routes as the settings give them."""
        self._open = open_route
        self._opened: dict[Route, Engine] = {}
        self.ways = {role: rerouted(way, (kept or {}).get(role)) for role, way in ways.items()}
        try:
            for role, way in self.ways.items():
                self[role] = self._opened_for(role, way)
        except BaseException:
            close_engines(self._opened)
            raise

    def _opened_for(self, role: Role, way: Route) -> Engine:
        try:
            return self.opened(way)
        except FabulaError as error:
            if way == self.settled[role]:
                raise
            raise EngineError(
                f"The model that was chosen for the story's {role} in a session cannot be had now; --model gives another. "
                f"{error}"
            ) from error

    def opened(self, way: Route) -> Engine:
        """The engine at the end of a route, opened if need be; ``tidy`` closes it again when no role takes it."""
        if way not in self._opened:
            self._opened[way] = self._open(way)
        return self._opened[way]

    def use(self, ways: Mapping[Role, Route]) -> None:
        """Let roles speak through other routes, which were ``opened`` before."""
        for role, way in ways.items():
            self[role], self.ways[role] = self._opened[way], way

    def tidy(self) -> None:
        """Close the engines that no role speaks through."""
        for way in set(self._opened) - set(self.ways.values()):
            self._opened.pop(way).close()


def rerouted(way: Route, change: RoleChange | None) -> Route:
    """A route with the model that a person chose for it; as it is where they chose none, or chose it elsewhere."""
    if change is None or change.model is None or (change.engine, change.server) != (way.engine, shown(way.server)):
        return way
    return way._replace(model=change.model)


def close_engines(engines: Mapping[Any, Engine]) -> None:
    """Close every engine once, however many roles share it."""
    for engine in {id(engine): engine for engine in engines.values()}.values():
        engine.close()


def models_of(engine: Engine) -> tuple[str, ...]:
    """The models that an engine's server offers, where it can say; none where it can't, or doesn't answer."""
    try:
        return tuple(engine.models()) if hasattr(engine, "models") else ()
    except FabulaError:
        return ()
