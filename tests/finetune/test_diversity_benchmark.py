"""The diversity benchmark: what its quality measure rewards, what its ratios are made of, and a whole run in tiny figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from finetune.build.quality import asked, filled, parts_of, quality, tidy

PROMPT = (
    "<|write|><|tags|>mystery, quiet, third person, past<|cast|><she1> the <role1>, stubborn<|summary|><she1> kept watch."
    "<|last|>The rain had come early that year and stayed.<|beat|>rising 3/9: <she1> carries <item1> to <place1>."
    "<|stage|><she1> <item1> <place1><|text|>"
)
GOOD = (
    "<she1> put <item1> under her coat and carried it down the wet path to <place1>. Nobody saw her go. The door stood open, "
    "and the stairs were cold under her shoes."
)


def test_a_prompt_tells_what_is_asked_for() -> None:
    found = asked(PROMPT)
    assert found.wanted == found.stage == {"she1", "item1", "place1"}
    assert "carri" in found.beat
    assert not found.first_person
    told = asked(PROMPT.replace("third person", "first person"))
    assert told.wanted == {"item1", "place1"}  # the teller is "I", whom nobody names


@pytest.mark.parametrize(
    ("part", "worse"),
    [
        ("named", GOOD.replace("<item1>", "it")), ("stage", GOOD.replace("Nobody", "<he2>")),
        ("beat", GOOD.replace("carried", "took")), ("fresh", GOOD + " Nobody saw her go. Nobody saw her go."),
        ("form", GOOD.rstrip(".")), ("words", GOOD.replace("stairs", "stailers")),
    ],
)  # fmt: skip
def test_each_part_of_the_quality_falls_with_its_fault(part: str, worse: str) -> None:
    before, after = parts_of(PROMPT, GOOD, 0.5), parts_of(PROMPT, worse, 0.5)
    assert after[part] < before[part]
    assert quality(PROMPT, worse, 0.5) < quality(PROMPT, GOOD, 0.5) <= 10
    assert all(0 <= value <= 1 for value in after.values())


def test_an_unlikely_text_is_worth_less_and_an_empty_one_nothing() -> None:
    assert quality(PROMPT, GOOD, 2.0) < quality(PROMPT, GOOD, 0.2)
    assert quality(PROMPT, " ", 0.0) == 0


def test_slots_are_read_as_names_and_a_cut_sentence_is_left_out() -> None:
    assert filled("<place1> was dark. <item1> shone, said <she1>.") == (
        "The old mill was dark. The brass key shone, said Anna."
    )
    assert tidy("<she1> came  in.\nShe sat and") == "<she1> came in."


def test_a_ratio_is_taken_over_the_same_drawn_prompts() -> None:
    from benchmarks.diversity_judge import compared

    base = np.array([[value, 1.0] for value in (0.1, 0.9, 0.4, 0.7)])
    value, low, high = compared(base * [1.1, 1.0], base, 3)
    assert value == pytest.approx(1.1)
    assert low == pytest.approx(1.1)
    assert high == pytest.approx(1.1)


@pytest.mark.torch
@pytest.mark.timeout(280)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_tiny_run_trains_all_methods_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    from benchmarks import diversity

    tiny = {**diversity.SMALL, "prompt": 140, "tokens": 24, "sft_steps": 1, "steps": 1, "batch": 2, "turns": 1,
            "judged": 1, "samples": 2, "most": 1}  # fmt: skip
    monkeypatch.setattr(diversity, "SMALL", tiny)
    given = ["--small", "--work", str(tmp_path / "w"), "threads=1"]
    assert diversity.main(given) in {0, 1}  # its figures mean nothing
    out = capsys.readouterr().out
    table = (tmp_path / "w" / "table.md").read_text()
    for name in ("bundled", *diversity.MODELS):
        assert f"| {name} | " in table
        assert f"| {name} | " in out
    assert "diversity step time of DDPO by DPO: " in out
    assert "diversity semantic of DDPO-both by DPO: " in out

    made = json.loads((tmp_path / "w" / "SFT" / "result.json").read_text())
    assert diversity.main(given) in {0, 1}
    again = capsys.readouterr().out
    assert "done in" not in again  # nothing is trained anew
    assert table in again
    assert json.loads((tmp_path / "w" / "SFT" / "result.json").read_text()) == made

    assert diversity.main([*given, "steps=2"]) == 2
    assert "begun with another steps" in capsys.readouterr().err
