"""What benchmarks/model.py measures and writes, without a model: strangers, repetition, blind pairs, goals not measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import grammar, model_blind, model_roles, model_stories, samples
from benchmarks.model_stories import Told
from benchmarks.report import Report
from finetune.data.rows import Row
from prompts.errors import InputError


def told(*paragraphs: str, names: tuple[str, ...] = ("Mara", "the Old Mill")) -> Told:
    return Told("A baker wants bread.", "Bread", names, paragraphs, True)


def test_a_stranger_is_a_name_that_the_premise_does_not_know() -> None:
    assert model_stories.strangers(told("At the Old Mill, on Monday, Mara baked.")) == set()
    assert model_stories.strangers(told("Then came Bertha, and Mara left.")) == {"Bertha"}
    assert model_stories.strangers(told("Mara won the Race, and was glad of a Prize.")) == set()


def test_repetition_counts_what_a_paragraph_or_the_story_said_before() -> None:
    text = "She took the bread out of the oven and laid it on the sill."
    assert model_stories.repeated(told(text)) == 0.0
    assert model_stories.repeated(told(text, text)) == pytest.approx(0.5)


def test_the_premises_are_held_out_and_of_every_genre() -> None:
    found = model_stories.premises(10)
    assert len({genre for genre, _, _ in found}) == len(found)


def test_blind_pairs_hide_which_is_which_and_answers_are_counted(tmp_path: Path) -> None:
    pairs = [(told(f"Planned {n}."), told(f"Continued {n}.")) for n in range(20)]
    text = model_blind.write_pairs(tmp_path, pairs, seed=3).read_text()
    key = json.loads((tmp_path / "key.json").read_text())
    assert {row["A"] for row in key.values()} == {"planned", "continued"}  # neither side is always the first
    for number, row in key.items():
        first, _, second = text.partition(f"### {number} A\n")[2].partition(f"### {number} B\n")
        assert row["A"].title() in first
        assert row["B"].title() in second.partition("## Pair")[0]
    assert model_blind.read_answers(tmp_path) == {"planned": 0, "continued": 0, "neither": 0}
    better = next(letter for letter in "AB" if key["1"][letter] == "planned")
    (tmp_path / "answers.csv").write_text(f"pair,better\n1,{better}\n2,=\n3,\n99,A\n")
    assert model_blind.read_answers(tmp_path) == {"planned": 1, "continued": 0, "neither": 1}
    model_blind.write_pairs(tmp_path, pairs, seed=3)
    assert "1," in (tmp_path / "answers.csv").read_text()  # what a reader noted stays
    assert model_blind.read_answers(tmp_path)["planned"] == 1


def test_a_model_of_mere_text_is_asked_with_the_last_paragraph_alone() -> None:
    row = Row(
        "generator", "<|write|><|tags|>x<|cast|>y<|summary|>s<|last|>It rained.<|beat|>b<|stage|>z<|text|>", "More."
    )
    assert model_roles.plain(row) == "<|write|><|last|>It rained.<|text|>"


def test_perplexity_is_by_word() -> None:
    class Engine:
        def score(self, prompt: object, texts: list[str]) -> list[list[float]]:
            return [[-math.log(4.0)] * 6 for _ in texts]  # six tokens, three words

    row = Row("generator", "<|text|>", "one two three")
    assert model_roles.word_perplexity(Engine(), [row, row]) == pytest.approx(16.0)  # type: ignore[arg-type]


def test_a_goal_that_was_not_measured_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("model")
    report.missing("sentences flagged: no checker")
    assert report.exit_code() == 1
    assert capsys.readouterr().out == "model sentences flagged: no checker: not measured, short\n"


def test_without_the_checker_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(grammar, "FOLDER", tmp_path)
    assert not grammar.available()
    with pytest.raises(InputError, match="make bench-model"):
        grammar.flagged(["She go home."])


def test_the_samples_are_of_the_premise_that_make_story_has() -> None:
    assert samples.premise() == "A lighthouse keeper finds a door under the sea"
