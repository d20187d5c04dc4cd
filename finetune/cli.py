"""The commands of training: ``python -m finetune data|train|export``, and the same under ``fabula``.

Invariant: importing this module imports neither torch nor transformers; each command imports what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from prompts.errors import FabulaError

app = typer.Typer(no_args_is_help=True, help="Build training data and train Fabula's models.")
data_app = typer.Typer(no_args_is_help=True, help="Build data sets from corpora and story worlds.")
train_app = typer.Typer(no_args_is_help=True, help="Train tokenizers and models.")
app.add_typer(data_app, name="data")
app.add_typer(train_app, name="train")

RUNS = Path("runs")
CORPORA = "tinystories,african_storybook,pratham_books,fairytaleqa,gutenberg_fiction"


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except FabulaError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from error


def _report(index: dict[str, Any], samples: bool) -> None:
    for name, count in index["counts"].items():
        typer.echo(f"{name:28} {count:>10,}")
    if samples:
        for task, texts in index["samples"].items():
            typer.echo(f"\n== {task}")
            typer.echo("\n\n".join(texts))


@data_app.command("corpora")
def corpora(
    sources: Annotated[str, typer.Option(help="Corpora to read, parted by commas.")] = CORPORA,
    out: Annotated[Path, typer.Option(help="Where the slotted stories go.")] = RUNS / "data" / "slotted.jsonl",
) -> None:
    """Read the corpora, turn names into slots and derive beats and summaries (about a minute)."""
    from finetune.data.build import slot_corpora

    with _plain_errors():
        for name, count in sorted(slot_corpora(sources.split(","), out).items()):
            typer.echo(f"{name:28} {count:>10,}")


@data_app.command("build")
def build(
    part: Annotated[str, typer.Argument(help="corpora, worlds or all")] = "all",
    slotted: Path = RUNS / "data" / "slotted.jsonl",
    tokenizer: Path = RUNS / "tokenizer",
    out: Path = RUNS / "data",
    stories: Annotated[int, typer.Option(help="Stories told in each world.")] = 250,
    worlds: Annotated[Path | None, typer.Option(help="Folder of world files (default: the ones Fabula ships).")] = None,
    skip_faulty: Annotated[bool, typer.Option(help="Leave out worlds that cannot be told.")] = False,
    samples: Annotated[bool, typer.Option(help="Print sample rows.")] = False,
) -> None:
    """Tokenise training rows of the corpora and of the story worlds."""
    from finetune.data.build import build_corpora, build_worlds
    from finetune.tokenizer import load_tokenizer

    with _plain_errors():
        if part not in {"corpora", "worlds", "all"}:
            raise typer.BadParameter("choose corpora, worlds or all")
        known = load_tokenizer(tokenizer)
        if part != "worlds":
            _report(build_corpora(slotted, out / "corpora", known), samples)
        if part != "corpora":
            _report(build_worlds(out / "worlds", known, stories, folder=worlds, skip_faulty=skip_faulty), samples)


@train_app.command("tokenizer")
def tokenizer_command(
    slotted: Path = RUNS / "data" / "slotted.jsonl",
    out: Annotated[Path, typer.Option(help="Folder for tokenizer.json.")] = RUNS / "tokenizer",
    vocabulary: int = 4096,
) -> None:
    """Train the bundled model's tokenizer on the worlds and the corpora."""
    from finetune.data.build import tokenizer_texts
    from finetune.tokenizer import save_tokenizer, train_tokenizer

    with _plain_errors():
        save_tokenizer(train_tokenizer(tokenizer_texts(slotted), vocabulary), out)
        typer.echo(f"{out / 'tokenizer.json'} has {vocabulary} tokens")


@train_app.command("pretrain")
def pretrain_command(
    config: Annotated[Path, typer.Option(help="Recipe (YAML).")] = Path("finetune/configs/pretrain_small.yaml"),
    run: Annotated[Path, typer.Option(help="Folder for checkpoints, metrics and the model.")] = RUNS / "pretrain",
    minutes: Annotated[float | None, typer.Option(help="Train for this long instead.")] = None,
    steps: Annotated[int | None, typer.Option(help="Train for this many steps instead of by time.")] = None,
    init: Annotated[Path | None, typer.Option(help="Run folder whose weights to start from.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Peak learning rate instead.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw or muon.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the run folder.")] = False,
) -> None:
    """Pretrain the bundled model, or continue a stage of it."""
    from finetune.config import load_config

    with _plain_errors():
        recipe = load_config(
            config, minutes=minutes, steps=steps, init=init, learning_rate=learning_rate, optimizer=optimizer
        )
        from finetune.pretrain import pretrain

        for name, value in pretrain(recipe, run, resume).items():
            typer.echo(f"perplexity, {name:24} {value:8.2f}")


@app.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="A finished run, or a Hugging Face folder.")],
    out: Annotated[Path, typer.Argument(help="Folder for the packed model.")],
) -> None:
    """Pack a trained model for the embedded engine."""
    from agents.engines.packed import pack

    with _plain_errors():
        pack(run / "model" if (run / "model").is_dir() else run, out, "slots")
        typer.echo(f"packed into {out}")
