"""Our own stories: the plan is spread, every file keeps the rules, and what breaks one is named; in slots no name is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetune.data.rows import Shares, rows, text_rows
from finetune.stories import check
from finetune.stories.model import FOLDER, StoryError, WrittenPremise, is_held, load_premise, written
from finetune.stories.plan import PREMISES, plan, spread
from finetune.stories.repeats import alike, corpus_faults, slotless, texts
from finetune.stories.slots import slotted_all

FIRST = "everyday-24"


@pytest.fixture(scope="module")
def corpus() -> list[WrittenPremise]:
    return list(written())


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The first story's file with one thing changed in it."""
    data = yaml.safe_load((FOLDER / "everyday" / f"{FIRST}.yaml").read_text())
    change(data)
    path = tmp_path / f"{FIRST}.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_the_plan_deals_ten_genres_evenly_and_no_card_is_a_habit() -> None:
    planned = list(plan().values())
    assert len(planned) == 10 * PREMISES
    assert sum(len(p.tellings) for p in planned) >= 1_000
    assert sum(len(p.tellings) > 1 for p in planned) >= 150
    most = {what: share for what, _, _, share in spread(planned)}
    assert most["genre"] == pytest.approx(0.1)
    assert most["name"] < 0.005
    assert max(most[card] for card in ("setting", "thing", "role", "trouble")) < 0.04
    assert max(most[card] for card in ("tone", "voice", "shape", "opening", "ending")) <= 0.1
    for premise in planned:
        assert len({person.name[0] for person in premise.cast}) == len(premise.cast)
        for card in ("tone", "voice", "shape", "opening", "ending"):
            assert len({getattr(t, card) for t in premise.tellings}) == len(premise.tellings)


def test_every_premise_of_the_plan_is_written(corpus: list[WrittenPremise]) -> None:
    assert {premise.id for premise in corpus} == set(plan())
    assert sum(len(premise.stories) for premise in corpus) == 1_020


def test_every_file_of_the_corpus_keeps_every_rule_and_no_two_stories_are_alike(corpus: list[WrittenPremise]) -> None:
    assert [fault for premise in corpus for fault in check.faults(premise)] == []
    assert list(corpus_faults(corpus)) == []


def test_in_slots_no_name_place_or_thing_is_left(corpus: list[WrittenPremise]) -> None:
    for premise in corpus:
        said = [*(p.name for p in premise.cast), *premise.places, *(t.name for t in premise.things)]
        names = re.compile(rf"(?<![\w<])(?:{'|'.join(map(re.escape, said))})(?![\w>])", re.IGNORECASE)
        for story in slotted_all([premise]):
            for p in story.paragraphs:
                for text in (p.text, p.beat, p.summary, *p.facts):
                    assert not names.search(text), (premise.id, text)
            slots = {member.slot for member in story.members.values()}
            assert {slot for p in story.paragraphs for slot in p.stage} <= slots


def test_a_story_gives_rows_of_all_roles(corpus: list[WrittenPremise]) -> None:
    import random

    story = next(slotted_all([next(p for p in corpus if p.id == FIRST)]))
    every = list(rows(story, Shares(1, 1, 1, 1, 1), random.Random(1), lambda text: len(text.split())))
    assert {row.task for row in every} == {"generator", "summarizer", "outline", "premise", "title"}
    generator = [row for row in every if row.task == "generator"]
    assert len(generator) == len(story.paragraphs)
    assert "<he1>" in generator[0].completion
    assert "Kamal" not in "".join(row.prompt + row.completion for row in every)


def test_as_mere_text_a_story_has_each_paragraph_after_the_one_before_and_nothing_else(
    corpus: list[WrittenPremise],
) -> None:
    story = next(slotted_all([next(p for p in corpus if p.id == FIRST)]))
    found = list(text_rows(story))
    assert [row.completion for row in found] == [p.text for p in story.paragraphs]
    assert found[0].prompt == "<|write|><|last|><|text|>"
    assert found[2].prompt == f"<|write|><|last|>{story.paragraphs[1].text}<|text|>"


def test_held_out_premises_are_a_tenth_of_each_genre() -> None:
    held = [key for key in plan() if is_held(key)]
    assert len(held) == 60
    assert len({key[:-3] for key in held}) == 10


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "2 text",
            "Silke came in, and then Bertha waved and said that" + " it was late and" * 6 + " so on.",
            "declared: Bertha",
        ),
        ("1 text", 'Kamal said, "It is late, and' + " so on and" * 8 + " so I go home.", "an unclosed quote"),
        ("1 note", "Kamal stole a purple elephant from wealthy pirates.", "says what no text says"),
        ("0 note", "Silke told Kamal that the repair shop would close.", "names Silke, whom no text has named"),
        ("0 facts", ["Silke at the pool"], "no text has named yet"),
        ("0 facts", ["Kamal eats"], "has none of the forms"),
        ("0 facts", ["the mayor has the pool"], "neither cast nor place nor thing"),
        ("3 beat", "It breaks.", "the beat has 2 words"),
        ("0 purpose", "rising", "the first purpose is setup"),
        ("title", "Closing on Friday.", "no full stop"),
        ("places", ["the repair shop", "the pool", "the moon base"], "'the moon base' never stands in a text"),
    ],
)
def test_what_breaks_a_rule_is_named(tmp_path: Path, path: str, value: Any, said: str) -> None:
    number, _, key = path.rpartition(" ")

    def change(data: dict[str, Any]) -> None:
        story = data["stories"][0]
        place = story["paragraphs"][int(number)] if number else data if key in data else story
        place[key] = value

    found = check.faults(load_premise(changed(tmp_path, change)))
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.update(id="everyday-99"), "says that its id is 'everyday-99'"),
        (lambda data: data["cast"].reverse(), "the cast must be Kamal, Silke, Magda"),
        (lambda data: data["stories"][0].update(id="x"), "the stories must be everyday-24a"),
        (lambda data: data.update(extra=1), "extra"),
        (lambda data: data.update(places=[]), "places"),
    ],
)
def test_a_file_that_is_not_of_the_plan_is_refused_in_one_sentence(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(StoryError, match=re.escape(said)) as raised:
        load_premise(changed(tmp_path, change))
    assert "\n" not in str(raised.value)


def test_a_story_told_again_under_other_names_is_found_to_be_alike(corpus: list[WrittenPremise]) -> None:
    one = next(p for p in corpus if p.id == FIRST)
    told = texts([one])
    other = "\n".join(x.text for x in one.stories[0].paragraphs[:6])
    for name in ("Kamal", "Silke", "Magda"):
        other = other.replace(name, f"{name[::-1].title()}")
    renamed = one.model_copy(
        update={"cast": tuple(p.model_copy(update={"name": p.name[::-1].title()}) for p in one.cast)}
    )
    told["again"] = slotless(renamed, other)
    assert [(a, b) for a, b, _ in alike(told)] == [("everyday-24a", "again")]


def test_the_command_says_how_many_files_have_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = FOLDER / "everyday" / f"{FIRST}.yaml"
    assert check.main([str(good)]) == 0
    bad = changed(tmp_path, lambda data: data["stories"][0].update(title="One. Two."))
    assert check.main([str(good), str(bad)]) == 1
    assert "2 premises, 2 stories, 1 files with faults" in capsys.readouterr().out
