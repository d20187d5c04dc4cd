"""Look over an installation: what is there, which engines can run, what is wrong and what to do about it.

Every check really tries the thing (opens the library, loads the model, asks the server). Invariant: a check never raises.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from agents.engines import open_engine
from agents.engines.base import Prompt, Request, Sampling
from planner.settings import Settings
from planner.store import Library
from prompts.errors import FabulaError

State = Literal["ok", "off", "bad"]
_EXTRAS = {
    "postgres": ("psycopg", "libraries on PostgreSQL"),
    "finetune": ("torch", "training your own models"),
    "vllm": ("vllm", "serving models on a GPU"),
}
_LOW_DISK = 200 * 2**20


@dataclass(frozen=True)
class Check:
    """One line of the report. ``off`` is something optional that is not there; ``todo`` says how to change it."""

    name: str
    state: State
    says: str
    todo: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Every check, in the order in which a person would look."""
    yield _python()
    yield from (_extra(extra, module, use) for extra, (module, use) in _EXTRAS.items())
    yield _tried("library", lambda: _library(settings))
    yield _tried("embedded engine", lambda: _embedded(settings))
    yield _tried("server engine", lambda: _server(settings))


def _python() -> Check:
    version = (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, Fabula {_version('fabula')}"
    )
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "bad", version, "Use Python 3.11, 3.12 or 3.13.")
    return Check("python", "ok", version)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _extra(extra: str, module: str, use: str) -> Check:
    if version := _version(module):
        return Check(f"extra {extra}", "ok", f"{module} {version}: {use}")
    return Check(f"extra {extra}", "off", f"not installed: {use}", f"pip install 'fabula[{extra}]'")


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except FabulaError as error:
        return Check(name, "bad", str(error))
    except Exception as error:  # whatever else is wrong with the installation: the report goes on
        return Check(
            name, "bad", f"{type(error).__name__}: {error}", "Install Fabula anew; if that does not help, report this."
        )


def _library(settings: Settings) -> Check:
    with Library.open(settings.library or None) as library:
        stories = len(library.stories())
        free = shutil.disk_usage(library.file.parent).free if library.file else _LOW_DISK
        says = f"{library.name}: {stories} stories"
        if free < _LOW_DISK:
            return Check(
                "library", "bad", f"{says}, {free // 2**20} MB free", "Make room on the disk, or set --library."
            )
        return Check("library", "ok", says)


def _embedded(settings: Settings) -> Check:
    begun = time.perf_counter()
    engine = open_engine("embedded", settings.model if settings.engine == "embedded" else "", "", settings.threads)
    try:
        sampling = Sampling(temperature=0, max_tokens=16)
        made = engine.complete(Request(prompt=Prompt(text="<|text|>The"), sampling=sampling))[0]
        seconds = time.perf_counter() - begun
        return Check("embedded engine", "ok", f"{engine.model}: {made.tokens} tokens {seconds:.1f} s after the start")
    finally:
        engine.close()


def _server(settings: Settings) -> Check:
    try:
        engine = open_engine("server", settings.model if settings.engine == "server" else "", settings.server)
    except FabulaError as error:
        needed = settings.engine == "server"
        todo = "" if needed else "Only needed for --engine server."
        return Check("server engine", "bad" if needed else "off", str(error), todo)
    engine.close()
    return Check("server engine", "ok", f"{settings.server} serves {engine.model}")
