"""The bundled model as a user meets it: real stories, written by the real engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.brief import make_brief
from agents.engines.embedded import EmbeddedEngine
from agents.generator import GeneratorSettings
from planner.context import ROLES, WriteSettings
from planner.manuscript import to_markdown
from planner.session import Manuscript, begin, open_story, read_story
from planner.store import Library

pytestmark = pytest.mark.model
PREMISE = "A lighthouse keeper finds a door under the sea"


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(threads=1)
    yield engine
    engine.close()


def written(folder: Path, engine: EmbeddedEngine, seed: int, **wishes: object) -> Manuscript:
    brief = make_brief(**{"logline": PREMISE, "paragraphs": 8, **wishes})
    settings = WriteSettings(generator=GeneratorSettings(n=3))
    with Library.open(folder / f"{seed}.db") as library:
        story = begin(library, brief, seed, settings, {"name": "embedded"})
        with open_story(library, story, dict.fromkeys(ROLES, engine), durability="exit") as session:
            session.write()
        return read_story(library, story)


def test_a_premise_becomes_a_titled_story_that_ends_with_its_outline(tmp_path: Path, engine: EmbeddedEngine) -> None:
    story = written(tmp_path, engine, 1)
    assert story.done
    assert story.premise
    assert story.outline
    assert story.title
    assert len(story.paragraphs) == 8 == story.outline.paragraphs
    assert story.outline.beats[-1].purpose == "resolution"
    assert all(len(paragraph.text.split()) >= 8 for paragraph in story.paragraphs)
    text = to_markdown(story)
    assert "<" not in text
    assert "|" not in text
    for entity in (e for e in story.premise.entities if e.given and e.kind != "character"):
        assert entity.name.lower() in text.lower()
    assert story.premise.cast[0].name in text


def test_the_same_premise_and_seed_give_the_same_story_and_another_seed_another(
    tmp_path: Path, engine: EmbeddedEngine
) -> None:
    (tmp_path / "again").mkdir()
    first, again = written(tmp_path, engine, 5), written(tmp_path / "again", engine, 5)
    other = written(tmp_path, engine, 6)
    assert to_markdown(first) == to_markdown(again)
    assert to_markdown(first) != to_markdown(other)


def test_a_given_cast_keeps_its_names_and_nobody_else_is_named(tmp_path: Path, engine: EmbeddedEngine) -> None:
    story = written(
        tmp_path, engine, 4, logline="Two rivals build one bridge", setting="the gorge", genre="historical",
        characters=("Ottoline: proud, a mason, she", "Zebedee: patient, he"),
    )  # fmt: skip
    assert story.premise
    assert [c.name for c in story.premise.cast] == ["Ottoline", "Zebedee"]
    text = to_markdown(story)
    assert "Ottoline" in text
    assert "Zebedee" in text
    assert "the gorge" in text.lower()


def test_wishes_of_hundreds_of_letters_without_sense_are_kept_and_written_with(
    tmp_path: Path, engine: EmbeddedEngine
) -> None:
    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=300))
    wishes = {"characters": (f"Mara: {noise}", f"Tom: a {noise}, he"), "tone": noise, "setting": noise[:80]}
    story = written(tmp_path, engine, 3, paragraphs=3, **wishes)
    assert story.done
    assert story.premise
    assert story.premise.cast[0].traits == (noise,)
    assert story.premise.cast[1].role == noise


def test_a_model_reads_its_own_story_as_likelier_than_the_same_words_shuffled(engine: EmbeddedEngine) -> None:
    from agents.engines.base import Prompt

    prompt = Prompt(text="<|write|><|tags|>mystery, quiet, third person, past<|cast|><she1> the <role1>, shy<|text|>")
    straight = "<she1> walked down to the harbour in the rain."
    shuffled = "rain the harbour down <she1> in to the walked."
    one, other = engine.score(prompt, [straight, shuffled])
    assert sum(one) > sum(other)
