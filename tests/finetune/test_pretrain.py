"""A tiny model learns, a killed run goes on as if nothing had happened, and what comes out can be loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus_samples import WriteCorpus, story_text
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file

import finetune.prefer
import finetune.pretrain
from agents.engines.base import Prompt, Request, Sampling
from agents.engines.embedded import BUNDLED, EmbeddedEngine
from agents.engines.packed import pack, unpack
from finetune import card
from finetune.card_preference import NOT_TAUGHT
from finetune.cli import app
from finetune.config import Architecture, Pretrain, Source, kept_config
from finetune.evaluate import evaluate_packed
from finetune.loop import build_model
from finetune.prefer import prefer
from finetune.pretrain import evaluate_run, pretrain
from finetune.rebuild import CORPORA, Plan, rebuild
from finetune.records import checkpoints, draw_curve, read_record
from finetune.runs import save_model
from finetune.tokenizer import load_tokenizer, save_tokenizer
from finetune.utilisation import flops_per_token, peak_flops
from prompts.errors import InputError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
TINY = Architecture(hidden=32, layers=2, heads=2, kv_heads=1, ffn=64)


class Killed(BaseException):
    """Ends a run where a real one would be killed."""


@pytest.fixture
def recipe(worlds_data: Path, tokenizer_folder: Path) -> Pretrain:
    return Pretrain(
        model=TINY, tokenizer=tokenizer_folder, data=[Source(folder=worlds_data, share=1.0)], steps=12,
        batch_tokens=2048, accumulate=2, optimizer="muon", learning_rate=1e-2, warmup_steps=2, decay=0.5, threads=1,
        evaluate_rows=4, log_every=1,
    )  # fmt: skip


def losses(run: Path) -> list[tuple[Any, ...]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [tuple(row[key] for key in ("step", "loss", "weighted", "norm", "tokens")) for row in rows if "loss" in row]


def test_the_loss_falls_and_the_run_says_what_it_did(recipe: Pretrain, tmp_path: Path) -> None:
    scores = pretrain(recipe, tmp_path / "run")
    assert evaluate_run(tmp_path / "run") == scores
    found = losses(tmp_path / "run")
    assert [row[0] for row in found] == list(range(1, 13))
    assert found[-1][1] < found[0][1] - 0.3
    assert {name.split(" ")[0] for name in scores} == {"worlds"}
    record = read_record(tmp_path / "run")
    assert (record.step, record.finished, record.perplexity) == (12, True, scores)
    assert record.hardware == "1 CPU core" or torch.cuda.is_available()
    assert kept_config(tmp_path / "run") == recipe
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < row["mfu"] < 1 for row in rows if "mfu" in row)
    assert sum("mfu" in row for row in rows) == 12
    assert (tmp_path / "run" / "loss.png").stat().st_size > 1000
    with pytest.raises(InputError, match="go on with --resume"):
        pretrain(recipe, tmp_path / "run")


def test_a_token_costs_what_the_formula_says() -> None:
    small = Architecture()  # 8 layers of 256
    assert flops_per_token(7_000_000, small, 300) == 6 * 7e6 + 12 * 8 * 256 * 300
    before = torch.random.get_rng_state()
    assert peak_flops(torch.device("cpu"), 0.01) > 1e8
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_killed_run_goes_on_exactly(
    recipe: Pretrain, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe.model_copy(update={"optimizer": optimizer, "checkpoint_minutes": 1e-9})
    pretrain(recipe, tmp_path / "whole")
    real = finetune.pretrain.save_checkpoint

    def save(run: Path, model: Any, optimizers: Any, at: Any) -> None:
        if at.step == 7:  # steps 5 to 7 are lost with the process, half a checkpoint is left behind
            (run / "checkpoint.part").mkdir()
            raise Killed
        if at.step == 4:
            real(run, model, optimizers, at)

    monkeypatch.setattr(finetune.pretrain, "save_checkpoint", save)
    with pytest.raises(Killed):
        pretrain(recipe, tmp_path / "cut")
    assert [path.name for path in checkpoints(tmp_path / "cut")] == ["checkpoint-4"]
    cut = read_record(tmp_path / "cut")
    assert (cut.step, cut.finished, len(cut.points)) == (4, False, 4)  # what came after the checkpoint is not reported
    monkeypatch.setattr(finetune.pretrain, "save_checkpoint", real)
    pretrain(kept_config(tmp_path / "cut"), tmp_path / "cut", resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    whole, cut_short = (tmp_path / name / "model" / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut_short.read_bytes()


def test_a_second_stage_goes_on_from_the_first_and_the_export_loads(recipe: Pretrain, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    pretrain(recipe.model_copy(update={"steps": 6, "decay": 0.0}), tmp_path / "one")
    pretrain(recipe.model_copy(update={"steps": 6, "init": tmp_path / "one"}), tmp_path / "two")
    assert losses(tmp_path / "two")[0][1] < losses(tmp_path / "one")[0][1] - 0.3

    folder = pack(tmp_path / "two" / "model", tmp_path / "packed", "slots")
    engine = EmbeddedEngine(folder, threads=1)
    assert engine.style == "slots"
    request = Request(prompt=Prompt(text="<|title|><|text|>"), sampling=Sampling(max_tokens=5), n=2)
    assert len(engine.complete(request)) == 2
    model = AutoModelForCausalLM.from_pretrained(unpack(folder, tmp_path / "plain"))
    with torch.no_grad():
        assert model(torch.tensor([[2, 3, 4]])).logits.shape[:2] == (1, 3)
    engine.close()
    packed = evaluate_packed(folder, [source.folder for source in recipe.data], wanted=recipe.evaluate_rows)
    scores = read_record(tmp_path / "two").perplexity
    assert packed == {name: pytest.approx(score, rel=0.03) for name, score in scores.items()}  # int8, bfloat16

    runs = [tmp_path / "one", tmp_path / "two"]
    text = card.write_card(runs, folder).read_text()
    assert "Not measured" in text
    assert f"{read_record(runs[0]).tokens / 1e6:.2f} M" in text
    draw_curve([read_record(run) for run in runs], tmp_path / "both.png")
    assert (folder / "loss.png").read_bytes() == (tmp_path / "both.png").read_bytes()
    assert "tokenizer.json" in card.verify(folder)
    weights = next(folder.glob("weights-*"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(
        InputError, match=f"{weights.name} differs from fabula.json; {weights.name} differs from the card"
    ):
        card.verify(folder)


def test_a_stage_of_another_size_or_an_empty_one_is_named(recipe: Pretrain, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint in"):
        pretrain(recipe.model_copy(update={"init": tmp_path / "none"}), tmp_path / "run")
    pretrain(recipe.model_copy(update={"steps": 1}), tmp_path / "run")
    other = Architecture(hidden=64, layers=2, heads=2, kv_heads=1, ffn=64)
    with pytest.raises(InputError, match="another size"):
        pretrain(recipe.model_copy(update={"model": other, "init": tmp_path / "run"}), tmp_path / "other")


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(
        "model: {hidden: 32, layers: 1, heads: 2, kv_heads: 1, ffn: 64}\nsteps: 3\nwarmup_steps: 1\nthreads: 1\n"
        "evaluate_rows: 2\nlog_every: 1\ndata: [{folder: runs/data/worlds, share: 0.7}, {folder: runs/data/corpora}]\n"
    )
    return path


@pytest.mark.parametrize("worlds_only", [True, False])
def test_one_command_makes_the_model_and_skips_what_is_done(
    worlds_only: bool, two_worlds: Path, tiny_config: Path, tmp_path: Path, write_corpus: WriteCorpus
) -> None:
    corpora = tmp_path / "corpora"
    if not worlds_only:
        for name in CORPORA:
            text = story_text(3).replace("\n", "\n\n")
            write_corpus(name, [{"title": "Pier", "text": story_text(n) if n else text} for n in range(12)])
    plan = Plan(
        out=tmp_path / "out", work=tmp_path / "work", corpora=corpora, config=str(tiny_config), worlds_only=worlds_only,
        worlds=two_worlds, stories=5, measured=10, vocabulary=700, preferred=0,
    )  # fmt: skip
    said: list[str] = []
    text = rebuild(plan, said.append).read_text()
    assert "as shipped" in text
    assert "2 worlds" in text
    assert ("TinyStories" in text) is not worlds_only
    assert card.verify(plan.out)
    weights = next(plan.out.glob("weights-*")).read_bytes()
    before = (plan.work / "tiny" / "metrics.jsonl").read_bytes()
    said.clear()
    rebuild(plan, said.append)
    assert sum("done" in line for line in said) >= 4
    assert (plan.work / "tiny" / "metrics.jsonl").read_bytes() == before
    assert next(plan.out.glob("weights-*")).read_bytes() == weights


def test_a_model_learns_to_prefer_from_its_own_texts_and_the_card_says_so(
    recipe: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "ddpo.yaml"
    settings.write_text(
        "method: ddpo\nbase: a\ndata: b\ntuning: full\nlearning_rate: 1.0e-3\nsteps: 2\nbatch_size: 2\nmax_length: 512\n"
        "deviation: both\ndelta_min: 0.1\nevaluate_rows: 0\nthreads: 1\n"
    )
    monkeypatch.setattr(finetune.prefer, "RECIPE", settings)
    work = tmp_path / "work"
    save_tokenizer(load_tokenizer(BUNDLED), work / "tokenizer")
    tiny = build_model(TINY, load_tokenizer(BUNDLED).get_vocab_size(), 1)
    save_model(tmp_path / "base", tiny, work / "tokenizer")
    said: list[str] = []
    run = prefer(tmp_path / "base", work, said.append, prompts=4)
    before = load_file(tmp_path / "base" / "model.safetensors")
    after = load_file(run / "model" / "model.safetensors")
    assert any(not torch.equal(before[name], after[name].float()) for name in before)
    said.clear()
    assert prefer(tmp_path / "base", work, said.append, prompts=4) == run
    assert said == [f"preference training: {run} is done"]
    pretrain(recipe, tmp_path / "run")
    pack(run / "model", tmp_path / "packed", "slots")
    text = card.write_card([tmp_path / "run", run], tmp_path / "packed").read_text()
    assert "After the last stage came DDPO (full, beta 0.1, deviation both, a weight of 0.1 at least)" in text
    assert "2 steps of 2 pairs" in text
    assert NOT_TAUGHT not in text


def test_the_model_command_says_what_it_needs(tmp_path: Path) -> None:
    options = ["model", "--corpora", str(tmp_path), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "lacks tinystories.jsonl.xz" in result.stderr
    assert "--worlds-only" in result.stderr
    assert not (tmp_path / "work").exists()
