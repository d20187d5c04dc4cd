"""The ablation runner: its grid, what it finds again, what it says of a cell that fails; and the commands and recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from finetune.ablate import COLUMNS, Ablation, ablate, cells, load_ablation, recipe_of
from finetune.build.pairs import PairPlan
from finetune.cli import app
from finetune.data.folder import DataFolder, load_index
from finetune.recipes.methods import METHODS
from finetune.recipes.settings import Recipe, load_recipe
from prompts.errors import InputError

CONFIGS = Path(__file__).parents[2] / "finetune" / "configs"
PREFERENCE = ("dpo", "ddpo", "divpo", "orpo", "dorpo")
HOW = "slept ran laughed waited cried sang was_told had_gone".replace("_", " ").split()


def responses(out: Path, prompts: int = 12) -> Path:
    """Prompts with six scored responses each; of the first prompt only one."""
    with DataFolder(out, "responses", held=0.3) as folder:
        for number in range(prompts):
            told = [
                {
                    "text": f"{'She ' * (n + 1)}{HOW[(n + number) % 8]}, and I {HOW[n]} {'!?.;,:'[n]} Again.",
                    "score": 7 * n,
                }
                for n in range(6 if number else 1)
            ]
            folder.add({"prompt": f"Tell of night {number}.", "responses": told, "group": f"g{number}", "source": "s"})
        folder.finish()
    return out


@pytest.fixture
def plan(tmp_path: Path) -> Ablation:
    return Ablation.model_validate(
        {
            "data": responses(tmp_path / "responses"), "pairs": {"semantic": "style"}, "changes": ["steps=2"],
            "grid": {"responses": [3, None], "deviation": ["style", "both"], "delta_min": [0.0, 0.2]},
        }
    )  # fmt: skip


class Trainer:
    """Stands for training: notes what it was asked and writes what a finished run has; stops at ``stop``."""

    def __init__(self, stop: str = "", error: BaseException | None = None) -> None:
        self.asked: list[tuple[str, str, bool]] = []
        self.stop, self.error = stop, error

    def __call__(self, recipe: Recipe, run: Path, resume: bool) -> dict[str, Any]:
        self.asked.append((recipe.method, run.name, resume))
        run.mkdir(exist_ok=True)
        (run / "run.json").write_text("{}")
        if run.name == self.stop and self.error:
            raise self.error
        result = {"step": 2, "loss": 0.5, "eval_loss": 0.625}
        (run / "result.json").write_text(json.dumps(result))
        (run / "metrics.jsonl").write_text('{"step": 2, "eval_rewards/accuracies": 0.75}\n')
        return result


def test_the_grid_is_every_combination_with_a_plain_run_for_each_number_of_responses(plan: Ablation) -> None:
    names = [cell.name for cell in cells(plan)]
    assert names[:5] == ["n3-plain", "n3-style-min0", "n3-style-min0.2", "n3-both-min0", "n3-both-min0.2"]
    assert names[5] == "nall-plain"
    assert len(names) == len(set(names)) == 10


def test_each_cell_has_its_own_weights_and_the_plain_one_none(plan: Ablation) -> None:
    found = {cell.name: recipe_of(plan, cell, Path("pairs")) for cell in cells(plan)}
    plain, weighted = found["n3-plain"], found["n3-both-min0.2"]
    assert (plain.method, weighted.method) == ("dpo", "ddpo")
    assert weighted.model_dump() | {"method": "dpo"} == plain.model_dump() | {"deviation": "both", "delta_min": 0.2}
    assert plain.steps == 2
    dorpo = plan.model_copy(update={"method": "dorpo"})
    assert recipe_of(dorpo, next(cells(dorpo)), Path("pairs")).method == "orpo"


def test_a_stopped_ablation_goes_on_and_does_nothing_twice(plan: Ablation, tmp_path: Path) -> None:
    folder = tmp_path / "ablation"
    stopped = Trainer("n3-both-min0", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ablate(plan, folder, stopped, lambda line: None)
    assert len(json.loads((folder / "ablation.json").read_text())["rows"]) == 3
    before = {path: path.stat().st_mtime_ns for path in (folder / "pairs-3").rglob("*")}
    again = Trainer()
    rows = ablate(plan, folder, again, lambda line: None)
    assert again.asked[0] == ("ddpo", "n3-both-min0", True)
    assert not any(resume for _, _, resume in again.asked[1:])
    assert len(again.asked) == 7
    assert {path: path.stat().st_mtime_ns for path in (folder / "pairs-3").rglob("*")} == before
    assert [row["run"] for row in rows] == [cell.name for cell in cells(plan)]
    nothing = Trainer()
    assert ablate(plan, folder, nothing, lambda line: None) == rows
    assert nothing.asked == []


def test_the_table_says_what_each_run_came_to(plan: Ablation, tmp_path: Path) -> None:
    rows = {row["run"]: row for row in ablate(plan, tmp_path / "a", Trainer(), lambda line: None)}
    few, all_of_them = (load_index(tmp_path / "a" / name)["pairs"] for name in ("pairs-3", "pairs-all"))
    assert few["plan"]["responses"] == 3
    assert few["pairs"] == 11 * 3
    assert all_of_them["pairs"] == 11 * 15
    one = rows["n3-style-min0"]
    assert (one["pairs"], one["steps"], one["held-out loss"], one["accuracy"]) == (33, 2, 0.625, 0.75)
    assert one["weights of 0"] > 0 == rows["n3-style-min0.2"]["weights of 0"] == rows["n3-plain"]["weights of 0"]
    lines = (tmp_path / "a" / "ablation.md").read_text().splitlines()
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    assert len(lines) == 12


def test_a_cell_that_fails_hinders_no_other_and_is_named_at_the_end(plan: Ablation, tmp_path: Path) -> None:
    broken = Trainer("nall-plain", InputError("There was not enough memory."))
    with pytest.raises(InputError, match=r"1 of 10 runs failed \(nall-plain\)"):
        ablate(plan, tmp_path / "a", broken, lambda line: None)
    assert len(broken.asked) == 10
    assert "nall-plain failed: There was not enough memory." in (tmp_path / "a" / "ablation.md").read_text()


def test_a_folder_of_another_ablation_is_refused_but_its_grid_may_grow(plan: Ablation, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    ablate(plan, folder, Trainer(), lambda line: None)
    grown = plan.model_copy(update={"grid": plan.grid.model_copy(update={"responses": [2, 3, None]})})
    more = Trainer()
    ablate(grown, folder, more, lambda line: None)
    assert {name.split("-")[0] for _, name, _ in more.asked} == {"n2"}
    other = plan.model_copy(update={"pairs": PairPlan(gap=1, semantic="style")})
    with pytest.raises(InputError, match="another pairs; name another folder"):
        ablate(other, folder, Trainer(), lambda line: None)


def test_a_misspelt_setting_of_an_ablation_names_the_near_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("data: x\ngrid: {response: [4]}\npairs: {gapp: 5}\n")
    with pytest.raises(
        InputError, match=r"pairs.gapp \(did you mean gap\?\).*grid.response \(did you mean responses\?\)"
    ):
        load_ablation(path, [])


@pytest.mark.parametrize("method", PREFERENCE)
def test_the_recipes_have_the_settings_of_the_paper_and_say_how_they_are_launched(method: str) -> None:
    path = CONFIGS / f"{method}_lora.yaml"
    first = path.read_text().splitlines()[0]
    assert first == f"# fabula train {method} --config finetune/configs/{method}_lora.yaml --run runs/{method}"
    recipe: Any = load_recipe(METHODS[method].settings, path, method=method)
    assert (recipe.lora.rank, recipe.lora.alpha, recipe.learning_rate) == (128, 256, 5e-6)
    assert recipe.epochs == (4 if method.endswith("orpo") else 3)
    assert (recipe.odds_weight if method.endswith("orpo") else recipe.beta) == (
        0.25 if method.endswith("orpo") else 0.1
    )
    with pytest.raises(
        InputError, match="deviaton.*did you mean deviation" if method in ("ddpo", "dorpo") else "deviaton"
    ):
        load_recipe(METHODS[method].settings, path, ["deviaton=both"], method)


def test_the_ablation_of_the_paper_parses_and_shows_its_runs_without_doing_them(tmp_path: Path) -> None:
    path = CONFIGS / "ablate_ddpo.yaml"
    assert path.read_text().startswith(
        "# fabula train ablate --config finetune/configs/ablate_ddpo.yaml --run runs/ablation\n"
    )
    done = CliRunner().invoke(
        app, ["train", "ablate", "--config", str(path), "--run", str(tmp_path / "a"), "--dry-run"]
    )
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) == 28
    assert "n16-both-min0.1" in done.output
    assert not (tmp_path / "a").exists()
    assert set(yaml.safe_load(path.read_text())) <= set(Ablation.model_fields)


def test_pairs_are_made_from_the_command_line(tmp_path: Path) -> None:
    source, out = responses(tmp_path / "responses"), tmp_path / "pairs"
    given = [
        "data",
        "pairs",
        str(source),
        "--out",
        str(out),
        "--semantic",
        "style",
        "--cache",
        str(tmp_path / "c.sqlite"),
    ]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    assert "of 12 prompts" in done.output
    assert "left out: 1 prompts with one response" in done.output
    again = CliRunner().invoke(app, given)
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    bad = CliRunner().invoke(app, [*given, "--replace", "--select", "best"])
    assert (bad.exit_code, "select" in bad.output, "Traceback" in bad.output) == (2, True, False)


@pytest.mark.torch
@pytest.mark.parametrize("method", PREFERENCE)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_recipe_can_be_run_dry_on_pairs_of_one_s_own(tmp_path: Path, method: str) -> None:
    pytest.importorskip("trl")
    from finetune.build.pairs import build_pairs

    chosen = PairPlan(semantic="style", select="divpo" if method == "divpo" else "gap")
    build_pairs(responses(tmp_path / "responses"), tmp_path / "pairs", chosen)
    given = ["train", method, "--dry-run", f"data={tmp_path / 'pairs'}", "base=bundled"]
    done = CliRunner().invoke(app, [*given, *([] if method.endswith("orpo") else ["adapter=null"])])
    assert done.exit_code == 0, done.output
    assert "preference rows" in done.output
    assert "rank 128" in done.output


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_ablation_trains_for_true(tmp_path: Path, plan: Ablation) -> None:
    pytest.importorskip("trl")
    from tiny_models import save_model

    changes = [
        f"base={save_model(tmp_path / 'base')}", "adapter=null", "steps=2", "lora.rank=4", "max_length=128", "log_every=1",
        "gradient_checkpointing=false", "batch_size=2", "accumulate=1", "threads=1",
    ]  # fmt: skip
    small = plan.model_copy(update={"changes": changes, "grid": plan.grid.model_copy(update={
        "responses": [3], "deviation": ["both"], "delta_min": [0.2]})})  # fmt: skip
    rows = ablate(small, tmp_path / "a", say=lambda line: None)
    assert [row["run"] for row in rows] == ["n3-plain", "n3-both-min0.2"]
    assert all(row["steps"] == 2 and row["held-out loss"] > 0 and 0 <= row["accuracy"] <= 1 for row in rows)
