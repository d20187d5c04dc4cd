"""Slash commands on the roles: through which model each speaks, and how it is drawn.

Invariant: as in slash_text.py, no story logic stands here; an address is shown without what may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from planner.context import ROLES
from planner.role_actions import BACK, SAMPLING, RoleView, RoleWish
from planner.session import Session
from planner.slash_text import Misused, Reply
from prompts.errors import InputError

ROLE_NAMES: tuple[str, ...] = ROLES
ROLE_WORDS: tuple[str, ...] = (
    *ROLES, *(f"{role} {name}=" for role in ROLES for name in SAMPLING if name != "n" or role == "generator"),
)  # fmt: skip
_LISTED = 20
"""Models that are named: a hosted interface has hundreds."""


def model(session: Session, argument: str) -> Reply:
    """``[ROLE [NAME|-]]``: show the roles' models and which others there are, or give a role another."""
    role, _, name = argument.partition(" ")
    if name.strip():
        session.change_roles({role: RoleWish(model=name)})
        (view,) = _views(session, role)
        return _done(session, f"The {role} speaks through {view.model} from here on.", role)
    views = _views(session, role, models=True)
    offered: dict[tuple[str, ...], list[RoleView]] = {}
    for view in views:
        offered.setdefault(view.models, []).append(view)
    lines = [f"{view.role}: {spoken(view)}" for view in views]
    for models, those in offered.items():
        if models:
            more = f" and {len(models) - _LISTED} more" if len(models) > _LISTED else ""
            whose = "" if len(those) == len(ROLES) else f" for {', '.join(view.role for view in those)}"
            lines.append(f"Models{whose}: {', '.join(models[:_LISTED])}{more}.")
    return Reply(tuple(lines))


def sampling(session: Session, argument: str) -> Reply:
    """``[ROLE [NAME=VALUE ...|-]]``: show how the roles are drawn, or change it for one."""
    role, *words = argument.split() or [""]
    if not words:
        return Reply(tuple(f"{view.role}: {drawn(view)}" for view in _views(session, role)))
    if words == [BACK]:
        wish: Mapping[str, str] = {name: BACK for name in SAMPLING if name != "n" or role == "generator"}
    else:
        parts = [word.partition("=") for word in words]
        if any(not (name and sign and value) for name, sign, value in parts):
            raise Misused
        wish = {name: value for name, _, value in parts}
    session.change_roles({role: RoleWish(sampling=wish)})
    (view,) = _views(session, role)
    return _done(session, f"From here on the {role} is drawn with {drawn(view)}.", role)


def spoken(view: RoleView) -> str:
    """Engine, model and server of a role in a line."""
    where = f" at {view.server}" if view.server else ""
    return f"{view.model} ({view.engine}{where})" + (", chosen here" if view.chosen else "")


def drawn(view: RoleView) -> str:
    """The sampling of a role in a line."""
    said = ", ".join(f"{name}={value:g}" for name, value in view.sampling.items()) or "what each of its tasks asks for"
    return said + (f"; set here: {', '.join(view.changed)}" if view.changed else "")


def _views(session: Session, role: str, *, models: bool = False) -> list[RoleView]:
    views = session.roles(models=models)
    found = [view for view in views if role in {"", view.role}]
    if not found:
        raise InputError(f"There is no role {role!r}; there are {', '.join(ROLES)}.")
    return found


def _done(session: Session, said: str, role: str) -> Reply:
    waits = role == "generator" and session.proposal()
    return Reply((said, *(["The proposed paragraph stays as it is; /reroll writes another."] if waits else [])), "plan")
