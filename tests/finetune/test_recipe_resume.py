"""A run that was killed, or whose disk filled up, goes on to the very losses of one that never stopped; so do two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import tiny_models
import transformers

from finetune.recipes import checkpoints
from finetune.recipes.progress import read_metrics
from finetune.recipes.running import train
from finetune.recipes.settings import Sft, kept_recipe, load_recipe
from prompts.errors import InputError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A recipe with dropout, so that random numbers matter, whose epoch ends in the midst of an interval."""
    base = tiny_models.save_model(tmp_path / "base")
    data = tiny_models.save_data(tmp_path / "rows", rows=70)
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"method: sft\nbase: {base}\ndata: {data}\ntuning: lora\nlora: {{rank: 8, alpha: 16, dropout: 0.3}}\nsteps: 60\n"
        "learning_rate: 1.0e-2\nbatch_size: 4\nmax_length: 64\nlog_every: 2\nsave_every: 5\nevaluate_every: 12\nthreads: 1\n"
    )
    return path


def quietly(recipe: Sft, run: Path, resume: bool = False) -> dict[str, Any]:
    return train(recipe, run, resume, say=lambda text: None)


def test_a_killed_run_goes_on_to_the_same_losses(config: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    line = [sys.executable, "-m", "finetune", "train", "sft", "--config", str(config), "--run", str(cut)]
    process = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (cut / "checkpoint-12" / checkpoints.NOTE).exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read().decode()
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cut / "result.json").exists()
    came_to = checkpoints.newest(cut)
    assert came_to is not None
    assert 12 <= checkpoints.step_of(came_to) < 60
    half = (
        cut / f"checkpoint-{checkpoints.step_of(came_to) + 6}"
    )  # as if the kill had come in the midst of the next one
    half.mkdir(exist_ok=True)
    (half / "trainer_state.json").write_text("{")
    with (cut / "metrics.jsonl").open("a") as file:
        file.write('{"step": 59, "loss": 0.0}\n{"step": 6')

    recipe = load_recipe(Sft, config, method="sft")
    with pytest.raises(InputError, match="holds a run already: go on with --resume"):
        quietly(recipe, cut)
    result = quietly(kept_recipe(Sft, cut, method="sft"), cut, resume=True)
    whole = quietly(recipe, tmp_path / "whole")
    assert read_metrics(cut) == read_metrics(tmp_path / "whole")
    assert len([row for row in read_metrics(cut) if "loss" in row]) == 30
    assert {**result, "seconds": 0} == {**whole, "seconds": 0}
    weights = [(run / "adapter" / "adapter_model.safetensors").read_bytes() for run in (cut, tmp_path / "whole")]
    assert weights[0] == weights[1]
    with pytest.raises(InputError, match="is done; name another folder"):
        quietly(recipe, cut, resume=True)
    with pytest.raises(InputError, match="There is no run to go on with"):
        quietly(recipe, tmp_path / "none", resume=True)


def test_a_full_disk_leaves_the_older_checkpoint_to_go_on_from(config: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    run, recipe = tmp_path / "run", load_recipe(Sft, config, ["steps=18"], "sft")
    (run / "checkpoint-12").mkdir(parents=True)
    (run / "checkpoint-12" / "optimizer.pt").symlink_to("/dev/full")
    with pytest.raises(InputError, match="is full; checkpoint-6 is kept: make room and go on with --resume"):
        quietly(recipe, run)
    assert not (run / "checkpoint-12").exists()
    quietly(recipe, run, resume=True)
    quietly(recipe, tmp_path / "whole")
    assert read_metrics(run) == read_metrics(tmp_path / "whole")


def test_other_data_is_no_way_to_go_on(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(Sft, config, ["steps=12"], "sft")

    def stop(*args: Any, **more: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(transformers.Trainer, "training_step", stop)
        with pytest.raises(InputError, match=r"not enough memory .* go on with --resume and batch_size=2 accumulate=2"):
            quietly(recipe, tmp_path / "run")
    smaller = kept_recipe(Sft, tmp_path / "run", ["batch_size=2", "accumulate=2"], "sft")
    rows = tmp_path / "rows" / "train" / "rows-00000.jsonl"
    before = rows.read_text()
    rows.write_text(before.replace("fox", "owl"))
    with pytest.raises(InputError, match=r"is not what .* began with"):
        quietly(smaller, tmp_path / "run", resume=True)
    rows.write_text(before)
    assert quietly(smaller, tmp_path / "run", resume=True)["step"] == 12


def test_nothing_of_a_checkpoint_is_unpickled(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    run, recipe = tmp_path / "run", load_recipe(Sft, config, ["steps=12"], "sft")
    real, seen = torch.load, []

    def load(*args: Any, **more: Any) -> Any:
        seen.append(more.get("weights_only"))
        return real(*args, **more)

    quietly(recipe, run)
    (run / "result.json").unlink()
    (run / "checkpoint-12" / checkpoints.NOTE).unlink()
    monkeypatch.setattr(torch, "load", load)
    quietly(recipe, run, resume=True)
    assert len(seen) >= 3  # optimizer, schedule, random numbers
    assert set(seen) == {True}


def test_two_processes_share_a_step(config: Path, tmp_path: Path) -> None:
    changes = ["steps=12", "batch_size=2", "lora.dropout=0"]
    run, several = tmp_path / "two", ROOT / "finetune" / "configs" / "accelerate" / "cpu.yaml"
    port = str(29600 + os.getpid() % 300)
    launch = ["-m", "accelerate.commands.launch", "--config_file", str(several), "--main_process_port", port]
    line = [*launch, "-m", "finetune", "train", "sft", "--config", str(config), "--run", str(run), *changes]
    done = subprocess.run(
        [sys.executable, *line], env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (run / "result.json").is_file()
    about = [path.name for path in sorted((run / "checkpoint-12").glob("rng_state*"))]
    assert about == ["rng_state_0.pth", "rng_state_1.pth"]
    assert done.stdout.count("step 12/12  loss") == 1  # one process speaks
    quietly(load_recipe(Sft, config, ["steps=12", "batch_size=4", "lora.dropout=0"], "sft"), tmp_path / "one")
    two, one = ([row["loss"] for row in read_metrics(path) if "loss" in row] for path in (run, tmp_path / "one"))
    assert two == pytest.approx(one, rel=0.02)
