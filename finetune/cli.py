"""The commands of training: ``python -m finetune model|data|train|measure|evaluate|export|card|verify``.

``fabula data`` and ``fabula train`` are the same commands. Invariant: importing this module imports neither torch nor
transformers; each command imports what it needs, and what is not installed is said in one sentence.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from finetune.command_errors import plain_errors as _plain_errors
from finetune.data_cli import register as register_data
from finetune.eval_cli import judge_models
from finetune.preference_cli import register as register_preference
from finetune.study_cli import study_app
from finetune.train_cli import add_export, add_methods

_HELP: dict[str, Any] = {"help_option_names": ["--help", "-h"]}
_OPTIONS: dict[str, Any] = {"no_args_is_help": True, "add_completion": False, "context_settings": _HELP}
app = typer.Typer(**_OPTIONS, help="Build training data, train Fabula's models, write their cards.")
data_app = typer.Typer(**_OPTIONS, help="Build data sets to train on.")
train_app = typer.Typer(**_OPTIONS, help="Train a model: a method, its recipe, and settings.")
export_app = typer.Typer(add_completion=False, context_settings=_HELP)
measure_app = typer.Typer(**_OPTIONS, help="Measure the training material.")
register_data(data_app)
add_methods(train_app)
add_export(export_app)
register_preference(data_app, train_app)
app.add_typer(data_app, name="data")
app.add_typer(train_app, name="train")
app.add_typer(measure_app, name="measure")
app.add_typer(study_app, name="study")
app.command("eval")(judge_models)
eval_app = typer.Typer(add_completion=False, context_settings=_HELP)
eval_app.command()(judge_models)

RUNS = Path("runs")
SMALL = Path("agents/models/small")
CORPORA = "tinystories,african_storybook,pratham_books,fairytaleqa,gutenberg_fiction"
EXTRA = ("torch", "transformers", "matplotlib")
CorporaOption = Annotated[
    Path | None, typer.Option(help="Folder of the corpora (xz-packed JSON lines with text, source, licence).")
]


def need_extra() -> None:
    """Raises ``ModuleNotFoundError`` now, not after an hour of building data."""
    from importlib.util import find_spec

    for name in EXTRA:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _report(index: dict[str, Any], samples: bool) -> None:
    for name, count in index["counts"].items():
        typer.echo(f"{name:28} {count:>10,}")
    if samples:
        for task, texts in index["samples"].items():
            typer.echo(f"\n== {task}")
            typer.echo("\n\n".join(texts))


@app.command("model")
def model(
    *,
    corpora: CorporaOption = None,
    minutes: Annotated[list[float] | None, typer.Option(help="Length of a stage; once for each, in order.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the packed model and its card.")] = SMALL,
    config: Annotated[str, typer.Option(help="small (six stages on a CPU), gpu (one), or a YAML file.")] = "small",
    worlds_only: Annotated[bool, typer.Option(help="Train in one stage on the story worlds alone.")] = False,
    work: Annotated[Path, typer.Option(help="Folder for data, tokenizer and runs.")] = RUNS,
    preferred: Annotated[
        int,
        typer.Option(
            min=0, help="Prompts of a preference step (DDPO), eight responses each; the shipped model has none."
        ),
    ] = 0,
) -> None:
    """Rebuild the bundled model: data, tokenizer, training, export, evaluation, card. Goes on where it stopped."""
    with _plain_errors():
        need_extra()
        from finetune.rebuild import Plan, rebuild

        plan = Plan(
            out=out, work=work, corpora=corpora, config=config, minutes=tuple(minutes or ()),
            worlds_only=worlds_only, preferred=preferred,
        )  # fmt: skip
        rebuild(plan, typer.echo)


@data_app.command("corpora")
def corpora_command(
    sources: Annotated[str, typer.Option(help="Corpora to read, parted by commas.", show_default="all five")] = CORPORA,
    out: Annotated[Path, typer.Option(help="Where the slotted stories go.")] = RUNS / "data" / "slotted.jsonl",
    corpora: CorporaOption = None,
) -> None:
    """For the bundled model: read the corpora, names become slots (about a minute)."""
    from finetune.data.build import slot_corpora

    with _plain_errors():
        counts, broken = slot_corpora(sources.split(","), out, corpora)
        for name, count in sorted(counts.items()):
            typer.echo(f"{name:28} {count:>10,}")
        for line in broken:
            typer.echo(f"left out: {line}", err=True)


@data_app.command("build")
def build(
    part: Annotated[str, typer.Argument(help="corpora, worlds, varied, stories, all; plain, prompts")] = "all",
    *,
    slotted: Path = RUNS / "data" / "slotted.jsonl",
    tokenizer: Path = RUNS / "tokenizer",
    out: Path = RUNS / "data",
    stories: Annotated[int, typer.Option(help="Stories told in each world.")] = 250,
    worlds: Annotated[Path | None, typer.Option(help="Folder of world files (default: the ones Fabula ships).")] = None,
    skip_faulty: Annotated[bool, typer.Option(help="Leave out worlds that cannot be told.")] = False,
    samples: Annotated[bool, typer.Option(help="Print sample rows.")] = False,
) -> None:
    """For the bundled model: tokenise rows of the corpora, of the story worlds and of our own stories."""
    from finetune.data import build as made
    from finetune.tokenizer import load_tokenizer

    with _plain_errors():
        if part not in {"corpora", "worlds", "varied", "stories", "plain", "prompts", "all"}:
            raise typer.BadParameter("choose corpora, worlds, varied, stories or all; or plain or prompts")
        known = load_tokenizer(tokenizer)
        if part in {"corpora", "all"}:
            _report(made.build_corpora(slotted, out / "corpora", known), samples)
        if part in {"worlds", "all"}:
            _report(made.build_worlds(out / "worlds", known, stories, folder=worlds, skip_faulty=skip_faulty), samples)
        if part in {"varied", "all"}:
            _report(made.build_varied(out / "varied", known, folder=worlds), samples)
        if part in {"stories", "all"}:
            _report(made.build_own(out / "stories", known), samples)
        if part == "plain":
            _report(made.build_plain(out / "plain", known), samples)
        if part == "prompts":
            counts = made.build_prompts(out / "prompts", made.token_counter(known), replace=True)["counts"]
            typer.echo(f"{out / 'prompts'}: {counts['train']:,} prompts")


@train_app.command("tokenizer")
def tokenizer_command(
    slotted: Path = RUNS / "data" / "slotted.jsonl",
    out: Annotated[Path, typer.Option(help="Folder for tokenizer.json.")] = RUNS / "tokenizer",
    vocabulary: int = 4096,
    worlds_only: Annotated[bool, typer.Option(help="Learn from the story worlds alone.")] = False,
) -> None:
    """Train the bundled model's tokenizer on the worlds and the corpora."""
    from finetune.data.build import tokenizer_texts
    from finetune.tokenizer import save_tokenizer, train_tokenizer

    with _plain_errors():
        save_tokenizer(train_tokenizer(tokenizer_texts(None if worlds_only else slotted), vocabulary), out)
        typer.echo(f"{out / 'tokenizer.json'} has {vocabulary} tokens")


