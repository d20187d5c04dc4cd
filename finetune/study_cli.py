"""``fabula study``: a blind comparison of systems by people, from the making to the report.

Invariant: a rater sees no system's name, before the report is asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from finetune.command_errors import plain_errors
from prompts.errors import InputError
from prompts.safe import one_line

study_app = typer.Typer(
    no_args_is_help=True, add_completion=False, context_settings={"help_option_names": ["--help", "-h"]},
    help="Let people compare the texts of two or more systems, without knowing whose they are.",
)  # fmt: skip
_NAME: Final = re.compile(r"[\w][\w .+-]{0,59}")
FolderArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")]


def _outputs(letter: str) -> Any:
    return typer.Option(
        f"--{letter}",
        metavar="[NAME=]FILE",
        show_default=False,
        help="Outputs of a system, JSON lines, or its folder of fabula eval.",
    )


def named(given: str) -> tuple[str, Path]:
    """The name and the file of ``[NAME=]FILE``. ``fabula eval`` writes NAME/samples.jsonl, whose name is NAME."""
    name, mark, file = given.partition("=")
    if mark and not Path(given).exists():
        path = Path(file)
    else:
        path = Path(given)
        name = path.parent.name if path.stem == "samples" and path.parent.name else path.stem
        name = path.name if path.is_dir() else name
    if not _NAME.fullmatch(name):
        raise InputError(f"A system can't be called {name!r}; give NAME=FILE with a name of letters and digits.")
    return name, path


@study_app.command("new")
def new(
    study: FolderArgument,
    *,
    a: Annotated[str | None, _outputs("a")] = None,
    b: Annotated[str | None, _outputs("b")] = None,
    c: Annotated[str | None, _outputs("c")] = None,
    d: Annotated[str | None, _outputs("d")] = None,
    e: Annotated[str | None, _outputs("e")] = None,
    f: Annotated[str | None, _outputs("f")] = None,
    seed: Annotated[int, typer.Option(help="Which texts are taken, and in which order they are shown.")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs for each prompt and each two systems.")] = 1,
    common: Annotated[bool, typer.Option("--common", help="Leave out prompts that not every system has.")] = False,
) -> None:
    """Make a study from the outputs of systems for the same prompts: fabula study new STUDY --a A.jsonl --b B.jsonl"""
    from finetune.study.bundle import make_study, read_outputs

    with plain_errors():
        outputs = {}
        for given in (a, b, c, d, e, f):
            if given is not None:
                name, path = named(given)
                if name in outputs:
                    raise InputError(f"Two systems are called {name}; name them: --a NAME=FILE.")
                outputs[name] = read_outputs(path)
        made = make_study(study, outputs, seed, repeats, common)
        typer.echo(f"{len(made.pairs)} pairs of {len(outputs)} systems are in {study}.")
        typer.echo(f"Rate them with: fabula study rate {study} --rater NAME")


@study_app.command("rate")
def rate(
    study: FolderArgument,
    rater: Annotated[str, typer.Option(help="Who rates.", show_default=False)] = "",
) -> None:
    """Choose between texts: l left, r right, t tie, s skip, u undo, q quit. The same command goes on where it stopped."""
    from finetune.study.bundle import load_study
    from finetune.study.rating import Terminal, rate
    from finetune.study.ratings import Sheet, checked_name

    with plain_errors():
        checked_name(rater)
        terminal = Terminal()
        with Sheet(load_study(study), rater) as sheet:
            try:
                rate(sheet, terminal)
            except KeyboardInterrupt:
                typer.echo("\nStopped. Every choice is kept; the same command goes on.")
                raise typer.Exit(130) from None
        if terminal.puzzled:
            raise typer.Exit(2)


@study_app.command("report")
def report(
    study: FolderArgument,
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, report.json and choices.csv.")] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Bradley-Terry scores with intervals, the raters' agreement, and every choice as Markdown, JSON and CSV."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from finetune.study.report import HEAD, agreement_line, make_report, table_rows, write_report

    with plain_errors():
        found = make_report(study, seed)
        table = Table()
        for number, head in enumerate(HEAD):
            table.add_column(head, justify="right" if number else "left")
        for row in table_rows(found):
            table.add_row(*(Text(one_line(cell)) for cell in row))
        console = Console()
        console.print(table)
        console.print(agreement_line(found), markup=False, highlight=False)
        paths = write_report(found, out or study)
        console.print("Written: " + ", ".join(map(str, paths)), markup=False, highlight=False, soft_wrap=True)
