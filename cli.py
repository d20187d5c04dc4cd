"""The ``fabula`` command: registers the commands of planner/commands, nothing else."""

from __future__ import annotations

import os

# LangGraph reads this when it is imported: checkpoints load in strict mode, whoever opens them.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

import typer

from planner.commands import config, doctor, read, train, write

app = typer.Typer(
    name="fabula",
    help="Plan and write stories with local models, one paragraph at a time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("write")(write.write)
app.command("continue")(write.continue_)
app.command("list")(read.list_)
app.command("show")(read.show)
app.command("config")(config.config)
app.command("doctor")(doctor.doctor)
app.command("train", context_settings=train.PASS_ON)(train.train)
app.command("data", context_settings=train.PASS_ON)(train.data)


def main() -> None:
    """Entry point of the ``fabula`` script."""
    app()


if __name__ == "__main__":
    main()
