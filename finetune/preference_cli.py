"""``fabula data pairs`` and ``fabula train ablate``: from scored responses to pairs, and to the table of an ablation.

Invariant: importing this module imports nothing heavy; every command can be given again and does only what is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from finetune.command_errors import plain_errors

Opt = typer.Option
GRID: Final = Path(__file__).with_name("configs") / "ablate_ddpo.yaml"
_SELECT = "gap: every two responses; best_worst: one pair a prompt; divpo: one, chosen for diversity."


def pairs_command(
    responses: Annotated[Path, typer.Argument(metavar="RESPONSES", help="Data set of responses with scores.")],
    *,
    out: Annotated[Path, Opt("--out", "-o", help="Folder of the pairs; it appears when it is whole.")],
    select: Annotated[str, Opt(help=_SELECT)] = "gap",
    gap: Annotated[float, Opt(help="Least difference of the two scores.")] = 5.0,
    rho: Annotated[
        float, Opt(help="DivPO: how far from the best or worst score, as a share of their distance.")
    ] = 0.25,
    measure: Annotated[str, Opt(help="DivPO: deviation in semantic, style or both.")] = "both",
    count: Annotated[int | None, Opt("--responses", help="Take no more responses of a prompt than this.")] = None,
    most: Annotated[int | None, Opt(help="Take no more pairs of a prompt than this.")] = None,
    semantic: Annotated[str, Opt(help="Embedder: semantic (offline), semantic-paper, or a folder or id.")] = "semantic",
    style: Annotated[str, Opt(help="Embedder: style (offline), style-paper, or a folder or id.")] = "style",
    trust_remote_code: Annotated[
        bool, Opt("--trust-remote-code", help="Run code that an embedder brings along.")
    ] = False,
    cache: Annotated[Path, Opt(help="File that keeps the embeddings.")] = Path("runs/embeddings.sqlite"),
    seed: int = 17,
    replace: Annotated[bool, Opt("--replace", help="Build pairs that are there already anew.")] = False,
) -> None:
    """Make preference pairs of scored responses, with the deviation of each chosen one (for ddpo, dorpo and divpo)."""
    from finetune.build.pairs import PairPlan, build_pairs
    from finetune.config import checked

    with plain_errors():
        said: dict[str, Any] = {
            "select": select, "gap": gap, "rho": rho, "measure": measure, "responses": count, "most": most,
            "semantic": semantic, "style": style, "trust_remote_code": trust_remote_code, "seed": seed,
        }  # fmt: skip
        index = build_pairs(responses, out, checked(PairPlan, said, "fabula data pairs"), cache=cache, replace=replace)
        found, counts = index["pairs"], index["counts"]
        typer.echo(
            f"{out}: {counts['train']:,} pairs to train on, {counts['held']:,} held out, of {found['prompts']:,} prompts"
        )
        for name, number in found["left_out"].items():
            typer.echo(f"left out: {number:,} {name}")
        shares = ", ".join(f"{name} {share:.0%}" for name, share in found["share_of_delta_0"].items())
        typer.echo(f"chosen responses that weigh 0 (delta_min lifts them): {shares}")


def ablate_command(
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings that win over the file's.")
    ] = None,
    *,
    config: Annotated[Path, Opt(help="The ablation (YAML).", show_default=f"finetune/configs/{GRID.name}")] = GRID,
    run: Annotated[Path, Opt(help="Folder for the pairs, the runs and the table.")] = Path("runs/ablation"),
    dry_run: Annotated[bool, Opt("--dry-run", help="Print what would be run, and do nothing.")] = False,
) -> None:
    """Train a grid: responses a prompt, semantic/style/both, floor of the weights. Goes on where it stopped."""
    from finetune.ablate import COLUMNS, ablate, cells, load_ablation, recipe_of, table

    with plain_errors():
        plan = load_ablation(config, changes or [])
        if dry_run:
            for cell in cells(plan):
                recipe = recipe_of(plan, cell, run / cell.pairs)
                done = " (done)" if (run / cell.name / "result.json").is_file() else ""
                typer.echo(f"{cell.name:24} {recipe.method}, {recipe.data}{done}")
            return
        from finetune.recipes.quiet import hush

        hush()
        rows = table(ablate(plan, run, say=typer.echo))
        widths = [max(len(line[place]) for line in [list(COLUMNS), *rows]) for place in range(len(COLUMNS))]
        for line in [list(COLUMNS), *rows]:
            typer.echo("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))
        typer.echo(f"kept in {run / 'ablation.md'}; compare the texts with fabula eval")


def register(data_app: typer.Typer, train_app: typer.Typer) -> None:
    """Put the commands beside those of the other data sets and methods."""
    data_app.command("pairs")(pairs_command)
    train_app.command("ablate")(ablate_command)
