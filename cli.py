"""The ``fabula`` command: registers the commands of planner/commands, and says in one line what a command line lacks."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

# LangGraph reads this when it is imported: checkpoints load in strict mode, whoever opens them.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

import typer
from rich.markup import escape
from typer.core import TyperGroup

from planner.commands import common, config, doctor, export, read, serve, session, shelf, train, write

# Typer exports only this one of its usage errors; their common class lies elsewhere in every other release.
_UsageError: Final[type[Exception]] = typer.BadParameter.__mro__[1]


class _OneLine(TyperGroup):
    """Usage errors are one line and exit code 2, like every other bad input, where typer would draw a box."""

    def main(self, *args: Any, **more: Any) -> Any:
        if not more.get("standalone_mode", True):
            return super().main(*args, **more)
        try:
            code = super().main(*args, **more | {"standalone_mode": False})
        except _UsageError as error:
            code = _told(error)
        except typer.Abort:
            code = 1
        sys.exit(code)


def _told(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed, which says it all
        return 2
    message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    path = error.ctx.command_path if error.ctx else "fabula"
    return common.fail(escape(f"{message}; see {path} --help.")).exit_code


app = typer.Typer(
    name="fabula",
    cls=_OneLine,
    help="Plan and write stories with local models, one paragraph at a time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("write")(write.write)
app.command("continue")(write.continue_)
app.command("session")(session.session)
app.command("list")(read.list_)
app.command("show")(read.show)
app.command("export", cls=export.StoryOrRun)(export.export)
app.command("rename")(shelf.rename)
app.command("archive")(shelf.archive)
app.command("delete")(shelf.delete)
app.command("restore")(shelf.restore)
app.command("config")(config.config)
app.command("doctor")(doctor.doctor)
app.command("serve")(serve.serve)
app.command("train", context_settings=train.PASS_ON)(train.train)
app.command("data", context_settings=train.PASS_ON)(train.data)
app.command("eval", context_settings=train.PASS_ON)(train.eval_)
app.command("study", context_settings=train.PASS_ON)(train.study)


def main() -> None:
    """Entry point of the ``fabula`` script."""
    app()


if __name__ == "__main__":
    main()
