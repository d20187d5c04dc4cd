"""The story worlds: each is valid and speaks only of who is on stage; together they tell many different stories."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from corpus_samples import WORLDS

from finetune.measure import Variety, measure_worlds
from finetune.worlds.check import faults, main
from finetune.worlds.model import GENRES, World, WorldError, load_world, load_worlds
from finetune.worlds.teller import tell
from prompts.slots import slot_tokens

FILES = sorted(WORLDS.glob("*.yaml"))
SLOT = re.compile(r"<[a-z]+\d>")
LAMP = WORLDS / "mystery-lamp-on-the-rock.yaml"


@pytest.fixture(scope="module")
def worlds() -> dict[str, World]:
    return {path.stem: load_world(path) for path in FILES}


def test_there_are_forty_worlds_and_three_of_every_genre(worlds: dict[str, World]) -> None:
    genres = Counter(world.genre for world in worlds.values())
    assert len(worlds) >= 40
    assert {genre for genre in GENRES if genres[genre] >= 3} == set(GENRES)
    assert len({world.name for world in worlds.values()}) == len(worlds)
    assert all(stem == f"{world.genre.replace(' ', '-')}-{world.name}" for stem, world in worlds.items())


@pytest.mark.parametrize("stem", [path.stem for path in FILES])
def test_a_world_has_no_fault_and_tells_of_the_stage_alone(stem: str, worlds: dict[str, World]) -> None:
    world = worlds[stem]
    stories = [tell(world, seed) for seed in range(40)]
    assert faults(world, stories) == []
    known = set(slot_tokens())
    for story in stories:
        assert 6 <= len(story.paragraphs) <= 16
        assert story.paragraphs[-1].purpose == "resolution"
        members = {member.slot for member in story.members.values()}
        assert not re.search(r"[{}]", f"{story.title} {story.logline}")
        for paragraph in story.paragraphs:
            stage = set(paragraph.stage)
            assert stage <= members <= known
            for text in (paragraph.text, paragraph.beat, paragraph.summary, *paragraph.facts):
                assert not re.search(r"[{}]|\s{2}", text)
                named = {slot for slot in SLOT.findall(text) if not slot.startswith("<role")}
                assert named <= stage
                roles = {f"<role{slot[-2]}>" for slot in stage}
                assert {slot for slot in SLOT.findall(text) if slot.startswith("<role")} <= roles


def test_a_seed_tells_the_same_story_again() -> None:
    once, twice, other = tell(load_world(LAMP), 5), tell(load_world(LAMP), 5), tell(load_world(LAMP), 6)
    assert dataclasses.asdict(once) == dataclasses.asdict(twice)
    assert once.paragraphs != other.paragraphs


def test_details_in_a_title_have_capitals() -> None:
    world = load_world(LAMP)
    titles = {tell(world, seed).title for seed in range(200)}
    assert any(re.fullmatch(r"(Three|Four|Five|Seven) Nights of (Fog|Rain|Wind|Snow)", title) for title in titles)
    assert not any(re.search(r"of (fog|rain|wind|snow)", title) for title in titles)


def test_the_worlds_are_varied(worlds: dict[str, World]) -> None:
    variety = measure_worlds(list(worlds.values()), range(50))
    shares = variety.shares()
    assert isinstance(variety, Variety)
    assert variety.stories >= 40 * 50
    assert shares["stories"] > 0.99
    assert shares["paragraphs"] > 0.85  # measured 0.96: told again word for word is the exception
    assert shares["openings"] > 0.85  # measured 0.96
    assert shares["sentences"] > 0.25  # measured 0.31
    assert variety.different_sentences > 30_000  # measured 41,000
    assert variety.different_opening_sentences > 400  # measured 580
    assert variety.written_sentences > 14_000  # measured 17,000


def changed(tmp_path: Path, **ways: object) -> Path:
    """The lamp world with some fields of its first way changed."""
    data = yaml.safe_load(LAMP.read_text())
    data["events"]["alone"]["ways"][0].update(ways)
    path = tmp_path / LAMP.name
    path.write_text(yaml.safe_dump(data, sort_keys=False, width=10_000))
    return path


@pytest.mark.parametrize(
    ("ways", "fault"),
    [
        ({"facts": ["{A} has the money"]}, "'{A} has the money' has none of the forms"),
        ({"facts": ["{B} at {P}"]}, "names B, who is not on stage"),
        ({"needs": ["rich"]}, "the flag 'rich' is needed, but nothing ever sets it"),
        ({"needs": ["not rich"]}, "the flag 'rich' is needed, but nothing ever sets it"),
        ({"needs": ["alone"]}, "goes this way"),
    ],
)
def test_the_checker_finds(tmp_path: Path, ways: dict[str, object], fault: str) -> None:
    world = load_world(changed(tmp_path, **ways))
    assert any(fault in found for found in faults(world, [tell(world, seed) for seed in range(20)]))


@pytest.mark.parametrize(
    ("ways", "fault"),
    [
        ({"beat": "{B} waits."}, "not on stage"),
        ({"beat": "{A:whose} waits."}, "means nothing here"),
        ({"beat": "{A waits."}, "a marker is malformed"),
        ({"next": ["nowhere"]}, "does not exist"),
        ({"next": ["alone"]}, "in a circle"),
        ({"mood": "dark"}, "mood"),
    ],
)
def test_a_dangling_world_is_not_loaded(tmp_path: Path, ways: dict[str, object], fault: str) -> None:
    with pytest.raises(WorldError, match=fault) as caught:
        load_world(changed(tmp_path, **ways))
    assert str(caught.value).startswith(LAMP.name)


@pytest.mark.parametrize("key", ["more", "tell", "genre"])
def test_a_key_that_is_given_twice_is_an_error_that_names_its_lines(tmp_path: Path, key: str) -> None:
    lines = LAMP.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    lines.insert(first, f"{indent}{key}: []")
    path = tmp_path / "twice.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(WorldError) as caught:
        load_world(path)
    said = f"twice.yaml: line {first + 2}: the key {key!r} was given in line {first + 1} already"
    assert str(caught.value) == said


def test_a_key_twice_in_one_line_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text(LAMP.read_text() + "extra: {a: 1, a: 2}\n")
    with pytest.raises(WorldError, match="the key 'a' was given"):
        load_world(path)


def test_the_check_command_names_faults_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(LAMP), "--show", "1"]) == 0
    assert main([str(changed(tmp_path, facts=["{A} at home"]))]) == 1
    assert "none of the forms" in capsys.readouterr().out
    assert len(load_worlds()) == len(FILES)
