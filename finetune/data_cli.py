"""``fabula data rows`` and ``fabula data show``: data sets of text rows from stories of any kind.

Invariant: importing this module imports nothing heavy; what was half made is never left under the data set's name.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from finetune.command_errors import plain_errors

Opt = typer.Option
_SOURCES = (
    "Where stories come from, KIND:PATH; may be given several times. Kinds: gutenberg (texts), corpora (JSON lines), "
    "folder (.txt and .md), lines (one story a line), wp (WritingPrompts), hub (Hugging Face id or folder), posts (scored "
    "responses)."
)
_TASKS = "What to learn: generator, summarizer, outline, premise, title, story (prompt to whole story), or responses."
_STYLES = "chat: system message apart; completion: one text; slots: as the bundled model reads."


def rows_command(
    *,
    sources: Annotated[list[str], Opt("--from", metavar="KIND:PATH", help=_SOURCES)],
    out: Annotated[Path, Opt("--out", "-o", help="Folder of the data set; it appears when it is whole.")],
    tasks: Annotated[
        str, Opt(help=_TASKS)
    ] = "",
    style: Annotated[
        Literal["chat", "completion", "slots"], Opt(help=_STYLES)
    ] = "chat",
    held: Annotated[float, Opt(min=0, max=0.5, help="Share of the books, authors or prompts kept out of training.")] = 0.02,
    tag_dropout: Annotated[float, Opt(min=0, max=1, help="Chance that a tag (genre, tone, places, things) is left out.")] = 0.15,
    summaries: Annotated[Literal["extractive", "server"], Opt(help="By TextRank, or by a served model.")] = "extractive",
    server: Annotated[str, Opt(help="Address of the OpenAI-compatible endpoint that summarizes.")] = "",
    model: Annotated[str, Opt(help="The served model; the first one if not given.")] = "",
    text_column: Annotated[str, Opt(help="Column or key that holds the story (hub, corpora).")] = "",
    group_column: Annotated[str, Opt(help="Column or key that names the book or author (hub, corpora).")] = "",
    split: Annotated[str, Opt(help="Split of a Hugging Face data set.")] = "train",
    source: Annotated[str, Opt(help="Name of the source, where the files do not say it.")] = "",
    licence: Annotated[str, Opt(help="Licence of the texts, where the files do not say it.")] = "",
    limit: Annotated[int, Opt(min=0, help="Stories read of each source; 0 reads all.")] = 0,
    story_words: Annotated[int, Opt(min=50, help="Longest story of a story row, in words.")] = 1000,
    keep_copies: Annotated[bool, Opt("--keep-copies", help="Keep chapters and posts that are nearly the same.")] = False,
    seed: int = 17,
    replace: Annotated[bool, Opt("--replace", help="Build a data set that is there already anew.")] = False,
) -> None:  # fmt: skip
    """Build a data set from stories: fabula data rows --from folder:stories --out data/mine

    Broken rows are named, skipped and counted; copies are left out; train and held are split by book, author or prompt.
    """
    from finetune.build.make import RESPONSES, Wish, build
    from finetune.readers.base import Options
    from finetune.readers.sources import source_of
    from prompts.errors import InputError

    with plain_errors(), stoppable(out):
        found = tuple(source_of(said) for said in sources)
        if not tasks:
            tasks = RESPONSES if all(one.has_posts for one in found) else "generator,summarizer"
        if summaries == "server" and not server:
            raise InputError(
                "Give the address of the model that writes the summaries: --server http://localhost:8000/v1"
            )
        wish = Wish(
            out=out, sources=found, tasks=tuple(filter(None, (task.strip() for task in tasks.split(",")))), style=style,
            options=Options(licence, source, text_column, group_column, split, limit), held=held, tag_dropout=tag_dropout,
            story_words=story_words, keep_copies=keep_copies, seed=seed, replace=replace,
        )  # fmt: skip

        def engine() -> Any:
            from agents.engines import open_engine

            return open_engine("server", model, server)

        index = build(wish, engine if summaries == "server" else None, lambda line: typer.echo(line, err=True))
        show_index(out, index, samples=0)


def show_command(
    data: Annotated[Path, typer.Argument(help="Folder of a data set.")],
    samples: Annotated[int, Opt(min=0, help="Sample rows of each task.")] = 1,
    as_json: Annotated[bool, Opt("--json", help="Print the report as JSON.")] = False,
    verify: Annotated[bool, Opt(help="Compare the rows with the hash in the report.")] = False,
) -> None:
    """Show what is in a data set: counts, lengths, sources, what was left out, and samples."""
    from finetune.data.folder import content_hash, load_index
    from prompts.errors import InputError

    with plain_errors():
        index = load_index(data)
        if verify and content_hash(data) != index.get("hash"):
            raise InputError(f"The rows in {data} are not those that its report was written for; build it again.")
        if as_json:
            typer.echo(json.dumps(index, indent=1, ensure_ascii=False))
        else:
            show_index(data, index, samples)


@contextmanager
def stoppable(out: Path) -> Iterator[None]:
    """Ctrl-C and SIGTERM end a build with one sentence and exit code 130; nothing half made is left."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Stopped; {out} was not built. The same command builds it anew.", err=True)
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def show_index(folder: Path, index: dict[str, Any], samples: int) -> None:
    """Print a report for a person: one table of counts, one of lengths, what was left out, sample rows."""
    console = Console(soft_wrap=False, highlight=False)
    counts, groups = index.get("counts", {}), index.get("groups", {})
    console.print(
        f"[bold]{escape(str(folder))}[/]: {counts.get('train', 0):,} training rows ({groups.get('train', 0):,} groups), "
        f"{counts.get('held', 0):,} held out ({groups.get('held', 0):,} groups); kind {index['kind']}"
    )
    for title in ("tasks", "sources", "licences"):
        if index.get(title):
            listed = ", ".join(f"{name} {count:,}" for name, count in sorted(index[title].items()))
            console.print(f"{title}: {escape(listed)}")
    _show_lengths(console, index.get("lengths", {}))
    _show_left_out(console, folder, index)
    _show_samples(console, index.get("samples", {}), samples)


