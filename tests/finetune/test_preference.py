"""Preference methods on a tiny model: each learns and resumes, and with weights of 1 is the stock trainer to the digit."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
from tiny_models import WORDS, save_model
from trl import DPOConfig, DPOTrainer

from finetune.recipes import progress
from finetune.recipes.losses import ddpo, log_odds, preferred, weighted_nll
from finetune.recipes.methods import METHODS
from finetune.recipes.models import load_model, load_tokenizer
from finetune.recipes.preference import build, encode_pair, load_pairs
from finetune.recipes.progress import read_metrics
from finetune.recipes.quiet import quiet
from finetune.recipes.running import arguments, train
from finetune.recipes.settings import Recipe
from prompts.errors import InputError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]
WEIGHTED = ("ddpo", "dorpo")


def pair(rng: random.Random, number: int, **more: Any) -> dict[str, Any]:
    words, others = (" ".join(rng.choice(WORDS) for _ in range(size)) for size in (6, rng.randint(3, 9)))
    return {
        "prompt": f"{words}:", "chosen": f" {words}.", "rejected": f" {others}!", "chosen_score": 9.0,
        "rejected_score": 2.0, "group": str(number), "source": "made", "licence": "CC0-1.0", **more,
    }  # fmt: skip


def write_pairs(folder: Path, delta: list[float] | None, select: str = "gap", count: int = 48) -> Path:
    """Pairs with ``delta`` as their weights in turn; a style that never deviates."""
    rng = random.Random(7)
    for split, size in (("train", count), ("held", 6)):
        (folder / split).mkdir(parents=True)
        with (folder / split / "rows-00000.jsonl").open("w") as file:
            for number in range(size):
                weight = delta[number % len(delta)] if delta else None
                more = {"delta": {"semantic": weight, "style": 1.0, "both": weight}} if delta else {}
                file.write(json.dumps(pair(rng, number, **more)) + "\n")
    index = {"kind": "preference", "hash": str(delta), "pairs": {"plan": {"select": select}}}
    (folder / "data.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pairs")
    return {
        "ones": write_pairs(folder / "ones", [1.0]), "mixed": write_pairs(folder / "mixed", [0.0, 0.5, 2.5, 1.0]),
        "divpo": write_pairs(folder / "divpo", [1.0], "divpo"), "without": write_pairs(folder / "without", None),
    }  # fmt: skip


def recipe(method: str, base: Path, data: Path, **changes: Any) -> Any:
    settings = {
        "method": method, "base": str(base), "data": data, "tuning": "lora", "lora": {"rank": 8, "alpha": 16.0},
        "learning_rate": 1e-2, "steps": 8, "batch_size": 4, "max_length": 64, "log_every": 1, "save_every": 4,
        "evaluate_every": 4, "evaluate_rows": 4, "threads": 1, "warmup": 0.0,
    }  # fmt: skip
    return METHODS[method].settings.model_validate({**settings, **changes})


def data_of(method: str, pairs: dict[str, Path]) -> Path:
    return pairs["mixed" if method in WEIGHTED else "divpo" if method == "divpo" else "ones"]


def losses(run: Path, key: str = "loss") -> list[tuple[int, float]]:
    return [(row["step"], row[key]) for row in read_metrics(run) if key in row]


def trained(trainer: Any) -> tuple[list[float], dict[str, Any]]:
    """The losses of the steps, and the trained weights, of a trainer that was just built."""
    with quiet():
        trainer.train()
    found = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return found, {name: w.detach().clone() for name, w in trainer.model.named_parameters() if w.requires_grad}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Stock(DPOTrainer):
    """TRL's own trainer on the same tokens."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


def stock_dpo(wanted: Recipe, run: Path, precomputed: bool) -> Stock:
    tokenizer = load_tokenizer(wanted)
    settings = DPOConfig(**arguments(wanted, run), beta=0.1, max_length=64, precompute_ref_log_probs=precomputed)
    rows = load_pairs(wanted, "train", tokenizer, run / "cache")  # type: ignore[arg-type]
    return Stock(model=load_model(wanted), args=settings, train_dataset=rows, processing_class=tokenizer,
                 eval_dataset=load_pairs(wanted, "held", tokenizer, run / "cache", 4))  # type: ignore[arg-type]  # fmt: skip


