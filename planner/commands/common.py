"""What the commands share: opening the library and the engines, and ending on an error with one sentence.

Invariant: a failure that a person can mend prints one line on stderr and exits with code 2, without a traceback.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from agents.engines import open_engine
from agents.engines.base import Engine
from agents.engines.offline import OfflineEngine
from agents.generator import GeneratorSettings
from planner import routing
from planner.context import WriteSettings
from planner.display import Display, LiveDisplay, PlainDisplay, Quiet
from planner.options import Settings
from planner.role_engines import RoleEngines
from planner.role_log import RoleChange
from planner.session import Session
from planner.store import Library
from prompts.errors import FabulaError
from prompts.safe import pictured

P = ParamSpec("P")
R = TypeVar("R")

LibraryOption = Annotated[
    str | None, typer.Option("--library", help="Story library: a path or a postgresql:// URL.", show_default=False)
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", help="embedded, server, offline or scripted.", show_default=False)
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="A model folder, or the name of a served model.", show_default=False)
]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="Address of an OpenAI-compatible endpoint.", show_default=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def fail(message: str) -> typer.Exit:
    """Print one clear line and give the exit that follows it."""
    Console(stderr=True, soft_wrap=True).print(f"[bold red]error:[/] {message}", highlight=False, markup=True)
    return typer.Exit(2)


def handled(command: Callable[P, R]) -> Callable[P, R]:
    """Turn every ``FabulaError`` of a command into one line and exit code 2."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except FabulaError as error:
            from rich.markup import escape

            raise fail(escape(pictured(str(error)))) from None
        except KeyboardInterrupt:
            Console(stderr=True).print("Stopped before anything was written.", highlight=False)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()  # the reader of a pipe went away; there is nobody to tell
            raise typer.Exit(0) from None

    return run


def open_library(settings: Settings) -> Library:
    """The library that the settings name."""
    return Library.open(settings.library or None)


def open_engines(settings: Settings, kept: Mapping[str, RoleChange] | None = None) -> RoleEngines:
    """The engine of every role; roles whose calls go the same way share one. Close each once (``close_engines``).

    ``kept`` are the models that a person chose for the story's roles since it was begun.
    """
    ways = routing.routes(settings)
    loaded: dict[routing.Route, OfflineEngine] = {}
    return RoleEngines(ways, lambda way: open_route(way, settings, loaded), kept)


def open_route(way: routing.Route, settings: Settings, loaded: dict[routing.Route, OfflineEngine]) -> Engine:
    """The engine at the end of a route.

    ``loaded`` are the models that run in this process, by their routes without an adapter: roles that differ in nothing but
    the adapter share one.
    """
    if way.engine == "offline":
        base = way._replace(adapter="")
        if base in loaded and loaded[base].loaded:
            return loaded[base].speaking(way.adapter)
        others = (other for other in (way, *routing.routes(settings).values()) if other._replace(adapter="") == base)
        adapters = tuple(dict.fromkeys(other.adapter for other in others if other.adapter))
        engine = OfflineEngine(way.model, prompt=way.prompt, gpus=settings.gpus, adapters=adapters)
        loaded[base] = engine
        if not way.adapter:
            return engine
        with contextlib.closing(engine):
            return engine.speaking(way.adapter)
    if way.engine != "server":
        return open_engine(way.engine, way.model, threads=settings.threads)
    return open_engine(
        way.engine, way.model, way.server, prompt=way.prompt, key_variable=way.key_variable,
        timeout=settings.server_timeout, retries=settings.server_retries,
    )  # fmt: skip


def addresses(engines: Mapping[Any, Engine]) -> list[str]:
    """The addresses of the servers among the engines."""
    return list(dict.fromkeys(url for engine in engines.values() if (url := getattr(engine, "url", ""))))


def write_settings(settings: Settings) -> WriteSettings:
    """How to write, from the settings: what is not set keeps the agents' own defaults."""
    wished = settings.write
    names = ("temperature", "top_p", "min_p", "top_k", "repetition_penalty", "max_tokens")
    changed = {name: value for name in names if (value := getattr(wished, name)) is not None}
    return WriteSettings(
        generator=GeneratorSettings(n=wished.n, sampling=changed), revisions=wished.revisions,
        sampling=routing.sampling(settings),
    )  # fmt: skip


def display_for(quiet: bool, as_json: bool) -> Display:
    """A live view in a terminal; elsewhere the story goes to stdout and progress to stderr."""
    console = Console()
    if quiet and as_json:
        return Quiet()
    if as_json:
        return PlainDisplay(None, sys.stderr)
    if quiet:
        return PlainDisplay(sys.stdout, None)
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(sys.stdout, sys.stderr)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end a run the way Ctrl-C does, so that both leave with the same words."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def write_all(session: Session) -> None:
    """Write to the end. On Ctrl-C what is written stays; says how to go on and exits with 130."""
    try:
        with interruptible():
            session.write()
    except KeyboardInterrupt:
        raise Stopped(session.story.id) from None


class Stopped(Exception):
    """A person stopped the writing; the story is kept."""

    def __init__(self, story: str) -> None:
        super().__init__(story)
        self.story = story


def say_stopped(stopped: Stopped, library: Library) -> typer.Exit:
    """Tell what is kept and how to go on."""
    head = library.head(stopped.story)
    count = library.paragraph(head).index + 1 if head else 0
    kept = f"{count} paragraph{'s are' if count != 1 else ' is'} kept" if count else "Nothing was written yet"
    Console(stderr=True, soft_wrap=True).print(
        f"Stopped. {kept}. Go on with: [bold]fabula continue {stopped.story}[/]", highlight=False
    )
    return typer.Exit(130)