@train_app.command("pretrain")
def pretrain_command(
    *,
    config: Annotated[Path, typer.Option(help="Recipe: a YAML file, or the name of one of Fabula's.")] = Path(
        "pretrain_small"
    ),
    run: Annotated[Path, typer.Option(help="Folder for checkpoints, metrics and the model.")] = RUNS / "pretrain",
    minutes: Annotated[float | None, typer.Option(help="Train for this long instead.")] = None,
    steps: Annotated[int | None, typer.Option(help="Train for this many steps instead of by time.")] = None,
    init: Annotated[Path | None, typer.Option(help="Run folder whose weights to start from.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--lr", help="Peak learning rate instead.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw or muon.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint, with the run's own settings.")] = False,
) -> None:
    """Pretrain the bundled model, or continue a stage of it."""
    from finetune.config import kept_config, load_config

    with _plain_errors():
        changes = {
            "minutes": minutes, "steps": steps, "init": init, "learning_rate": learning_rate, "optimizer": optimizer
        }  # fmt: skip
        recipe = kept_config(run, **changes) if resume else load_config(config, **changes)
        from finetune.pretrain import pretrain

        for name, value in pretrain(recipe, run, resume).items():
            typer.echo(f"perplexity, {name:24} {value:8.2f}")


@measure_app.command("worlds")
def measure_command(
    stories: Annotated[int, typer.Option(help="Stories told, shared out among the worlds.")] = 20_000,
    out: Annotated[Path, typer.Option(help="Where the counts go (JSON).")] = RUNS / "worlds.json",
    worlds: Annotated[Path | None, typer.Option(help="Folder of world files.")] = None,
) -> None:
    """Count the different paragraphs, sentences, word runs and openings that the story worlds tell."""
    from finetune.measure import measure_worlds
    from finetune.worlds.model import load_worlds

    with _plain_errors():
        known = load_worlds(worlds)
        report = measure_worlds(known, range(max(1, stories // len(known)))).report()
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n")
        typer.echo(json.dumps(report, indent=1))


@app.command("evaluate")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A packed model, or a run.")] = SMALL,
    data: Annotated[Path, typer.Option(help="Folder of the data sets (for a packed model).")] = RUNS / "data",
    out: Annotated[Path, typer.Option(help="Where a packed model's perplexities go.")] = RUNS / "packed.json",
    rows: Annotated[int, typer.Option(help="Rows of every data set and task (for a packed model).")] = 150,
) -> None:
    """Held-out perplexity: of a run's last checkpoint, or of a packed model through the engine that runs it."""
    from finetune.data.shards import has_rows
    from finetune.evaluate import evaluate_packed

    with _plain_errors():
        if (folder / "run.json").is_file():
            from finetune.pretrain import evaluate_run

            found = evaluate_run(folder)
        else:
            sets = [data / name for name in ("worlds", "corpora") if has_rows(data / name / "held")]
            found = evaluate_packed(folder, sets, rows)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(found, indent=1) + "\n")
        for name, value in found.items():
            typer.echo(f"perplexity, {name:24} {value:8.2f}")


@app.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="A finished run, or a Hugging Face folder.")],
    out: Annotated[Path, typer.Argument(help="Folder for the packed model.")],
) -> None:
    """Pack a trained model for the embedded engine."""
    from agents.engines.packed import pack

    with _plain_errors():
        from finetune.records import read_stories
        from finetune.stories.model import written
        from finetune.worlds.model import load_worlds
        from finetune.worlds.themes import write_themes
        from finetune.worlds.vocabulary import write_vocabulary

        pack(run / "model" if (run / "model").is_dir() else run, out, "slots")
        worlds = load_worlds()
        write_vocabulary(worlds, out, written() if read_stories(run) else ())
        write_themes(worlds, out)
        typer.echo(f"packed into {out}")


@app.command("card")
def card(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN... MODEL_FOLDER", help="Its runs in order, then it.")],
    measures: Annotated[Path, typer.Option(help="Result of `measure worlds`; used if there.")] = RUNS / "worlds.json",
    packed: Annotated[Path, typer.Option(help="Result of `evaluate`; used if there.")] = RUNS / "packed.json",
    worth: Annotated[Path, typer.Option(help="Result of `benchmarks.model --json`; used if there.")] = RUNS
    / "model.json",
) -> None:
    """Write the model card and the loss curve from the records of the runs."""
    from finetune.card import write_card

    with _plain_errors():
        if len(paths) < 2:
            raise typer.BadParameter("give at least one run and the model folder")
        typer.echo(write_card(paths[:-1], paths[-1], measures, packed, worth))


@app.command("verify")
def verify(folder: Annotated[Path, typer.Argument(help="A packed model with its card.")] = SMALL) -> None:
    """Compare the model's files with the hashes in fabula.json and on its card."""
    from finetune.card import verify as compare

    with _plain_errors():
        typer.echo(f"as made: {', '.join(compare(folder))}")