def stock_orpo(wanted: Recipe, run: Path) -> Any:
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    class StockORPO(ORPOTrainer):
        def tokenize_row(self, feature: Any, model: Any = None) -> dict[str, Any]:
            return {}

    tokenizer = load_tokenizer(wanted)
    settings = ORPOConfig(**arguments(wanted, run), beta=0.25, max_length=64, remove_unused_columns=False)
    rows, held = (load_pairs(wanted, split, tokenizer, run / "cache") for split in ("train", "held"))  # type: ignore
    return StockORPO(
        model=load_model(wanted), args=settings, train_dataset=rows, eval_dataset=held, processing_class=tokenizer
    )


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_ddpo_with_weights_of_one_is_stock_dpo_to_the_digit(
    base: Path, pairs: dict[str, Path], tmp_path: Path, tuning: str
) -> None:
    rate = 1e-2 if tuning == "lora" else 1e-3
    with quiet():
        ours = recipe("ddpo", base, pairs["ones"], tuning=tuning, steps=4, learning_rate=rate)
        plain = recipe("dpo", base, pairs["ones"], tuning=tuning, steps=4, learning_rate=rate)
        weighted, weights = trained(build(ours, tmp_path / "ours"))
        stock, stock_weights = trained(stock_dpo(plain, tmp_path / "stock", precomputed=True))
    assert weighted == stock
    assert same(weights, stock_weights)
    assert len(set(stock)) == 4  # it moved


def test_the_precomputed_reference_is_the_adapter_that_training_starts_from(
    base: Path, pairs: dict[str, Path], tmp_path: Path
) -> None:
    """TRL's own copy of the starting adapter, run beside the policy at every step, gives the same losses."""
    first = recipe("orpo", base, pairs["ones"], steps=3)
    train(first, tmp_path / "first", say=lambda line: None)
    on = {"adapter": tmp_path / "first", "steps": 4}
    with quiet():
        trainer = build(recipe("ddpo", base, pairs["ones"], **on), tmp_path / "ours")
        assert list(trainer.model.peft_config) == ["default"]
        ours, _ = trained(trainer)
        stock, _ = trained(stock_dpo(recipe("dpo", base, pairs["ones"], **on), tmp_path / "stock", precomputed=False))
    assert ours[0] == pytest.approx(0.693147, abs=1e-4)
    assert ours == pytest.approx(stock, rel=1e-4)
    with pytest.raises(RuntimeError, match="let go"):
        trainer.compute_ref_log_probs(trainer.model, {})


@pytest.mark.parametrize("where", ["outside", "inside"])
def test_dorpo_with_weights_of_one_is_stock_orpo(
    base: Path, pairs: dict[str, Path], tmp_path: Path, where: str
) -> None:
    """Gradients and so weights to the last bit; the reported loss is summed in another order (one part in a million)."""
    with quiet():
        ours = recipe("dorpo", base, pairs["ones"], steps=4, dorpo_delta=where)
        weighted, weights = trained(build(ours, tmp_path / "ours"))
        stock, stock_weights = trained(stock_orpo(recipe("orpo", base, pairs["ones"], steps=4), tmp_path / "stock"))
    assert weighted == pytest.approx(stock, rel=1e-6)
    assert same(weights, stock_weights)
    assert len(set(stock)) == 4


def test_weights_change_what_is_learnt_and_a_floor_changes_it_again(
    base: Path, pairs: dict[str, Path], tmp_path: Path
) -> None:
    found = []
    for number, changes in enumerate(({}, {"delta_min": 0.4}, {"deviation": "style"})):
        with quiet():
            found.append(
                trained(build(recipe("ddpo", base, pairs["mixed"], steps=3, **changes), tmp_path / str(number)))
            )
    assert not any(same(found[a][1], found[b][1]) for a, b in ((0, 1), (0, 2), (1, 2)))
    with quiet():
        plain, weights = trained(build(recipe("dpo", base, pairs["mixed"], steps=3), tmp_path / "plain"))
    assert plain == found[2][0]  # a style that never deviates weighs every pair 1
    assert same(weights, found[2][1])


