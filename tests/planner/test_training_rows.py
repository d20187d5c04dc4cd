"""A person's own stories as training rows: what they took, wrote, edited and picked, with the prompts that asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from storytelling import OWN, here, new_story, opened, tell
from typer.testing import CliRunner

import cli
from agents.engines.scripted import ScriptedEngine
from finetune.data.folder import load_index, read_rows
from finetune.data.own import write_own
from planner.export.training import Style, Wanted, training_rows
from planner.session import Session
from planner.store import Library, StoryRow
from prompts.errors import InputError, StoryMissing

RUN = CliRunner()


def rows(library: Library, kind: str, **wanted: object) -> list[dict[str, object]]:
    return [row for found, row in training_rows(library, Wanted(**wanted)) if found == kind]  # type: ignore[arg-type]


def accepted(session: Session, text: str | None = None) -> str:
    draft = session.propose()
    assert draft is not None
    session.accept(text)
    return draft.text


def test_accepted_and_edited_paragraphs_are_learnt_with_the_prompts_that_asked_for_them(
    file_library: Library, session: Session, story: StoryRow
) -> None:
    accepted(session)
    accepted(session, OWN)
    asked = [out.prompt for key, out in file_library.outputs(story.id) if key.node == "generate" and key.call == 0]
    found = rows(file_library, "sft")
    assert [row["completion"] for row in found] == here(session)
    assert [row["prompt"] for row in found] == asked
    assert all("novelist" in str(row["system"]) for row in found)
    assert {row["group"] for row in found} == {story.id}
    assert {row["task"] for row in found} == {"generator"}


def test_an_edit_is_preferred_to_the_models_draft(file_library: Library, session: Session) -> None:
    draft = accepted(session)
    session.edit(OWN)
    session.edit(f"{OWN} And again.")
    (pair,) = rows(file_library, "preference")
    assert (pair["chosen"], pair["rejected"]) == (f"{OWN} And again.", draft)
    assert (pair["chosen_score"], pair["rejected_score"]) == (1.0, 0.0)
    assert pair["prompt"] == rows(file_library, "sft")[0]["prompt"]


def test_an_alternative_that_was_picked_is_preferred_to_the_one_proposed(
    file_library: Library, session: Session
) -> None:
    first = session.propose()
    second = session.reroll()
    assert first is not None
    assert second is not None
    session.accept(first.text)
    (pair,) = rows(file_library, "preference")
    assert (pair["chosen"], pair["rejected"]) == (first.text, second.text)


def test_a_change_of_case_alone_is_no_preference(file_library: Library, session: Session) -> None:
    draft = accepted(session)
    session.edit(draft.upper())
    assert rows(file_library, "preference") == []
    assert len(rows(file_library, "sft")) == 1


def test_a_paragraph_of_ones_own_gets_the_prompt_that_would_have_asked_for_it(
    file_library: Library, session: Session
) -> None:
    accepted(session)
    session.add(OWN)
    row = rows(file_library, "sft")[1]
    assert row["completion"] == OWN
    assert "Write the next paragraph" in str(row["prompt"])
    assert f"Last paragraph: {here(session)[0]}" in str(row["prompt"])


def test_paragraphs_that_branches_share_are_learnt_once(file_library: Library, session: Session) -> None:
    accepted(session, OWN)
    accepted(session)
    session.branch("other")
    session.jump(0)
    accepted(session, f"{OWN} Otherwise.")
    texts = [row["completion"] for row in rows(file_library, "sft")]
    assert len(texts) == len(set(texts)) == 3


def test_a_story_that_nobody_touched_is_left_out_unless_asked_for(file_library: Library) -> None:
    told = tell(file_library, new_story(file_library, 4))
    assert rows(file_library, "sft") == []
    assert [row["completion"] for row in rows(file_library, "sft", everything=True)] == told


@pytest.mark.parametrize("style", ["completion", "slots"])
def test_other_styles_put_the_prompt_their_own_way(file_library: Library, session: Session, style: Style) -> None:
    accepted(session, OWN)
    (row,) = rows(file_library, "sft", style=style)
    assert "system" not in row
    assert str(row["prompt"]).startswith("<|write|>" if style == "slots" else "You are a novelist")


def test_the_command_writes_both_data_sets(tmp_path: Path) -> None:
    where = tmp_path / "library.db"
    with Library.open(where) as library, opened(library, story := new_story(library, 6), ScriptedEngine()) as session:
        accepted(session, OWN)
        accepted(session)
    line = ["data", "from-library", "--out", str(tmp_path / "mine"), "--library", str(where)]
    result = RUN.invoke(cli.app, line)
    assert result.exit_code == 0, result.output
    assert len(list(read_rows(tmp_path / "mine" / "sft", "train"))) == 2
    (pair,) = read_rows(tmp_path / "mine" / "preference", "train")
    assert (pair["chosen"], pair["group"]) == (OWN, story.id)
    assert load_index(tmp_path / "mine" / "preference")["kind"] == "preference"
    again = RUN.invoke(cli.app, line)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert "from-library" in RUN.invoke(cli.app, ["data", "--help"]).output


def test_a_library_without_anything_to_learn_is_one_sentence(tmp_path: Path, file_library: Library) -> None:
    tell(file_library, new_story(file_library, 3))
    line = ["data", "from-library", "--out", str(tmp_path / "mine"), "--library", str(tmp_path / "library.db")]
    result = RUN.invoke(cli.app, line)
    assert result.exit_code == 2
    assert "no paragraph that a person took or wrote" in " ".join(result.stderr.split())
    assert not list(tmp_path.glob("mine/*"))
    with pytest.raises(StoryMissing):
        rows(file_library, "sft", stories=("nowhere",))
    with pytest.raises(InputError, match="no paragraph"):
        write_own([], tmp_path / "mine", 0.0, False)
