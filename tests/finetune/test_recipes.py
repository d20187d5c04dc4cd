"""Every supervised recipe trains a tiny model, and what comes out can be loaded where it will be used."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("bitsandbytes")

import tiny_models
import torch
from rich.console import Console
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from typer.testing import CliRunner

from agents.engines.base import Prompt, Request, Sampling
from agents.engines.embedded import EmbeddedEngine
from finetune.cli import app
from finetune.recipes.dataset import IGNORED, encode, texts
from finetune.recipes.exporting import export_run
from finetune.recipes.models import count_parameters, load_tokenizer
from finetune.recipes.plan import plan
from finetune.recipes.progress import Recorder, read_metrics, spoken
from finetune.recipes.running import train
from finetune.recipes.settings import Recipe, Seq2Seq, Sft
from prompts.errors import InputError

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),  # peft asks transformers for it
]
CONFIGS = Path(__file__).parents[2] / "finetune" / "configs"
RECIPES = sorted(path for path in CONFIGS.glob("*.yaml") if not path.name.startswith(("pretrain", "ablate")))
SHORT: dict[str, Any] = {
    "steps": 12, "learning_rate": 1e-2, "batch_size": 4, "max_length": 64, "log_every": 2, "save_every": 4,
    "evaluate_every": 6, "threads": 1, "lora": {"rank": 8, "alpha": 16}, "warmup": 0,
}  # fmt: skip


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.save_data(tmp_path_factory.mktemp("rows") / "sft")


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    kinds = ("llama", "mistral", "qwen2", "gpt2", "t5")
    return {kind: tiny_models.save_model(folder / kind, kind, chat=kind == "qwen2") for kind in kinds}


def recipe_of(on: Path, rows: Path, **more: Any) -> Sft:
    return Sft(**{"method": "sft", "base": str(on), "data": rows, **SHORT, **more})


def losses(run: Path, key: str = "loss") -> list[tuple[int, float]]:
    return [(row["step"], row[key]) for row in read_metrics(run) if key in row]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {"tuning": "full"}),
        ("gpt2", {"tuning": "lora", "gradient_checkpointing": True}),
        ("mistral", {"tuning": "qlora"}),
        ("qwen2", {"tuning": "lora", "style": "chat"}),
        ("llama", {"tuning": "full", "packing": True}),
    ],
    ids=["llama-full", "gpt2-lora", "mistral-qlora", "qwen2-chat", "llama-packed"],
)
def test_a_causal_model_learns_and_is_exported(
    kind: str, more: dict[str, Any], bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", []
    recipe = recipe_of(bases[kind], data, **more)
    result = train(recipe, run, command="fabula train sft", say=said.append)
    found = losses(run)
    assert [step for step, _ in found] == [2, 4, 6, 8, 10, 12]
    assert found[-1][1] < found[0][1] - 0.1
    assert len(losses(run, "eval_loss")) == 2
    about = json.loads((run / "run.json").read_text())
    assert about["recipe"]["base"] == str(bases[kind])
    assert (about["command"], about["data"]["kind"]) == ("fabula train sft", "sft")
    assert len(about["data"]["hash"]) == 64
    assert about["versions"]["trl"].startswith("1.")
    full = recipe.tuning == "full"
    assert (about["parameters"]["trainable"] == about["parameters"]["all"]) is full
    assert result == json.loads((run / "result.json").read_text())
    assert (run / "loss.png").stat().st_size > 1000
    assert list((run / "tensorboard").glob("events*"))
    assert sorted(path.name for path in run.glob("checkpoint-*")) == ["checkpoint-12", "checkpoint-8"]
    assert any("left" in line for line in said)
    assert any("▁" in line for line in said)
    assert not list((run / ("model" if full else "adapter")).glob("*.bin"))

    merged = export_run(run, "merged")
    trained = load_file(merged / "model.safetensors")
    before = load_file(bases[kind] / "model.safetensors")
    assert any(not torch.equal(trained[name], before[name]) for name in before)
    model = AutoModelForCausalLM.from_pretrained(merged)
    tokens = AutoTokenizer.from_pretrained(merged)("the old lamp:", return_tensors="pt")
    assert model.generate(**tokens, max_new_tokens=3, do_sample=False).shape[1] > tokens["input_ids"].shape[1]
    if not full:
        from peft import PeftModel

        adapter = export_run(run)
        assert adapter.name == "export-adapter"
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(bases[kind]), adapter)


def test_an_encoder_decoder_learns_and_is_exported(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    for tuning in ("full", "lora", "qlora"):
        run = tmp_path / tuning
        recipe = Seq2Seq(
            **{"method": "seq2seq", "base": str(bases["t5"]), "data": data, "tuning": tuning, "max_target": 32, **SHORT}
        )
        train(recipe, run, say=lambda text: None)
        found = losses(run)
        assert found[-1][1] < found[0][1] - 0.1
        AutoModelForSeq2SeqLM.from_pretrained(export_run(run, "merged"))
        with pytest.raises(InputError, match="runs Llama models only"):
            export_run(run, "embedded")


def test_the_embedded_engine_runs_what_was_trained(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(recipe_of(bases["llama"], data, tuning="lora"), run, say=lambda text: None)
    folder = export_run(run, "embedded", tmp_path / "packed")
    engine = EmbeddedEngine(folder, threads=1)
    assert engine.style == "plain"
    assert len(engine.complete(Request(prompt=Prompt(text="the old lamp:"), sampling=Sampling(max_tokens=3), n=2))) == 2
    engine.close()
    with pytest.raises(InputError, match="is there already; give another --out, or --force"):
        export_run(run, "embedded", tmp_path / "packed")
    assert export_run(run, "embedded", tmp_path / "packed", force=True) == folder
    train(recipe_of(bases["gpt2"], data, tuning="full", steps=1, log_every=1), tmp_path / "gpt2", say=lambda text: None)
    with pytest.raises(InputError, match="embedded engine runs Llama models only"):
        export_run(tmp_path / "gpt2", "embedded")
    with pytest.raises(InputError, match="trained all weights and has no adapter"):
        export_run(tmp_path / "gpt2", "adapter")


def test_the_bundled_model_is_tuned_and_keeps_its_slots(data: Path, tmp_path: Path) -> None:
    more = {"base": "bundled", "tuning": "lora", "steps": 2, "log_every": 1, "evaluate_rows": 0}
    train(recipe_of(Path("x"), data, **more), tmp_path / "run", say=lambda text: None)
    assert losses(tmp_path / "run", "eval_loss") == []
    folder = export_run(tmp_path / "run", "embedded")
    engine = EmbeddedEngine(folder, threads=1)
    assert engine.style == "slots"
    engine.close()
    assert (folder / "themes.json").is_file()


def test_an_adapter_goes_on_from_another_run(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    train(recipe_of(bases["llama"], data), tmp_path / "one", say=lambda text: None)
    train(recipe_of(bases["llama"], data, adapter=tmp_path / "one"), tmp_path / "two", say=lambda text: None)
    assert losses(tmp_path / "two")[0][1] < losses(tmp_path / "one")[0][1] - 0.1
    train(recipe_of(bases["llama"], data, tuning="full", steps=1), tmp_path / "full", say=lambda text: None)
    again = recipe_of(tmp_path / "full", data, tuning="full", steps=1, log_every=1)
    train(again, tmp_path / "again", say=lambda text: None)
    with pytest.raises(InputError, match="made no whole model; give its base model"):
        train(recipe_of(tmp_path / "one", data), tmp_path / "three")
    with pytest.raises(InputError, match="holds no adapter"):
        train(recipe_of(bases["llama"], data, adapter=data), tmp_path / "three")


def test_the_loss_is_the_completions_and_long_rows_are_cut_or_left_out(bases: dict[str, Path], data: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bases["llama"])
    row = {"prompt": "the old lamp:", "completion": " the fox ran."}
    prompt = tokenizer(row["prompt"])["input_ids"]
    answer = tokenizer(row["completion"])["input_ids"]
    found = encode(row, tokenizer, recipe_of(bases["llama"], data))
    assert found == {
        "input_ids": [*prompt, *answer, tokenizer.eos_token_id],
        "labels": [IGNORED] * len(prompt) + [*answer, tokenizer.eos_token_id],
    }
    long = encode({**row, "completion": row["completion"] * 40}, tokenizer, recipe_of(bases["llama"], data))
    assert long is not None
    assert len(long["input_ids"]) == 64
    assert long["labels"][-1] != tokenizer.eos_token_id
    assert encode({**row, "prompt": row["prompt"] * 40}, tokenizer, recipe_of(bases["llama"], data)) is None
    pair = encode(row, tokenizer, Seq2Seq(data=data, max_target=8))
    assert pair == {"input_ids": prompt, "labels": [*answer, tokenizer.eos_token_id][:8]}


def test_a_chat_goes_through_the_models_own_template(bases: dict[str, Path], data: Path) -> None:
    row = {"system": "tell", "prompt": "a fox", "completion": "ran"}
    recipe = recipe_of(bases["qwen2"], data, style="chat")
    tokenizer = load_tokenizer(recipe)
    asked = "<|system|>tell<|end|><|user|>a fox<|end|><|assistant|>"
    assert texts(row, tokenizer, "chat") == (asked, "ran<|end|>")
    assert texts(row, tokenizer, "plain") == ("tell\n\na fox", "ran")
    found = encode(row, tokenizer, recipe)
    assert found is not None
    assert found["labels"].count(tokenizer.eos_token_id) == 1
    with pytest.raises(InputError, match=r"has no chat template, so style=chat cannot be used with it"):
        load_tokenizer(recipe_of(bases["llama"], data, style="chat"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base": "./nowhere"}, "base: there is no folder ./nowhere"),
        ({"base": "EMPTY"}, "has no config.json"),
        ({"base": "t5"}, "is an encoder-decoder: run fabula train seq2seq"),
        ({"data": "none"}, "none is no data set"),
        ({"max_length": 8}, "No train row of"),
        ({"max_length": 129}, "is more than"),
        ({"tasks": ["title"]}, "name other tasks"),
        ({"lora": {"rank": 2, "targets": ["nothing"]}}, "lora.targets: "),
        ({"data": "PREFERENCE"}, "holds preference rows, and this method learns from sft rows"),
    ],
)
def test_what_is_missing_is_one_sentence(
    changes: dict[str, Any], says: str, bases: dict[str, Path], data: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    named = {"EMPTY": str(tmp_path / "empty"), "t5": str(bases["t5"])}
    if changes.get("data") == "PREFERENCE":
        changes = {"data": tiny_models.save_data(tmp_path / "pairs", kind="preference")}
    changes = {key: named.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}
    with pytest.raises(InputError) as caught:
        train(recipe_of(bases["llama"], data, **changes), tmp_path / "run")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_dry_run_tells_what_would_be_done(bases: dict[str, Path], data: Path, tmp_path: Path) -> None:
    recipe = recipe_of(bases["llama"], data, steps=None, epochs=2, accumulate=2)
    told = plan(recipe)
    assert told["steps"] == "16 of 8 rows, a checkpoint every 4"
    assert told["rows"] == "64 to train on, 8 held out"
    assert count_parameters(recipe_of(bases["llama"], data, tuning="full")) is not None
    trained, total = count_parameters(recipe) or (0, 0)
    assert told["parameters"].startswith(f"{trained:,} of {total:,} are trained")
    line = ["train", "sft", "--config", str(CONFIGS / "sft_full.yaml"), "--run", str(tmp_path / "run"), "--dry-run"]
    result = CliRunner().invoke(app, [*line, f"data={data}", f"base={bases['llama']}", "max_length=64"])
    assert result.exit_code == 0, result.output
    assert "16 rows" in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_has_a_dry_run(path: Path) -> None:
    method = yaml.safe_load(path.read_text())["method"]
    result = CliRunner().invoke(app, ["train", method, "--config", str(path), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "build it with fabula data" in result.output


def test_a_plan_needs_no_weights(data: Path, tmp_path: Path) -> None:
    assert plan(Recipe(method="sft", base="nobody/nothing", data=data))["base"].startswith(
        "nobody/nothing (not on this"
    )


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_tells_the_time_that_is_left(terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, *[30.0] * 9])
    monkeypatch.setattr("finetune.recipes.progress.time.monotonic", lambda: next(clock))
    shown, said = io.StringIO(), []
    console = Console(file=shown, force_terminal=terminal, width=120)
    recorder = Recorder(tmp_path, 1, lambda: None, said.append, console)
    state = SimpleNamespace(global_step=10, max_steps=40, is_world_process_zero=True)
    recorder.on_train_begin(None, state, None)
    state.global_step = 20
    recorder.on_step_end(None, state, None)
    recorder.on_log(None, state, None, {"loss": 2.5, "num_tokens": 9})
    recorder.on_train_end(None, state, None)
    if terminal:
        assert "20/40" in shown.getvalue()
        assert "1m 00s left" in shown.getvalue()
    else:
        assert (said, shown.getvalue()) == (["step 20/40  loss 2.5000  1m 00s left"], "")
    assert read_metrics(tmp_path) == [{"step": 20, "loss": 2.5}]
    assert [spoken(seconds) for seconds in (0.4, 59, 60, 7200)] == ["0s", "59s", "1m 00s", "2h 00m"]
