"""Which engine each role speaks through: from the settings to routes, and to what a story remembers of them.

Invariant: a story remembers where its calls went, never a key, nor an address that may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from planner.context import ROLES, Role
from planner.options import ROUTING, PromptName, RoleSettings, Settings
from prompts.errors import InputError


class Route(NamedTuple):
    """One engine. Roles with equal routes share it. Only a server's route has an address and a key's name, only an offline one
    an adapter's folder, and both a prompt style.

    An empty ``key_variable`` means the variables that are looked into where none is named, None that no key is sent.
    """

    engine: str
    model: str
    server: str = ""
    prompt: PromptName = "auto"
    key_variable: str | None = ""
    adapter: str = ""


def route(settings: Settings, role: Role) -> Route:
    """Where the calls of ``role`` go.

    A role on an engine or a server of its own takes no model or prompt style from the top level: they are named for another
    model. A key goes to the server that it was given for and to no other: that of the top level to the top level's server,
    and to a role's own server only one that the role names.
    """
    own: RoleSettings = getattr(settings.roles, role)
    engine = own.engine or ("server" if own.server else settings.engine)
    server = (own.server or settings.server).rstrip("/")
    near = engine == settings.engine and (engine != "server" or server == settings.server.rstrip("/"))
    model = own.model if own.model is not None else settings.model if near else ""
    prompt = own.prompt or (settings.prompt if near else "auto")
    if engine == "offline":
        return Route(engine, model, prompt=prompt, adapter=own.adapter or "")
    if engine != "server":
        return Route(engine, model)
    same = server == settings.server.rstrip("/")
    key = own.key_variable or (None if not same else settings.key_variable if own.key_variable is None else "")
    return Route(engine, model, server, prompt, key)


def routes(settings: Settings) -> dict[Role, Route]:
    """Where the calls of every role go."""
    return {role: route(settings, role) for role in ROLES}


def sampling(settings: Settings) -> dict[str, dict[str, float]]:
    """What the settings say of each role's sampling, by the names of ``Sampling``; roles of which they say nothing left out."""
    found = {role: getattr(settings.roles, role).model_dump(exclude_none=True, exclude=set(ROUTING)) for role in ROLES}
    return {role: said for role, said in found.items() if said}


def secret(address: str) -> bool:
    """Whether an address may hold a password or a key."""
    return bool({"@", "?", "#"} & set(address))


def shown(address: str) -> str:
    """An address for people: what may be a password or a key in it is left out."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return re.sub(r"//.*@", "//***@", address.split("?", maxsplit=1)[0])
    host = parts.netloc.rsplit("@", 1)[-1]
    user = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{user}{host}{parts.path}" + ("?***" if parts.query or parts.fragment else "")


def note(settings: Settings) -> dict[str, Any]:
    """What a story remembers of its routing, so that it is continued with the same one."""
    made: dict[str, Any] = {"name": settings.engine, "model": settings.model}
    if settings.engine == "server":
        made |= {"prompt": settings.prompt, "key_variable": settings.key_variable}
        made |= {} if secret(settings.server) else {"server": settings.server}
    elif any(found.engine == "server" for found in routes(settings).values()) and not secret(settings.server):
        made["server"] = settings.server
    if settings.engine == "offline":
        made["prompt"] = settings.prompt
    roles = {}
    for role in ROLES:
        own = getattr(settings.roles, role).model_dump(exclude_none=True, include=set(ROUTING))
        if secret(own.get("server", "")):
            own["server"] = None
        if own:
            roles[role] = own
    return made | ({"roles": roles} if roles else {})


def remembered(note: Mapping[str, Any], now: Settings) -> dict[str, Any]:
    """A story's note as a layer of settings (``planner.settings.load``). An address that was not kept comes from ``now``.

    Raises ``InputError`` when that holds none.
    """
    found: dict[str, Any] = {"engine": note["name"]} if "name" in note else {}
    found |= {key: note[key] for key in ("model", "server", "prompt", "key_variable") if key in note}
    for role in ROLES:
        own = note.get("roles", {}).get(role, {})
        for key in ROUTING:
            found[f"roles.{role}.{key}"] = own.get(key)
        if "server" in own and own["server"] is None:
            server = getattr(now.roles, role).server
            if not server:
                raise InputError(
                    f"The story's {role} was begun on a server whose address holds a password, so it was not kept; name it "
                    f"in FABULA_ROLES__{role.upper()}__SERVER."
                )
            found[f"roles.{role}.server"] = server
    return found
