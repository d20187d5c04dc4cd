"""Best of n: every part of a score counts the way it should."""

from __future__ import annotations

from typing import Any

import pytest

from agents.choose import Score, Weights, form_faults, judge
from agents.prose import stray_pronouns
from planner.state import Finding, Severity

GOOD = (
    "Mara opened the heavy door and looked for the stolen clock, but the room behind it was dark and quite empty now."
)


def score(text: str = GOOD, **changes: Any) -> Score:
    known: dict[str, Any] = {
        "mean_logprob": -1.0, "wanted": ["Mara"], "beat": "Mara opens the door.", "before": "", "cut": False, "findings": (),
    }  # fmt: skip
    return judge(text, **(known | changes))


@pytest.mark.parametrize(
    ("text", "cut", "faults"),
    [
        (GOOD, False, 0.0),
        (GOOD, True, 1.0),
        ("Too short.", False, 1.0),
        ("word " * 161 + "end.", False, 1.0),
        (GOOD + ' "Who', False, 1.5),
        (GOOD[:-1], False, 0.5),
        (GOOD + ' "Who?"', False, 0.0),
        (GOOD + " “Who?”", False, 0.0),
        (GOOD + " He told me.", False, 1.0),
        (GOOD + ' "I know," he said.', False, 0.0),
        ("", True, 2.5),
    ],
)
def test_faults_of_form_add_up(text: str, cut: bool, faults: float) -> None:
    assert form_faults(text, cut) == faults


@pytest.mark.parametrize(
    "worse",
    [
        {"mean_logprob": -2.0},
        {"wanted": ["Mara", "Tobias"]},
        {"beat": "Mara sells a horse."},
        {"before": GOOD},
        {"cut": True},
        {"findings": [Finding(rule="r", severity=Severity.ERROR, message="m")]},
        {"findings": [Finding(rule="r", severity=Severity.WARNING, message="m")]},
    ],
)
def test_each_flaw_lowers_the_score(worse: dict[str, Any]) -> None:
    assert score(**worse).total < score().total


def test_a_first_person_story_may_say_i() -> None:
    assert form_faults(GOOD + " He told me.", False, first_person=True) == 0.0
    assert score(GOOD + " He told me.", first_person=True).total > score(GOOD + " He told me.").total


def test_an_error_costs_more_than_a_warning_and_a_note_nothing() -> None:
    def total(severity: Severity) -> float:
        return score(findings=[Finding(rule="r", severity=severity, message="m")]).total

    assert total(Severity.ERROR) < total(Severity.WARNING) < total(Severity.NOTE) == score().total


def test_the_total_is_the_weighted_sum_of_the_parts() -> None:
    weights = Weights(likelihood=2, names=3, beat=5, repetition=7, form=11, finding=13)
    warning = Finding(rule="r", severity=Severity.WARNING, message="m")
    s = score("Mara ran.", cut=True, findings=[warning], weights=weights)
    parts = 2 * s.likelihood + 3 * s.names + 5 * s.beat - 7 * s.repetition - 11 * s.form - 13 * s.findings
    assert s.total == pytest.approx(parts, abs=1e-3)
    assert (s.likelihood, s.names, s.form, s.findings) == (-1.0, 1.0, 2.0, 0.4)


def test_nothing_wanted_counts_as_all_there() -> None:
    s = score(wanted=[], beat="", mean_logprob=None)
    assert (s.names, s.beat, s.likelihood) == (1.0, 1.0, 0.0)


def test_names_count_in_any_case_and_are_not_counted_again_as_words_of_the_beat() -> None:
    assert score("THE MILL burned.", wanted=["the mill"], beat="The mill burns.").names == 1.0
    assert score("Mara sang.", beat="Mara sings.").beat == 0.0


@pytest.mark.parametrize(
    ("text", "pronouns", "before", "strays"),
    [
        ("He did not know why.", {"she"}, "", 1),
        ("He did not know why.", {"she", "he"}, "", 0),
        ("The boy did not know why, and he said so.", {"she"}, "", 0),
        ("He did not know why.", {"she"}, "A boy came in.", 0),
        ('"He is late," said Mara.', {"she"}, "", 0),
        ("She took his hand, and he took hers.", {"they"}, "", 2),
        ("The rain went on. Their lamp was out.", {"she"}, "", 0),
    ],
)
def test_a_pronoun_of_nobody_in_the_story_is_noticed(text: str, pronouns: set[str], before: str, strays: int) -> None:
    assert stray_pronouns(text, pronouns, before) == strays
