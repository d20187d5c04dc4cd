"""What ``fabula doctor`` says of servers: who answers, what is served there, which role goes where, and what each model can do.

Every route that the settings name is really asked, with one small structured output. Invariant: a check never raises, and
never shows a key.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, Final, NamedTuple

from agents.engines import open_engine
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.engines.client import KEY_VARIABLES, UNNAMED, Client
from planner.check import Check, tried
from planner.context import ROLES
from planner.options import Settings
from planner.routing import Route, route, routes, shown
from prompts.errors import EngineError, NoStructuredOutput

_SECONDS: Final = 120.0  # a server may have to load the model first
_LISTED: Final = 8  # hosted APIs serve hundreds
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"],
    "additionalProperties": False,
}  # fmt: skip
# The prompt does not speak of JSON: only a server that heeds the schema answers with it.
_QUESTION: Final = Prompt(text="Is the sea deep?")
_STYLES: Final = {"chat": "as a chat", "completion": "as a text to go on with", "slots": "in slots"}


class Served(NamedTuple):
    """A model that a server offers. ``parent`` is the base of an adapter."""

    name: str
    parent: str = ""


def examine_servers(settings: Settings) -> Iterator[Check]:
    """Every server that a role goes to, and every route there; the one of the top level even where no role needs it."""
    found = routes(settings)
    ways: dict[Route, list[str]] = {}
    for role, way in found.items():
        ways.setdefault(way, []).append(role)
    doors = list(dict.fromkeys((way.server, way.key_variable) for way in ways if way.engine == "server"))
    if not doors:
        yield tried("server engine", partial(_optional, settings))
    for number, door in enumerate(doors, 1):
        name = "server engine" if number == 1 else f"server engine {number}"
        served: list[Served] = []
        check = tried(name, partial(_server, name, *door, served))
        yield check
        for way, roles in ways.items():
            if check.state == "ok" and (way.server, way.key_variable) == door:
                title = _title(roles)
                yield tried(title, partial(_route, title, way, served, settings))
    if len(ways) > 1:
        for way, roles in ways.items():
            if way.engine != "server":
                yield Check(_title(roles), "ok", f"{way.engine} engine" + (f", {way.model}" if way.model else ""))


def _title(roles: Sequence[str]) -> str:
    return "all roles" if len(roles) == len(ROLES) else f"role{'s' * (len(roles) > 1)} {', '.join(roles)}"


def _optional(settings: Settings) -> Check:
    """The top level's server, which no role needs."""
    way = route(settings.model_copy(update={"engine": "server"}), "premise")
    check = _server("server engine", way.server, way.key_variable, [])
    if check.state == "ok":
        return check
    return dataclasses.replace(check, state="off", todo="Only needed for --engine server.")


def _server(name: str, url: str, key_variable: str | None, served: list[Served]) -> Check:
    """Who answers at ``url`` and what is served there, which goes into ``served``."""
    client = Client(url, key_variable, _SECONDS, 0)
    try:
        listed = client.call(lambda: list(client.api.models.list().data), 0)
    except EngineError as error:
        import openai

        refused = isinstance(error.__cause__, openai.AuthenticationError | openai.PermissionDeniedError)
        return Check(name, "bad", _plain(error, url), _about_key(key_variable) if refused else "")
    finally:
        client.close()
    served += [Served(model.id, str(getattr(model, "parent", None) or "")) for model in listed]
    if not served:
        return Check(name, "bad", f"{shown(url)} answers but serves no model", "Load one there.")
    return Check(name, "ok", f"{shown(url)} serves {_inventory(served)}")


def _about_key(key_variable: str | None) -> str:
    """What is wrong with a key that was refused: where it should be, never what it is."""
    if key_variable is None:
        return f"No key was given for it: {UNNAMED}."
    names = (key_variable,) if key_variable else KEY_VARIABLES
    kept = next((name for name in names if os.environ.get(name)), "")
    return f"The server does not take the key in {kept}." if kept else f"There is no key: set {names[0]}."


def _inventory(served: Sequence[Served]) -> str:
    models = [model.name for model in served if not model.parent]
    adapters = [f"{model.name} on {model.parent}" for model in served if model.parent]
    return _few(models) + (f"; adapters: {_few(adapters)}" if adapters else "")


def _few(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _route(title: str, way: Route, served: Sequence[Served], settings: Settings) -> Check:
    """What becomes of the calls on a route: the model is there, answers, and keeps to a schema or not."""
    names = [model.name for model in served]
    if way.model and way.model not in names:
        close = get_close_matches(way.model, names, n=1)
        near = f"Did you mean {close[0]}?" if close else f"It serves {_few(names)}."
        return Check(title, "bad", f"{shown(way.server)} does not serve {way.model!r}.", near)
    engine = open_engine(
        "server", way.model, way.server, prompt=way.prompt, key_variable=way.key_variable, retries=0,
        timeout=min(settings.server_timeout, _SECONDS),
    )  # fmt: skip
    try:
        says, full = _answers(engine)
        style = _STYLES.get(str(getattr(engine, "prompt", "")), "")
        asked = f", asked {style}" if style else ""
        return Check(title, "ok" if full else "off", f"{engine.model} at {shown(way.server)}{asked}: {says}")
    except EngineError as error:
        return Check(title, "bad", _plain(error, way.server))
    finally:
        engine.close()


def _answers(engine: Engine) -> tuple[str, bool]:
    """How the model answers, in words, and whether it keeps to a JSON schema. Raises ``EngineError`` when it doesn't answer."""
    request = Request(prompt=_QUESTION, sampling=Sampling(temperature=0, max_tokens=32), json_schema=_SCHEMA)
    reason = "answers, but does not keep to a JSON schema"
    try:
        text = engine.complete(request)[0].text
    except NoStructuredOutput:
        engine.complete(request.model_copy(update={"json_schema": None}))
        reason = "answers, but takes no JSON schema"
    else:
        if _fits(text):
            return "answers, and keeps to a JSON schema", True
    return f"{reason}; it will be asked in plain text instead", False


def _fits(text: str) -> bool:
    try:
        answer = json.loads(text)
    except ValueError:
        return False
    return answer in ({"answer": "yes"}, {"answer": "no"})


def _plain(error: EngineError, url: str) -> str:
    """An engine's own words; a password in the address is left out."""
    return str(error).replace(url, shown(url))
