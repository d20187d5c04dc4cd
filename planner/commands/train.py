"""``fabula train``, ``data`` and ``study``: hand their arguments on to the training code.

Invariant: nothing of finetune, and so neither torch nor transformers, is imported before one of these commands runs.
"""

from __future__ import annotations

import importlib
from typing import Final

import typer

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
    _hand_on("data_app", "fabula data", context)


@common.handled
def study(context: typer.Context) -> None:
    """Let people compare texts blindly: fabula study new|rate|report ... (fabula study --help)."""
    _hand_on("study_app", "fabula study", context)


def _hand_on(group: str, name: str, context: typer.Context) -> None:
    try:
        commands: typer.Typer = getattr(importlib.import_module("finetune.cli"), group)
    except ModuleNotFoundError as error:
        raise InputError("This needs the finetune extra: pip install 'fabula[finetune]'.") from error
    # Usage errors come out to the command line's own handler, which tells them in one line.
    code = commands(args=context.args, prog_name=name, standalone_mode=False)
    raise typer.Exit(code if isinstance(code, int) else 0)