def _show_lengths(console: Console, lengths: dict[str, Any]) -> None:
    table = Table("words", "least", "mean", "median", "95 %", "most", box=None)
    for name, row in lengths.items():
        table.add_row(name, *(f"{row[key]:,}" for key in ("min", "mean", "median", "p95", "max")))
    console.print(table)


def _show_left_out(console: Console, folder: Path, index: dict[str, Any]) -> None:
    left = {name: count for name, count in index.get("left_out", {}).items() if count}
    broken = index.get("broken", {"count": 0, "first": []})
    if left:
        console.print("left out: " + ", ".join(f"{count:,} {name}" for name, count in left.items()))
    if broken["count"]:
        console.print(f"broken rows skipped: {broken['count']:,} (all named in {escape(str(folder / 'broken.jsonl'))})")
        for one in broken["first"][:5]:
            place = f"{one['file']}, line {one['line']}" if one["line"] else one["file"]
            console.print(f"  {escape(place)}: {escape(one['why'])}")
    if index.get("held_share") and not index.get("counts", {}).get("held"):
        console.print(
            "Nothing is held out: too few books, authors or prompts for the share; a larger --held holds some out."
        )


def _show_samples(console: Console, kept: dict[str, Any], samples: int) -> None:
    for task, rows in kept.items():
        for row in rows[:samples]:
            console.print(f"\n[bold]== {escape(task)}[/] ({escape(str(row.get('group', '')))})")
            for key in ("system", "prompt", "completion", "chosen", "rejected"):
                if row.get(key):
                    console.print(f"[dim]{key}:[/] {escape(row[key])}")
            for response in row.get("responses", ()):
                console.print(f"[dim]response, score {response['score']:g}:[/] {escape(response['text'])}")


def register(data_app: typer.Typer) -> None:
    """Put these commands beside the ones that build the bundled model's data."""
    data_app.command("rows")(rows_command)
    data_app.command("show")(show_command)
