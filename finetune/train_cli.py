"""``fabula train METHOD`` for every fine-tuning method, and ``fabula export RUN``.

Invariant: importing this module imports neither torch nor transformers; each command imports what it needs.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from finetune.command_errors import plain_errors
from finetune.recipes.checkpoints import newest, settings_of_finished
from finetune.recipes.methods import METHODS, Method
from finetune.recipes.settings import kept_recipe, load_recipe

CONFIGS = Path(__file__).with_name("configs")


class Form(StrEnum):
    """What a run can be exported as."""

    ADAPTER = "adapter"
    MERGED = "merged"
    EMBEDDED = "embedded"


def add_methods(app: typer.Typer) -> None:
    """Give ``app`` a command for every method."""
    for method in METHODS.values():
        app.command(method.name, help=f"{method.about} Settings go last, as key=value.", short_help=method.about)(
            _command(method)
        )


def _command(method: Method) -> Callable[..., None]:
    def command(
        changes: Annotated[
            list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings that win over the recipe's.")
        ] = None,
        *,
        config: Annotated[
            Path | None,
            typer.Option(help="Recipe: a YAML file, or the name of one of Fabula's (sft_lora); else the method's own."),
        ] = None,
        run: Annotated[Path | None, typer.Option(help="Folder for all that the run makes; else runs/METHOD.")] = None,
        resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    ) -> None:
        wanted, folder = changes or [], run or Path("runs") / method.name
        with plain_errors():
            if resume:
                recipe = kept_recipe(method.settings, folder, wanted, method.name)
            else:
                path = config or CONFIGS / f"{method.config}.yaml"
                recipe = load_recipe(method.settings, path, wanted, method.name)
            from finetune.recipes.quiet import hush

            hush()
            if dry_run:
                from finetune.recipes.plan import plan

                for name, value in plan(recipe).items():
                    typer.echo(f"{name:14} {value}")
                return
            from finetune.recipes.running import train

            try:
                train(recipe, folder, resume, _told(method.name, config, folder, resume, wanted), typer.echo)
            except KeyboardInterrupt:
                if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
                    typer.echo(_stopped(method.name, folder), err=True)
                raise typer.Exit(130) from None

    return command


def _stopped(method: str, run: Path) -> str:
    if not (run / "run.json").is_file():
        return "Stopped before the first step; the same command begins anew."
    kept = newest(run)
    return f"Stopped; {f'{kept.name} is kept' if kept else 'no checkpoint yet'}: fabula train {method} --run {run} --resume"


def _told(method: str, config: Path | None, run: Path, resume: bool, changes: list[str]) -> str:
    """The command line that began the run, for run.json."""
    parts = ["fabula", "train", method]
    parts += ["--config", str(config)] if config else []
    parts += ["--run", str(run), *(["--resume"] if resume else []), *changes]
    return shlex.join(parts)


def add_export(app: typer.Typer) -> None:
    """Give ``app`` the export of runs."""

    @app.command()
    def export(
        run: Annotated[Path, typer.Argument(help="The folder of a finished run.", show_default=False)],
        to: Annotated[
            Form | None,
            typer.Option(
                help="adapter: LoRA weights for vLLM; merged: a whole model for vLLM and transformers; embedded: "
                "Fabula's own format. Without it: adapter or merged, as the run was tuned.",
                show_default=False,
            ),
        ] = None,
        out: Annotated[
            Path | None, typer.Option(help="The folder; else one in the run's, named after --to.", show_default=False)
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace the folder if it is there.")] = False,
    ) -> None:
        """Export a trained model, and load it once to see that it can be loaded."""
        with plain_errors():
            settings_of_finished(run)
            from finetune.recipes.quiet import hush

            hush()
            from finetune.recipes.exporting import export_run

            typer.echo(export_run(run, to.value if to else "", out, force))
