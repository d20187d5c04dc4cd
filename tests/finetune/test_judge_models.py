"""Judging what transformers runs: likelihoods equal the models' own, texts follow the seed, the libraries count as by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from tiny_models import save_data, save_model
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

import cli
from agents.engines.base import Sampling
from finetune.judge import lexical
from finetune.judge.bootstrap import estimate
from finetune.judge.cases import Case
from finetune.judge.local import LocalSpeaker, located
from finetune.judge.speaker import TooLong, open_speaker
from finetune.recipes.quiet import quiet
from prompts.errors import InputError

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
CASE = Case("000001", "the keeper saw the fox", (" the fox ran over the sea.",), system="a small key")
DRAWN = Sampling(temperature=1.0, max_tokens=12)


def direct(folder: Path, prompt: str, text: str) -> float:
    """The summed loss as the model itself computes it from labels."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    before = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    after = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    labels = torch.cat([torch.full_like(before, -100), after], 1)
    with torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
        return float(model(torch.cat([before, after], 1), labels=labels).loss) * after.shape[1]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_losses_are_those_of_the_text_alone_after_system_and_prompt(tmp_path: Path, kind: str) -> None:
    folder = save_model(tmp_path / "m", kind)
    found = LocalSpeaker(str(folder)).losses(CASE, CASE.references[0])
    assert sum(found) == pytest.approx(
        direct(folder, "a small key\n\nthe keeper saw the fox", CASE.references[0]), rel=1e-4
    )
    assert min(found) > 0


