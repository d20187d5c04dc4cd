"""``fabula train``, ``data``, ``eval`` and ``study``: hand their arguments on to the training code.

Invariant: nothing of finetune, and so neither torch nor transformers, is imported before one of these commands runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from planner import settings as setting
from planner.commands import common
from prompts.errors import InputError

# Everything after the command's name, --help included, is the training code's to read.
PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@common.handled
def train(context: typer.Context) -> None:
    """Train models on your own stories: fabula train METHOD ... (fabula train --help lists the methods)."""
    _hand_on("train_app", "fabula train", context)


@common.handled
def data(context: typer.Context) -> None:
    """Build training data from corpora and story worlds: fabula data ... (fabula data --help lists what)."""
    _hand_on("data_app", "fabula data", context, _add_from_library)


@common.handled
def eval_(context: typer.Context) -> None:
    """Judge models side by side on held-out prompts: fabula eval DATA --model A --model B (fabula eval --help)."""
    _hand_on("eval_app", "fabula eval", context)


@common.handled
def study(context: typer.Context) -> None:
    """Let people compare texts blindly: fabula study new|rate|report ... (fabula study --help)."""
    _hand_on("study_app", "fabula study", context)


def from_library(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the data sets OUT/sft and OUT/preference.")],
    story: Annotated[
        list[str] | None, typer.Option("--story", help="Only this story (id or its first letters); may be repeated.")
    ] = None,
    style: Annotated[
        Literal["chat", "completion", "slots"],
        typer.Option(help="chat: system message apart; completion: one text; slots: as the bundled model reads."),
    ] = "chat",
    everything: Annotated[bool, typer.Option("--all", help="Also stories in which no trace of you is found.")] = False,
    held: Annotated[float, typer.Option(min=0, max=0.5, help="Share of the stories kept out of training.")] = 0.0,
    replace: Annotated[bool, typer.Option("--replace", help="Build data sets that are there already anew.")] = False,
    library: common.LibraryOption = None,
) -> None:
    """Build data sets from your own stories: what you took or wrote, and what you preferred to a model's draft."""
    from planner.export.training import Wanted, training_rows

    own, shown = importlib.import_module("finetune.data.own"), importlib.import_module("finetune.data_cli")
    with common.open_library(setting.load({"library": library}).settings) as shelf, shown.stoppable(out):
        rows = training_rows(shelf, Wanted(tuple(story or ()), style, everything))
        for folder, index in own.write_own(rows, out, held, replace).items():
            shown.show_index(folder, index, samples=0)


@common.handled
def export_run(context: typer.Context) -> None:
    """``fabula export`` of a training run: hands the arguments on, as ``train`` does."""
    _hand_on("export_app", "fabula export", context)


def _add_from_library(commands: typer.Typer) -> None:
    """The one command of data that reads the library, which the training code does not know."""
    if all(known.name != "from-library" for known in commands.registered_commands):
        commands.command("from-library")(from_library)


def _hand_on(
    group: str, name: str, context: typer.Context, add: Callable[[typer.Typer], None] = lambda commands: None
) -> None:
    try:
        commands: typer.Typer = getattr(importlib.import_module("finetune.cli"), group)
    except ModuleNotFoundError as error:
        raise InputError("This needs the finetune extra: pip install 'fabula[finetune]'.") from error
    add(commands)
    # Usage errors come out to the command line's own handler, which tells them in one line.
    code = commands(args=context.args, prog_name=name, standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)
