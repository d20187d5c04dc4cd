"""A story as a reader gets it: the paragraphs as they were written, and whether there are more to come."""

from __future__ import annotations

import json

from story_samples import OUTLINE, PREMISE, SUMMARY
from storytelling import new_story, opened, tell, texts

from agents.engines.scripted import ScriptedEngine
from planner.manuscript import outline_markdown, to_json, to_markdown
from planner.session import read_story
from planner.store import Library


def test_markdown_is_the_title_and_every_paragraph(file_library: Library) -> None:
    story = new_story(file_library, title="Below")
    told = tell(file_library, story)
    assert to_markdown(read_story(file_library, story)) == "\n\n".join(["# Below", *told]) + "\n"


def test_a_story_that_is_not_at_its_end_says_so(file_library: Library) -> None:
    story = new_story(file_library)
    assert to_markdown(read_story(file_library, story)) == f"# {story.logline}\n\n*(unfinished)*\n"
    with opened(file_library, story, ScriptedEngine()) as session:
        session.write_paragraph()
    (first,) = texts(file_library, story)
    assert to_markdown(read_story(file_library, story)).endswith(f"\n\n{first}\n\n*(unfinished)*\n")


def test_json_holds_everything_and_can_be_written(file_library: Library) -> None:
    story = new_story(file_library, seed=5)
    told = tell(file_library, story)
    value = json.loads(json.dumps(to_json(read_story(file_library, story), SUMMARY)))
    assert (value["id"], value["seed"], value["done"]) == (story.id, 5, True)
    assert [paragraph["text"] for paragraph in value["paragraphs"]] == told
    assert value["words"] == sum(len(text.split()) for text in told)
    assert value["summary"] == SUMMARY.text
    assert value["premise"]["logline"] == story.logline
    assert sum(beat["paragraphs"] for beat in value["outline"]["beats"]) == 3
    assert value["options"]["engine"] == {"name": "scripted"}


def test_json_of_a_story_without_a_plan_has_nulls(file_library: Library) -> None:
    value = json.loads(json.dumps(to_json(read_story(file_library, new_story(file_library)))))
    assert (value["premise"], value["outline"], value["summary"], value["paragraphs"]) == (None, None, "", [])


def test_an_outline_names_people_and_things_not_their_ids() -> None:
    said = outline_markdown(OUTLINE, PREMISE)
    assert said.startswith("# Outline of The Key (three acts)\n")
    assert "1. **Dawn** (setup, tension 0.50): Anna opens the inn." in said
    assert "On stage: Anna Lévy." in said
    assert "2 paragraph(s)" in said
