"""``fabula data responses``, ``data pairs`` and ``train ablate``: from prompts to scored responses, pairs and an ablation.

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


def responses_command(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Data set with generator rows in slots.")],
    *,
    out: Annotated[Path, Opt("--out", "-o", help="Folder of the responses; it appears when it is whole.")],
    model: Annotated[
        str, Opt(help="Who writes: bundled, a packed folder, server:URL#MODEL, offline:MODEL.")
    ] = "bundled",
    judge: Annotated[str, Opt(help="Whose likelihood is sense: bundled, a packed folder, offline:MODEL.")] = "bundled",
    most: Annotated[int, Opt(min=0, help="Prompts, drawn from all; 0 takes every one.")] = 0,
    tokens: Annotated[int, Opt(min=8, help="Tokens of a response, at most.")] = 128,
    seed: int = 17,
    replace: Annotated[bool, Opt("--replace", help="Write responses that are there already anew.")] = False,
) -> None:
    """Let a model write eight responses to each prompt, and score them by code: what pairs are made of.

    A stopped run goes on with the same command; what is drawn is kept beside the folder.
    """
    from finetune.build.sampled import DrawPlan, draw_responses
    from finetune.judge.speaker import open_named

    with plain_errors():
        kept = out.with_name(f"{out.name}.drawn.jsonl")
        plan = DrawPlan(tokens=tokens, most=most, seed=seed)
        engine = open_named(model)
        other = engine if judge == model else open_named(judge)
        try:
            index = draw_responses(
                data, out, plan, engine=engine, judge=other, kept=kept, say=typer.echo, replace=replace
            )
        except KeyboardInterrupt:
            typer.echo(f"Stopped; what was drawn is kept in {kept}. The same command goes on.", err=True)
            raise typer.Exit(130) from None
        finally:
            engine.close()
            other.close()
        typer.echo(f"{out}: {index['counts']['train']:,} prompts with their responses; kept: {kept}")


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
    data_app.command("responses")(responses_command)
    data_app.command("pairs")(pairs_command)
    train_app.command("ablate")(ablate_command)