def test_an_encoder_decoder_reads_the_prompt_and_is_scored_on_the_text(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", "t5")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    asked = tokenizer("a small key\n\nthe keeper saw the fox", return_tensors="pt")["input_ids"]
    labels = tokenizer(CASE.references[0], add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = float(model(input_ids=asked, labels=labels).loss) * labels.shape[1]
    speaker = LocalSpeaker(str(folder))
    assert sum(speaker.losses(CASE, CASE.references[0])) == pytest.approx(expected, rel=1e-4)
    assert len(speaker.write(CASE, 3, DRAWN, 1)) == 3


def test_a_model_with_a_chat_template_is_asked_through_it(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", chat=True)
    prompt = "<|system|>a small key<|end|><|user|>the keeper saw the fox<|end|><|assistant|>"
    found = LocalSpeaker(str(folder)).losses(CASE, "the sea")
    assert sum(found) == pytest.approx(direct(folder, prompt, "the sea"), rel=1e-4)


def test_the_embedded_engine_and_transformers_agree(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m")
    case = Case("000001", CASE.prompt, CASE.references)
    engine, local = open_speaker(f"embedded:{folder}"), LocalSpeaker(str(folder))
    ours, theirs = (speaker.losses(case, CASE.references[0]) for speaker in (engine, local))
    engine.close()
    assert len(ours) == len(theirs)
    assert sum(ours) == pytest.approx(sum(theirs), rel=0.02)  # the engine's matrices are rounded to eight bits


def test_texts_follow_the_seed_and_the_case_and_disturb_no_other_draws(tmp_path: Path) -> None:
    speaker = LocalSpeaker(str(save_model(tmp_path / "m")))
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    texts = speaker.write(CASE, 3, DRAWN, 1)
    assert torch.equal(torch.rand(3), expected)
    assert len(set(texts)) == 3
    assert texts == speaker.write(CASE, 3, DRAWN, 1)
    assert texts != speaker.write(CASE, 3, DRAWN, 2)
    assert texts != speaker.write(Case("000002", CASE.prompt, CASE.references, CASE.system), 3, DRAWN, 1)
    assert all(speaker.write(CASE, 3, Sampling(temperature=1.0, max_tokens=1), 1))
    assert len("".join(speaker.write(CASE, 3, Sampling(temperature=1.0, max_tokens=1), 1))) < len("".join(texts))
    (greedy,) = speaker.write(CASE, 1, Sampling(temperature=0, max_tokens=12), 1)
    assert [greedy] == speaker.write(CASE, 1, Sampling(temperature=0, max_tokens=12), 9)
    cut = speaker.write(CASE, 1, Sampling(temperature=0, max_tokens=12, stop=(greedy[2:4],)), 1)[0]
    assert cut == greedy[: greedy.index(greedy[2:4])]


def test_a_long_prompt_is_cut_at_its_beginning_and_a_text_that_does_not_fit_is_said(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "m", "gpt2")  # whose places end at 128
    speaker = LocalSpeaker(str(folder))
    long = Case("000001", "fox " * 200 + "the keeper", CASE.references)
    assert len(speaker.losses(long, " saw the sea")) > 0
    assert speaker.write(long, 1, DRAWN, 1)
    with pytest.raises(TooLong):
        speaker.losses(CASE, " fox" * 200)


def adapter(base: Path, out: Path) -> None:
    """A LoRA adapter that changes what the model says."""
    from peft import LoraConfig, get_peft_model

    with quiet():
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"]))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(out)


def test_a_run_stands_for_its_base_and_its_adapter_and_their_style(tmp_path: Path) -> None:
    base = save_model(tmp_path / "base", chat=True)
    run = tmp_path / "run"
    adapter(base, run / "adapter")
    (run / "run.json").write_text(json.dumps({"recipe": {"base": str(base), "style": "plain"}}))
    assert located(str(run)) == (str(base), run / "adapter", "plain")
    assert located(str(run / "adapter"))[1:] == (run / "adapter", "plain")
    prompt = "a small key\n\nthe keeper saw the fox"
    found = sum(LocalSpeaker(str(run)).losses(CASE, "the sea"))
    from peft import PeftModel

    with quiet():
        merged = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base), run / "adapter"
        ).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "merged")
    assert found == pytest.approx(direct(tmp_path / "merged", prompt, "the sea"), rel=1e-4)
    assert found != pytest.approx(direct(base, prompt, "the sea"), rel=1e-3)


def test_what_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text('{"recipe": {"base": "x"}}')
    for spec, says in (
        ("empty", "empty can't be loaded"),
        ("run", "has no model yet"),
        ("./none", "none can't be loaded"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            open_speaker(spec)
        assert "\n" not in str(caught.value)


def test_rouge_of_a_pair_that_is_counted_by_hand() -> None:
    texts, references = ["The cat lay on a mat."], ["The cat sat on the mat."]
    # the, cat, on, mat of six words each; "the cat" of five pairs each; "the cat on mat" in this order.
    assert lexical.rouge(texts, references, "rouge1") == (pytest.approx(4 / 6), 1)
    assert lexical.rouge(texts, references, "rouge2") == (pytest.approx(1 / 5), 1)
    assert lexical.rouge(texts, references, "rougeL") == (pytest.approx(4 / 6), 1)
    assert lexical.rouge(texts, ["nothing alike", *texts], "rouge2") == (pytest.approx(1), 1)


def test_bleu_of_a_pair_that_is_counted_by_hand_and_of_a_corpus() -> None:
    from sacrebleu.metrics.bleu import BLEU

    one = lexical.bleu_sums(["a b c d e"], ["a b c d f"])
    assert one is not None
    assert estimate([one], lexical.bleu).value == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    texts = ["the cat sat on the mat today", "a dog ran under the old bridge"]
    references = [
        ["the cat lay on the mat today", "one cat sat on the mat"],
        ["a dog ran over the old bridge", "no dog at all"],
    ]
    sums = [lexical.bleu_sums([text], refs) for text, refs in zip(texts, references, strict=True)]
    expected = BLEU().corpus_score(texts, [list(column) for column in zip(*references, strict=True)]).score
    assert estimate([s for s in sums if s], lexical.bleu).value == pytest.approx(expected)


def test_self_bleu_is_full_for_copies_and_low_for_strangers() -> None:
    copies = lexical.self_bleu(["a b c d e f", "a b c d e f"])
    strangers = lexical.self_bleu(["a b c d e f", "u v w x y z"])
    assert copies is not None
    assert strangers is not None
    assert copies[0] == pytest.approx(100)
    assert strangers[0] < 10
    assert lexical.self_bleu(["one"]) is None


def test_a_model_is_judged_from_the_command_line_and_its_perplexity_is_its_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers")
    folder = save_model(tmp_path / "tiny")
    save_data(tmp_path / "data", rows=4, held=6)
    monkeypatch.setattr("finetune.eval_cli._ready", lambda mauve: None)
    line = ["eval", "data", "--model", "tiny", "--rows", "6", "--samples", "2", "--max-tokens", "8", "--ranked", "2"]
    result = CliRunner().invoke(cli.app, [*line, "--style", "style", "--semantic", "style", "--out", "o", "--people"])
    assert result.exit_code == 0, result.output
    made: dict[str, Any] = json.loads(Path("o/report.json").read_text())["metrics"]["tiny"]
    rows = [json.loads(text) for text in Path("data/held/rows-00000.jsonl").read_text().splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    nats = sum(direct(folder, row["prompt"], row["completion"]) for row in rows)
    tokens = sum(len(tokenizer(row["completion"])["input_ids"]) for row in rows)
    assert made["perplexity_token"]["value"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert made["perplexity_word"]["value"] == pytest.approx(
        math.exp(nats / sum(len(row["completion"].split()) for row in rows)), rel=1e-3
    )
    assert set(made) >= {"rouge1", "bleu", "self_bleu", "semantic", "style", "vendi", "prompt_ranking"}
