"""A study: blind, shuffled for each rater, kept act by act, and every bad input in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_samples import sample_study, write_outputs
from typer.testing import CliRunner

import cli
from finetune.study.bundle import Pair, Study, load_study, make_study, read_outputs
from finetune.study.ratings import Sheet, all_ratings, read_ratings, shown_to
from prompts.errors import InputError

RUN = CliRunner()


def invented(pairs: int, systems: tuple[str, ...] = ("a", "b")) -> Study:
    made = tuple(Pair(f"{n:05}", f"p{n}", (systems[0], systems[1]), (f"x{n}", f"y{n}")) for n in range(pairs))
    return Study(Path("nowhere"), 3, systems, made)


@given(st.integers(0, 60), st.text(min_size=1))
def test_every_rater_sees_every_pair_once_in_an_order_of_their_own_with_the_sides_in_balance(
    count: int, name: str
) -> None:
    study = invented(count)
    shown = shown_to(study, name)
    assert sorted(pair.id for pair, _ in shown) == [pair.id for pair in study.pairs]
    assert abs(2 * sum(turned for _, turned in shown) - count) <= 1
    assert shown == shown_to(study, name)


def test_two_raters_see_different_orders_and_sides() -> None:
    one, other = (shown_to(invented(30), name) for name in ("ada", "ben"))
    assert [p.id for p, _ in one] != [p.id for p, _ in other]
    assert {p.id for p, turned in one if turned} != {p.id for p, turned in other if turned}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["left", "right", "tie", "skip", "undo"]), max_size=12), st.data())
def test_what_was_rated_is_there_again_however_the_file_was_cut(acts: list[str], data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        study = sample_study(Path(folder), prompts=5)
        states: list[dict[str, str]] = [{}]
        with Sheet(study, "ada") as sheet:
            for act in acts:
                if act == "undo":
                    if sheet.undo() is not None:
                        states.append(dict(sheet.made))
                elif sheet.next is not None:
                    sheet.choose(sheet.next[0], act)  # type: ignore[arg-type]
                    states.append(dict(sheet.made))
        whole = sheet.path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        sheet.path.write_bytes(whole[:cut])
        with Sheet(study, "ada") as again:
            assert again.made == states[whole[:cut].count(b"\n")]
            shown = [pair.id for pair, _ in again.order]
            following = again.next
            assert (following is None) == (len(again.made) == 5)
            if following is not None:
                assert following[0].id == next(name for name in shown if name not in again.made)
                again.choose(following[0], "tie")
        assert read_ratings(sheet.path, set(shown)) == again.made


def test_the_last_choice_is_taken_back_and_asked_for_again(tmp_path: Path) -> None:
    with Sheet(sample_study(tmp_path), "ada") as sheet:
        assert sheet.undo() is None
        first = sheet.next
        assert first is not None
        sheet.choose(first[0], "left")
        assert sheet.next != first
        assert sheet.undo() == first[0]
        assert sheet.next == first


def test_nothing_that_a_rater_sees_or_leaves_behind_names_a_system(tmp_path: Path) -> None:
    files = [
        write_outputs(tmp_path / f"{name}.jsonl", {f"P{n}": f"Text {n}{side}." for n in range(3)})
        for name, side in (("Alpha", "x"), ("Omega", "y"))
    ]
    study = str(tmp_path / "study")
    assert RUN.invoke(cli.app, ["study", "new", study, "--a", str(files[0]), "--b", str(files[1])]).exit_code == 0
    result = RUN.invoke(cli.app, ["study", "rate", study, "--rater", "ada"], input="l\nr\nt\n")
    assert result.exit_code == 0, result.output
    assert "All 3 pairs are rated." in result.stdout
    kept = (tmp_path / "study" / "ratings" / "ada.jsonl").read_text()
    assert not {"alpha", "omega"} & set((result.stdout + kept).lower().replace('"', " ").split())
    assert "Alpha" in RUN.invoke(cli.app, ["study", "report", study]).stdout


def test_a_script_may_rate_through_a_pipe_with_words_or_keys(tmp_path: Path) -> None:
    sample_study(tmp_path)
    line = ["study", "rate", str(tmp_path / "study"), "--rater", "ada"]
    result = RUN.invoke(cli.app, line, input="left\nundo\nRIGHT\n2\nskip\nq\nl\n")
    assert result.exit_code == 0
    assert "The last choice is taken back." in result.stdout
    assert "Left at 2 of 4." in result.stdout
    assert list(all_ratings(load_study(tmp_path / "study"))["ada"].values()) == ["right", "skip"]
    puzzled = RUN.invoke(cli.app, line, input="x\nt\n")
    assert "There is no key 'x'" in puzzled.stdout
    assert puzzled.exit_code == 2
    assert "Left at 3 of 4." in puzzled.stdout


def test_control_characters_in_texts_are_shown_and_never_sent(tmp_path: Path) -> None:
    files = [write_outputs(tmp_path / f"{n}.jsonl", {"P\x1b[2J": f"A\x1b]0;owned\x07 {n}\u202e\ud800"}) for n in "ab"]
    study = str(tmp_path / "s")
    assert RUN.invoke(cli.app, ["study", "new", study, "--a", str(files[0]), "--b", str(files[1])]).exit_code == 0
    said = RUN.invoke(cli.app, ["study", "rate", study, "--rater", "ada"], input="l\n").stdout
    assert not set(said) & {"\x1b", "\x07", "\u202e", "\ud800"}
    assert "␛]0;owned␇" in said


def test_a_study_takes_the_outputs_of_an_evaluation_and_names_systems_by_their_folders(tmp_path: Path) -> None:
    a = write_outputs(tmp_path / "out" / "sft" / "samples.jsonl", {"P": "one"})
    b = write_outputs(tmp_path / "out" / "dpo" / "samples.jsonl", {"P": "two"})
    done = RUN.invoke(cli.app, ["study", "new", str(tmp_path / "s"), "--a", str(a), "--b", str(b)])
    assert done.exit_code == 0, done.output
    assert load_study(tmp_path / "s").systems == ("sft", "dpo")


def test_three_systems_are_compared_two_by_two(tmp_path: Path) -> None:
    study = sample_study(tmp_path, prompts=2, systems="abc")
    assert [pair.systems for pair in study.pairs] == [("a", "b"), ("a", "c"), ("b", "c")] * 2
    assert load_study(study.folder) == study


def test_prompts_that_differ_are_named_and_common_ones_can_be_taken(tmp_path: Path) -> None:
    a = write_outputs(tmp_path / "a.jsonl", {"P": "one", "Q": "two"})
    b = write_outputs(tmp_path / "b.jsonl", {"P": "three"})
    line = ["study", "new", str(tmp_path / "s"), "--a", str(a), "--b", str(b)]
    refused = RUN.invoke(cli.app, line)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: The prompts differ: b has no text for 'Q', which a has")
    assert not (tmp_path / "s").exists()
    assert RUN.invoke(cli.app, [*line, "--common"]).exit_code == 0
    assert len(load_study(tmp_path / "s").pairs) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["rate", "none", "--rater", "ada"], "There is no study in none"),
        (["rate", "study"], "Say who rates"),
        (["rate", "study", "--rater", "../ada"], "The rater's name '../ada' can't be used"),
        (["report", "study"], "Nobody has decided a pair"),
        (["new", "study", "--a", "a.jsonl", "--b", "b.jsonl"], "There is a study in study already"),
        (["new", "more", "--a", "a.jsonl"], "at least two systems"),
        (["new", "more", "--a", "a.jsonl", "--b", "none.jsonl"], "There is no file none.jsonl"),
        (["new", "more", "--a", "a.jsonl", "--b", "broken.jsonl"], "Line 2 of broken.jsonl is not JSON"),
        (["new", "more", "--a", "a.jsonl", "--b", "odd.jsonl"], "Line 1 of odd.jsonl is no row"),
        (["new", "more", "--a", "a.jsonl", "--b", "empty.jsonl"], "empty.jsonl holds no texts"),
        (["new", "more", "--a", "a.jsonl", "--b", "x/a.jsonl"], "Two systems are called a"),
        (["new", "more", "--a", "[/b]=a.jsonl", "--b", "b.jsonl"], "A system can't be called '[/b]'"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_bad_input_is_one_clear_sentence(line: list[str], says: str, tmp_path: Path) -> None:
    sample_study(tmp_path)
    write_outputs(tmp_path / "x" / "a.jsonl", {"P": "t"})
    Path("broken.jsonl").write_text('{"prompt": "P", "text": "t"}\n{"prompt": \n')
    Path("odd.jsonl").write_text('{"prompt": 1, "text": "t"}\n')
    Path("empty.jsonl").write_text("\n")
    result = RUN.invoke(cli.app, ["study", *line])
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr


def test_a_broken_line_of_ratings_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    path = study.folder / "ratings" / "ada.jsonl"
    path.parent.mkdir()
    path.write_text('{"pair": "00001", "choice": "left"}\n{"pair": "00007", "choice": "left"}\n')
    before = path.read_bytes()
    for line in (["rate", "study", "--rater", "ada"], ["report", "study"]):
        result = RUN.invoke(cli.app, ["study", *line], input="l\n")
        assert result.exit_code == 2
        assert "Line 2 of study/ratings/ada.jsonl is broken" in result.stderr
    assert path.read_bytes() == before
    path.write_text('{"pair": "00001", "choice": "left"}\n')
    assert RUN.invoke(cli.app, ["study", "rate", "study", "--rater", "ada"], input="l\n").exit_code == 0


def test_a_rater_has_one_window(tmp_path: Path) -> None:
    study = sample_study(tmp_path)
    with Sheet(study, "ada"), Sheet(study, "ben"), pytest.raises(InputError, match="another window"):
        Sheet(study, "ada")


def test_outputs_may_hold_several_texts_a_row_and_several_rows_a_prompt(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [
        {"prompt": "P", "texts": ["one", "two"]}, {"prompt": "P", "completion": "three"},
        {"prompt": "Q", "system": "S", "text": "four"}, {"prompt": "R", "text": " "},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_outputs(path) == {"P": ["one", "two", "three"], "S\n\nQ": ["four"], "R": []}
    study = make_study(tmp_path / "s", {"a": {"P": ["x", "y"]}, "b": {"P": ["u", "v", "w"]}}, repeats=5)
    assert sorted(pair.texts[0] for pair in study.pairs) == ["x", "y"]
    assert len({pair.texts[1] for pair in study.pairs}) == 2