@pytest.mark.parametrize("method", ["dpo", "ddpo", "divpo", "orpo", "dorpo"])
def test_the_loss_falls_and_a_killed_run_goes_on_to_the_same_losses(
    base: Path, pairs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    wanted = recipe(method, base, data_of(method, pairs), learning_rate=3e-2 if method.endswith("orpo") else 1e-2)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(wanted, whole, say=lambda line: None)
    found = losses(whole)
    assert [step for step, _ in found] == list(range(1, 9))
    assert sum(loss for _, loss in found[-2:]) < sum(loss for _, loss in found[:2]) - 0.2
    held = [loss for _, loss in losses(whole, "eval_loss")]
    assert held[-1] < held[0]
    before = progress.Recorder.on_step_end

    def killed(self: Any, args: Any, state: Any, control: Any, **more: Any) -> None:
        before(self, args, state, control, **more)
        if state.global_step == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(progress.Recorder, "on_step_end", killed)
        with pytest.raises(KeyboardInterrupt):
            train(wanted, cut, say=lambda line: None)
    train(wanted, cut, resume=True, say=lambda line: None)
    assert losses(cut) == found
    assert losses(cut, "eval_loss") == losses(whole, "eval_loss")
    weights = [(run / "adapter" / "adapter_model.safetensors").read_bytes() for run in (whole, cut)]
    assert weights[0] == weights[1]
    assert not (whole / "adapter" / "ref").exists()


def test_the_losses_are_what_their_formulas_say() -> None:
    chosen, rejected = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.5])
    delta = torch.tensor([2.0, 0.0])
    assert ddpo(chosen, rejected, delta, 0.1).item() == pytest.approx(2 * 0.668460 / 2, abs=1e-5)  # -log sigmoid 0.05
    p, q = torch.tensor([0.5]), torch.tensor([0.2])
    odds = log_odds(p.log(), q.log())
    assert odds.item() == pytest.approx(torch.tensor(1 / (0.2 / 0.8)).log().item(), abs=1e-6)
    assert log_odds(torch.tensor([-1e-6]), torch.tensor([-30.0])).isfinite().all()
    assert preferred(odds, torch.tensor([0.0]), "outside").item() == 0
    assert preferred(odds, torch.tensor([0.0]), "inside").item() == pytest.approx(-0.693147, abs=1e-6)
    logits = torch.zeros(2, 3, 4)
    labels = torch.tensor([[1, 2, -100], [3, -100, -100]])
    assert weighted_nll(logits, labels, torch.tensor([1.0, 1.0])).item() == pytest.approx(1.386294, abs=1e-6)
    assert weighted_nll(logits, labels, torch.tensor([3.0, 0.0])).item() == pytest.approx(2 * 1.386294, abs=1e-6)


def test_outside_the_sigmoid_a_gradient_is_delta_times_the_plain_one_and_inside_it_wanes() -> None:
    def pull(delta: float, where: Any, start: float) -> float:
        odds = torch.tensor([start], requires_grad=True)
        preferred(odds, torch.tensor([delta]), where).sum().backward()
        assert odds.grad is not None
        return odds.grad.item()

    assert pull(3.0, "outside", 2.0) == pytest.approx(3 * pull(1.0, "outside", 2.0))
    assert pull(3.0, "inside", 2.0) < pull(1.0, "inside", 2.0)


def test_both_sides_of_a_pair_share_the_tokens_of_their_prompt(base: Path, pairs: dict[str, Path]) -> None:
    wanted = recipe("ddpo", base, pairs["mixed"], delta_min=0.2)
    tokenizer = load_tokenizer(wanted)
    row = pair(random.Random(1), 0, delta={"both": 0.0, "semantic": 0.3, "style": 1.0})
    found = encode_pair(row, tokenizer, wanted)
    assert found is not None
    assert tokenizer.decode(found["prompt_ids"]) == row["prompt"]
    assert tokenizer.decode(found["chosen_ids"], skip_special_tokens=True) == row["chosen"]
    assert found["rejected_ids"][-1] == tokenizer.eos_token_id
    assert found["delta"] == 0.2
    assert encode_pair({**row, "prompt": row["prompt"] * 40}, tokenizer, wanted) is None
    orpo = encode_pair(row, tokenizer, recipe("orpo", base, pairs["mixed"]))
    assert orpo is not None
    assert orpo["chosen_input_ids"] == found["prompt_ids"] + found["chosen_ids"]
    assert orpo["rejected_labels"] == [-100] * len(found["prompt_ids"]) + found["rejected_ids"]
    assert "delta" not in orpo


@pytest.mark.parametrize(
    ("method", "data", "changes", "said"),
    [
        ("ddpo", "without", {}, "doesn't say how far its chosen response deviates.*train plain dpo"),
        ("dorpo", "without", {}, "train plain orpo"),
        ("divpo", "ones", {}, "not chosen for diversity.*--select divpo"),
        ("dpo", "ones", {"max_length": 8}, "No train pair .* fits into max_length=8"),
        ("dpo", "ones", {"max_length": 65536}, "max_length=65536 is more than .* can read"),
    ],
)
def test_pairs_that_a_method_can_t_learn_from_are_refused_in_one_sentence(
    base: Path, pairs: dict[str, Path], tmp_path: Path, method: str, data: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        train(recipe(method, base, pairs[data], **changes), tmp_path / "run", say=lambda line: None)


def test_pairs_that_are_too_long_are_left_out_and_counted_and_a_preference_has_no_perplexity(
    base: Path, tmp_path: Path
) -> None:
    data, said = write_pairs(tmp_path / "pairs", [1.0]), []
    path = data / "train" / "rows-00000.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["prompt"] *= 30
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = train(recipe("orpo", base, data, steps=2), tmp_path / "run", say=said.append)
    assert "left out: 1 of the rows, with no room for an answer in max_length=64" in said
    assert "eval_loss" in result
    assert "perplexity" not in result
