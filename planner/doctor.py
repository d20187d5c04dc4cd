"""Look over an installation: what is there, which engines can run, what is wrong and what to do about it.

Every check really tries the thing (opens the library, loads the model, asks the server). Invariant: a check never raises.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from functools import partial

from agents.engines import open_engine
from agents.engines.base import Prompt, Request, Sampling
from planner.check import Check, tried
from planner.doctor_servers import examine_servers
from planner.options import Settings
from planner.routing import routes
from planner.store import Library

__all__ = ["Check", "examine"]

_EXTRAS = {
    "postgres": ("psycopg", "libraries on PostgreSQL"),
    "finetune": ("torch", "training your own models"),
    "export": ("typst", "Word and PDF files"),
    "vllm": ("vllm", "serving models on a GPU"),
}
_LOW_DISK = 200 * 2**20


def examine(settings: Settings) -> Iterator[Check]:
    """Every check, in the order in which a person would look."""
    yield _python()
    yield from (_extra(extra, module, use) for extra, (module, use) in _EXTRAS.items())
    yield tried("library", lambda: _library(settings))
    ways = dict.fromkeys(way.model for way in routes(settings).values() if way.engine == "embedded")
    for number, model in enumerate(ways or [""], 1):
        name = "embedded engine" if number == 1 else f"embedded engine {number}"
        yield tried(name, partial(_embedded, name, model, settings.threads))
    yield from examine_servers(settings)


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


def _library(settings: Settings) -> Check:
    with Library.open(settings.library or None) as library:
        stories = len(library.stories(hidden=True))
        free = shutil.disk_usage(library.file.parent).free if library.file else _LOW_DISK
        says = f"{library.name}: {stories} stories"
        if free < _LOW_DISK:
            return Check(
                "library", "bad", f"{says}, {free // 2**20} MB free", "Make room on the disk, or set --library."
            )
        return Check("library", "ok", says)


def _embedded(name: str, model: str, threads: int) -> Check:
    begun = time.perf_counter()
    engine = open_engine("embedded", model, threads=threads)
    try:
        sampling = Sampling(temperature=0, max_tokens=16)
        made = engine.complete(Request(prompt=Prompt(text="<|text|>The"), sampling=sampling))[0]
        seconds = time.perf_counter() - begun
        return Check(name, "ok", f"{engine.model}: {made.tokens} tokens {seconds:.1f} s after the start")
    finally:
        engine.close()
