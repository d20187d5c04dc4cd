"""``fabula eval``: models side by side on held-out prompts.

Invariant: everything that was asked of a model is kept in the output folder, so the same command goes on after any stop, and
makes the table again without a model once all is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from finetune.command_errors import plain_errors
from prompts.errors import InputError

if TYPE_CHECKING:
    from finetune.judge.setting import Evaluation

T = TypeVar("T")
NEEDED: Final = ("rouge_score", "sacrebleu", "matplotlib")


def judge_models(
    data: Annotated[
        Path | None, typer.Argument(help="A data set with a held-out part; not needed to go on.", show_default=False)
    ] = None,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]MODEL",
            show_default=False,
            help="bundled, a run, a model's or adapter's folder, an id on the Hub, server:URL#MODEL, or offline:MODEL; "
            "once for each model.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for all that is asked, and for the report.")] = Path("runs/eval"),
    rows: Annotated[int | None, typer.Option(help="Held-out prompts.", show_default="50")] = None,
    task: Annotated[str | None, typer.Option(help="Only rows of this task.", show_default=False)] = None,
    samples: Annotated[int | None, typer.Option(help="Texts for each prompt.", show_default="4")] = None,
    seed: Annotated[int | None, typer.Option(help="Of prompts, texts and intervals.", show_default="0")] = None,
    temperature: Annotated[float | None, typer.Option(show_default="1.0")] = None,
    top_p: Annotated[float | None, typer.Option(show_default="1.0")] = None,
    top_k: Annotated[int | None, typer.Option(show_default="0, all")] = None,
    min_p: Annotated[float | None, typer.Option(show_default="0")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(show_default="1.0")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest text.", show_default="256")] = None,
    ranked: Annotated[int | None, typer.Option(help="Prompts for prompt ranking.", show_default="20")] = None,
    judge: Annotated[str | None, typer.Option(help="An engine that compares texts.", show_default=False)] = None,
    against: Annotated[str | None, typer.Option(help="Model to win against.", show_default="people")] = None,
    semantic: Annotated[
        str, typer.Option(help="Embeddings of meaning: semantic, or a model's folder or id.")
    ] = "semantic",
    style: Annotated[str, typer.Option(help="Embeddings of style.")] = "style",
    people: Annotated[bool, typer.Option("--people", help="Show people's own texts in the table too.")] = False,
    mauve: Annotated[bool, typer.Option("--mauve", help="Compute MAUVE too (extra: mauve).")] = False,
    resamples: Annotated[int, typer.Option(min=100, help="Of the bootstrap.")] = 1000,
) -> None:
    """Judge models side by side: perplexity, overlap, diversity, repetition, prompt ranking, win rate, with intervals."""
    given: dict[str, Any] = {
        "rows": rows, "task": task, "samples": samples, "seed": seed, "temperature": temperature, "top_p": top_p,
        "top_k": top_k, "min_p": min_p, "repetition_penalty": repetition_penalty, "max_tokens": max_tokens,
        "ranked": ranked, "judge": judge, "against": against,
    }  # fmt: skip
    with plain_errors():
        from finetune.judge.asking import ask_all
        from finetune.judge.setting import begin, named_models

        evaluation = begin(out, data, given, named_models(model or []))
        _ready(mauve)
        try:
            ask_all(evaluation, _track)
            _report(evaluation, {"semantic": semantic, "style": style}, people, mauve, resamples)
        except KeyboardInterrupt:
            typer.echo(f"Stopped. All that was made is kept; go on with: fabula eval --out {out}", err=True)
            raise typer.Exit(130) from None


def _report(evaluation: Evaluation, embeddings: dict[str, str], people: bool, mauve: bool, times: int) -> None:
    from finetune.embeddings import load_embedder
    from finetune.judge.metrics import measure
    from finetune.judge.table import print_table, write

    cache = evaluation.out / "embeddings.sqlite"
    embedders = {kind: load_embedder(name, cache=cache) for kind, name in embeddings.items()}
    result = measure(evaluation, embedders, people, mauve, times)
    paths = write(evaluation, result)
    print_table(result)
    typer.echo("Written: " + ", ".join(map(str, paths)))


def _ready(mauve: bool) -> None:
    """Say what is not installed before hours are spent on asking, and keep what libraries say to each other off the screen."""
    for name in NEEDED:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if mauve and find_spec("mauve") is None:
        raise InputError("MAUVE needs an extra: pip install 'fabula[mauve]'.")
    from finetune.recipes.quiet import hush

    hush()
    if find_spec("transformers") is not None:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        hush()  # once more: the hub's client sets its own level when it is imported


def _track(items: list[T], words: str) -> Iterable[T]:
    """A bar with the time left on a terminal, a line at the beginning elsewhere; both on stderr."""
    from rich.console import Console
    from rich.progress import track

    if not items:
        return items
    console = Console(stderr=True)
    if console.is_terminal:
        return track(items, description=words, console=console)
    print(f"{words}: {len(items)}", file=sys.stderr, flush=True)
    return items
