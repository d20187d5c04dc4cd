"""Scores of a study against cases that are worked out by hand, and the report that tells them."""

from __future__ import annotations

import csv
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from study_samples import sample_study
from typer.testing import CliRunner

import cli
from finetune.study.ratings import Sheet
from finetune.study.report import make_report
from finetune.study.scores import bradley_terry, krippendorff_alpha, scores, votes


def test_two_systems_have_the_log_odds_of_their_wins() -> None:
    found = bradley_terry(np.array([[0, 30], [10, 0]]), prior=0)
    assert found[0] - found[1] == pytest.approx(math.log(3), abs=1e-6)
    assert found.sum() == pytest.approx(0)


def test_strengths_that_made_the_wins_are_found_again() -> None:
    true = np.array([1.2, 0.3, -0.4, -1.1])
    odds = 1 / (1 + np.exp(true[None, :] - true[:, None]))
    found = bradley_terry(1000 * odds * (1 - np.eye(4)), prior=0)
    np.testing.assert_allclose(found, true, atol=1e-6)


def test_who_always_wins_has_a_finite_score() -> None:
    found = bradley_terry(np.array([[0.0, 5.0], [0.0, 0.0]]))
    assert found[0] - found[1] == pytest.approx(math.log(5.5 / 0.5))


def test_krippendorff_alpha_of_his_own_example() -> None:
    # Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), C: four observers, twelve units, nominal: 0.743.
    table = [
        "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .",
    ]  # fmt: skip
    rows = [line.split() for line in table]
    units = [[float(row[k]) for row in rows if row[k] != "."] for k in range(12)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)


def test_alpha_is_one_for_equals_and_nothing_where_nothing_can_be_said() -> None:
    assert krippendorff_alpha([[1, 1], [0, 0], [0.5, 0.5]]) == 1
    assert krippendorff_alpha([[1, 1], [1, 1]]) is None
    assert krippendorff_alpha([[1], [0]]) is None


def rated(folder: Path, prefer: dict[str, float], prompts: int = 40, raters: tuple[str, ...] = ("ada", "ben")) -> None:
    """Raters who prefer the text of ``a`` with the chance ``prefer[rater]``, on whichever side it stands."""
    study = sample_study(folder, prompts=prompts)
    for name in raters:
        rng = random.Random(name)
        with Sheet(study, name) as sheet:
            while sheet.next is not None:
                pair, turned = sheet.next
                likes = rng.random() < prefer[name]
                sheet.choose(pair, "right" if likes == turned else "left")


def test_the_sides_are_turned_back_and_the_interval_covers_the_odds(tmp_path: Path) -> None:
    rated(tmp_path, {"ada": 1.0, "ben": 1.0})
    report = make_report(tmp_path / "study")
    assert report.row("a") == (80, 80, 0, 1.0)
    assert report.alpha is None
    assert report.same == 1
    assert report.scores["a"].low is None  # resamples of the same say nothing of how sure it is
    assert list(report.scores) == ["a", "b"]
    assert {vote.choice for vote in report.votes} == {"left", "right"}


def test_scores_have_intervals_from_prompts(tmp_path: Path) -> None:
    rated(tmp_path, {"ada": 0.75, "ben": 0.75})
    report = make_report(tmp_path / "study")
    a = report.scores["a"]
    assert a.low is not None
    assert a.high is not None
    assert a.low < a.value < a.high
    assert a.low < math.log(3) / 2 < a.high
    again = scores(report.study, votes(report.study, {"ada": {}, "ben": {}}))
    assert math.isnan(again["a"].value)


def test_the_report_is_printed_and_exported(tmp_path: Path) -> None:
    rated(tmp_path, {"ada": 0.9, "ben": 0.4}, prompts=10)
    with Sheet(make_report(tmp_path / "study").study, "eve") as sheet:
        assert sheet.next is not None
        sheet.choose(sheet.next[0], "skip")
    result = CliRunner().invoke(
        cli.app, ["study", "report", "study", "--out", "told"], env={"NO_COLOR": "1", "COLUMNS": "80"}
    )
    assert result.exit_code == 0, result.output
    assert "Krippendorff" in result.stdout
    assert "\x1b" not in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    made = json.loads(Path("told/report.json").read_text())
    assert made["choices"] == 20
    assert made["raters"]["eve"] == {"decided": 0, "skipped": 1}
    rows = list(csv.DictReader(Path("told/choices.csv").read_text().splitlines()))
    won = sum(row["preferred"] == "a" for row in rows)
    assert won == made["systems"]["a"]["won"]
    assert {row["left"] for row in rows} == {"a", "b"}
    assert "| a | " in Path("told/report.md").read_text()
