"""Recipes are read strictly, and what surrounds a run (checkpoints, curves, faults) needs no torch to be tested."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from finetune.cli import app
from finetune.recipes import checkpoints, curves
from finetune.recipes.faults import plain_faults
from finetune.recipes.methods import METHODS
from finetune.recipes.settings import Recipe, Seq2Seq, Sft, kept_recipe, load_recipe, with_changes
from prompts.errors import InputError

CONFIGS = Path(__file__).parents[2] / "finetune" / "configs"
RECIPES = sorted(path for path in CONFIGS.glob("*.yaml") if not path.name.startswith(("pretrain", "ablate")))
RUN = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("method: sft\nbase: bundled\ndata: rows\nlora: {rank: 8, alpha: 16}\n")
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_parses_and_begins_with_its_launch_command(path: Path) -> None:
    method = yaml.safe_load(path.read_text())["method"]
    recipe = load_recipe(METHODS[method].settings, path, method=method)
    assert recipe.method == method
    first = path.read_text().splitlines()[0]
    assert first.startswith(f"# fabula train {method} --config finetune/configs/{path.name} --run runs/")


@pytest.mark.parametrize("path", sorted((CONFIGS / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_accelerate_file_names_a_recipe_that_is_there(path: Path) -> None:
    first, settings = path.read_text().splitlines()[0], yaml.safe_load(path.read_text())
    command = first.split()
    assert command[1:5] == ["accelerate", "launch", "--config_file", f"finetune/configs/accelerate/{path.name}"]
    assert (CONFIGS.parents[1] / command[command.index("--config") + 1]).is_file()
    stage = settings.get("deepspeed_config", {}).get("zero_stage")
    assert stage == (int(path.stem[-1]) if path.stem.startswith("zero") else None)


def test_every_method_has_a_recipe_of_its_own() -> None:
    assert {"sft", "seq2seq"} <= METHODS.keys()
    for name, method in METHODS.items():
        assert yaml.safe_load((CONFIGS / f"{method.config}.yaml").read_text())["method"] == name


def test_what_is_typed_wins_with_the_types_of_yaml(config: Path) -> None:
    changes = ["lora.rank=4", "learning_rate=1e-4", "tasks=[generator, title]", "steps=7", "packing=true", "revision=2"]
    recipe = load_recipe(Sft, config, changes, "sft")
    assert (recipe.lora.rank, recipe.lora.alpha) == (4, 16)
    assert (recipe.learning_rate, recipe.steps, recipe.packing) == (1e-4, 7, True)
    assert (recipe.tasks, recipe.revision) == (["generator", "title"], "2")
    before = {"lora": {"rank": 1}}
    assert with_changes(before, ["lora.rank=2"]) == {"lora": {"rank": 2}}
    assert before == {"lora": {"rank": 1}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("lora.rnk=4", "there is no setting lora.rnk (did you mean rank?)"),
        ("learning_rat=1", "there is no setting learning_rat (did you mean learning_rate?)"),
        ("rank=4", "there is no setting rank"),
        ("lora.rank=0", "lora.rank: input should be greater than or equal to 1"),
        ("steps=many", "steps: input should be a valid integer"),
        ("steps", "'steps' sets nothing: write key=value"),
        ("=4", "'=4' sets nothing"),
        ("tasks=[a", "is not a YAML value"),
        ("base=", "base is empty"),
        ("style=talk", "style: input should be 'plain' or 'chat'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(config: Path, change: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(Sft, config, [change], "sft")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_belong_together_is_refused(config: Path) -> None:
    with pytest.raises(InputError, match="goes on training an adapter"):
        load_recipe(Sft, config, ["tuning=full", "adapter=runs/a"], "sft")
    with pytest.raises(InputError, match="is a recipe of sft: run fabula train sft"):
        load_recipe(Seq2Seq, config, method="seq2seq")
    with pytest.raises(InputError, match="no chat template"):
        load_recipe(Seq2Seq, CONFIGS / "sft_seq2seq.yaml", ["style=chat"], "seq2seq")


def test_a_run_keeps_its_recipe_and_takes_changes(config: Path, tmp_path: Path) -> None:
    recipe = load_recipe(Sft, config, ["seed=5"], "sft")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"recipe": json.loads(recipe.model_dump_json())}))
    assert kept_recipe(Sft, tmp_path / "run", method="sft") == recipe
    assert kept_recipe(Sft, tmp_path / "run", ["batch_size=1"]).batch_size == 1
    with pytest.raises(InputError, match="There is no run to go on with"):
        kept_recipe(Sft, tmp_path / "none")


def test_a_mean_of_losses_is_never_cut_by_a_checkpoint() -> None:
    assert Recipe(data=Path("x"), log_every=10, save_every=25).saves_every == 30
    assert Recipe(data=Path("x"), log_every=5, save_every=25).saves_every == 25


def write_checkpoint(run: Path, step: int, whole: bool = True) -> Path:
    folder = run / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    if whole:
        checkpoints.seal(folder)
    return folder


def test_a_half_written_checkpoint_is_never_the_newest(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) is None
    first, second = write_checkpoint(tmp_path, 9), write_checkpoint(tmp_path, 10)
    half = write_checkpoint(tmp_path, 11, whole=False)
    assert checkpoints.newest(tmp_path) == second
    (second / "model.safetensors").write_bytes(b"weig")  # cut short after it was sealed
    assert checkpoints.newest(tmp_path) == first
    checkpoints.drop_broken(tmp_path)
    assert first.is_dir()
    assert not second.exists()
    assert not half.exists()


def test_older_checkpoints_go_only_for_newer_whole_ones(tmp_path: Path) -> None:
    kept = [write_checkpoint(tmp_path, step) for step in (2, 4, 6)]
    write_checkpoint(tmp_path, 8, whole=False)
    checkpoints.prune(tmp_path, 2)
    assert [path.exists() for path in kept] == [False, True, True]


class SafetensorError(Exception):
    """Named as the one that safetensors raises."""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_says_what_is_kept(error: Exception, tmp_path: Path) -> None:
    recipe = Recipe(data=tmp_path)
    with (
        pytest.raises(InputError, match=r"The disk of .* is full; make room and start with --resume"),
        plain_faults(recipe, tmp_path),
    ):
        raise error
    write_checkpoint(tmp_path, 3)
    half = write_checkpoint(tmp_path, 6, whole=False)
    with (
        pytest.raises(InputError, match="is full; checkpoint-3 is kept: make room and go on with --resume"),
        plain_faults(recipe, tmp_path),
    ):
        raise error
    assert not half.exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_too_little_memory_says_what_to_lower(error: Exception, tmp_path: Path) -> None:
    recipe = Recipe(data=tmp_path, batch_size=8, accumulate=2, max_length=1024)
    with pytest.raises(InputError) as caught, plain_faults(recipe, tmp_path):
        raise error
    for way in (
        "batch_size=4 accumulate=4",
        "max_length=512",
        "gradient_checkpointing=true",
        "tuning=qlora",
        "--resume",
    ):
        assert way in str(caught.value)
    least = Recipe(data=tmp_path, batch_size=1, tuning="qlora", gradient_checkpointing=True)
    with pytest.raises(InputError, match="go on with --resume and max_length=512"), plain_faults(least, tmp_path):
        raise error


def test_another_failure_comes_through_as_it_is(tmp_path: Path) -> None:
    for error in (RuntimeError("shapes do not match"), ValueError("no"), OSError(errno.EACCES, "Permission denied")):
        with pytest.raises(type(error)) as caught, plain_faults(Recipe(data=tmp_path), tmp_path):
            raise error
        assert caught.value is error


def test_curves_for_the_terminal_and_as_a_picture(tmp_path: Path) -> None:
    rows = [{"step": n, "loss": 8.0 - n} for n in range(8)] + [{"step": 7, "eval_loss": 3.5}]
    assert curves.lines(rows) == ["loss           8.000 █▇▆▅▄▃▂▁ 1.000", "held-out loss  3.500 ▁ 3.500"]
    assert len(curves.sparkline([1.0] * 500)) == 60
    assert curves.sparkline([]) == ""
    pytest.importorskip("matplotlib")
    curves.draw(rows, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000


def test_the_command_says_what_is_wrong_before_anything_heavy_is_loaded(config: Path) -> None:
    for line, says in [
        (["sft", "--config", str(config), "lora.rnk=8"], "did you mean rank?"),
        (["sft", "--config", "none.yaml"], "There is no settings file none.yaml"),
        (["sft", "--run", "none", "--resume"], "There is no run to go on with in none"),
    ]:
        result = RUN.invoke(app, ["train", *line])
        assert result.exit_code == 2
        assert says in result.stderr


def test_the_commands_of_training_load_no_torch() -> None:
    code = (
        "import sys, finetune.cli; print([m for m in ('torch', 'transformers', 'trl', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
