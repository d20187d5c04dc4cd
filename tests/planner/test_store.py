"""What goes into a library comes out of it, in order, once, and is never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from story_samples import FACT, FINDING, OUTLINE, OUTPUT, PREMISE, SUMMARY, call, new_story, write

from planner import store
from planner.state import Fact, Relation, Summary
from planner.store import CallKey, Library, Output
from prompts.errors import InputError, LibraryError, StoryMissing


def test_a_library_makes_its_folder_and_keeps_its_stories_when_it_is_opened_again(where: str | Path) -> None:
    with Library.open(where) as library:
        story = library.create_story(logline="A baker.", seed=-5, options={"a": {"b": [1, None, "ü"]}})
    with Library.open(where) as library:
        assert library.story(story.id) == story


def test_a_path_gives_a_file_and_a_server_a_url_without_its_password(where: str | Path, library: Library) -> None:
    if isinstance(where, Path):
        assert library.file == where
        assert library.url == f"sqlite:///{where}"
    else:
        assert library.file is None
        assert library.url.startswith("postgresql://")


def test_the_default_library_lies_in_the_user_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with Library.open() as library:
        assert library.file is not None
        assert library.file.name == "library.db"
        assert library.file.parent.name == "fabula"


def test_closing_twice_is_fine(library: Library) -> None:
    library.close()
    library.close()


def test_a_story_is_found_by_its_id_or_the_beginning_of_it(library: Library) -> None:
    story = library.create_story(logline="A baker.", seed=1, options={})
    assert len(story.id) == 8
    assert library.story(story.id[:6].upper()) == story


def test_a_story_that_is_not_there_says_so(library: Library) -> None:
    new_story(library)
    for wrong in ("zzzzzzzz", "", "%", "_", "'; DROP TABLE stories"):
        with pytest.raises(StoryMissing, match="There is no story"):
            library.story(wrong)


def test_an_ambiguous_prefix_names_the_stories(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["abcdefg1", "abcdefg2", "abcdefg"])
    monkeypatch.setattr(store, "new_id", lambda: next(ids))
    for _ in range(3):
        new_story(library)
    with pytest.raises(StoryMissing, match=r"Several stories begin with 'abc': abcdefg1, abcdefg2, abcdefg; give more"):
        library.story("abc")
    assert library.story("abcdefg").id == "abcdefg"  # a whole id wins over longer ones that begin with it


def test_the_list_of_stories_is_newest_first_and_counts_the_main_branch(library: Library) -> None:
    first, second = new_story(library), new_story(library)
    library.add_premise(first, PREMISE.model_copy(update={"title": "Old"}))
    library.add_premise(first, PREMISE)
    write(library, first, "One two three.", "Four  five.")
    library.set_head(first, "alt", library.head(first))
    write(library, first, "Not counted.", branch="alt")
    library.mark_done(first, "main", True)
    newer, older = library.stories()
    assert (newer.id, older.id) == (second, first)
    assert (older.title, older.genre, older.paragraphs, older.words, older.done) == ("The Key", "mystery", 2, 5, True)
    assert (newer.title, newer.genre, newer.paragraphs, newer.words, newer.done) == ("", "", 0, 0, False)
    assert older.updated > older.created


def test_premises_and_outlines_come_back_as_they_were(library: Library) -> None:
    story = new_story(library)
    assert library.latest_premise(story) is None
    assert library.latest_outline(story) is None
    premise, outline = library.add_premise(story, PREMISE), library.add_outline(story, OUTLINE)
    assert library.premise(premise) == PREMISE
    assert library.outline(outline) == OUTLINE
    assert library.latest_premise(story) == premise


def test_a_new_outline_is_a_revision_and_the_old_one_stays(library: Library) -> None:
    story = new_story(library)
    first = library.add_outline(story, OUTLINE)
    changed = OUTLINE.model_copy(update={"arc": "kishotenketsu"})
    second = library.add_outline(story, changed, parent=first)
    assert library.latest_outline(story) == second
    assert library.outline(first) == OUTLINE
    assert library.add_outline(story, changed, parent=first) == second  # again after a crash
    third = library.add_outline(story, OUTLINE, parent=second)  # back to the first text is a step of its own
    assert third not in {first, second}
    assert library.latest_outline(story) == third


def test_missing_rows_are_named(library: Library) -> None:
    for read in (library.premise, library.outline, library.paragraph, library.children, library.path):
        with pytest.raises(LibraryError, match=r"has no .*'nothing'"):
            read("nothing")


def test_a_committed_paragraph_brings_its_facts_and_findings_and_moves_the_head(library: Library) -> None:
    story = new_story(library)
    (row,) = write(library, story, "Anna stood at the inn.", facts=(FACT, FACT), findings=(FINDING,))
    assert (row.index, row.parent, row.meta) == (0, None, {"model": "none", "score": -0.5})
    assert library.paragraph(row.id) == row
    assert library.head(story) == row.id
    assert library.facts_of(row.id) == [FACT, FACT]
    assert library.findings_of(row.id) == [FINDING]


def test_committing_again_changes_nothing(library: Library) -> None:
    story = new_story(library)
    first, second = write(library, story, "One.", "Two.", facts=(FACT,))
    again = library.commit(
        story, "main", parent=first.id, index=1, text="Two.", beat=3, meta={"late": 1}, facts=[FACT] * 4, findings=[]
    )
    assert again == second
    assert library.facts_of(second.id) == [FACT]
    assert [row.text for row in library.path(library.head(story))] == ["One.", "Two."]


def test_committing_an_older_paragraph_again_does_not_undo_what_followed(library: Library) -> None:
    story = new_story(library)
    first, _, last = write(library, story, "One.", "Two.", "Three.")
    library.mark_done(story, "main", True)
    library.commit(story, "main", parent=None, index=0, text="One.", beat=0, meta={}, facts=[], findings=[])
    library.commit(story, "main", parent=first.id, index=1, text="Two.", beat=0, meta={}, facts=[], findings=[])
    assert library.head(story) == last.id
    assert library.is_done(story)


def test_writing_an_undone_text_again_moves_the_head_back_to_it(library: Library) -> None:
    story = new_story(library)
    first, second = write(library, story, "One.", "Two.")
    library.set_head(story, "main", first.id)
    assert write(library, story, "Two.") == [second]
    assert library.head(story) == second.id


def test_two_branches_share_their_beginning(library: Library) -> None:
    story = new_story(library)
    first, second = write(library, story, "One.", "Two.")
    library.set_head(story, "darker", first.id)
    (other,) = write(library, story, "Three.", branch="darker")
    assert library.branches(story) == {"main": second.id, "darker": other.id}
    assert library.children(first.id) == [second, other]
    assert [row.text for row in library.path(other.id)] == ["One.", "Three."]
    assert library.roots(story) == [first]


def test_undoing_everything_leaves_an_empty_branch(library: Library) -> None:
    story = new_story(library)
    write(library, story, "One.")
    library.set_head(story, "main", None)
    assert library.head(story) is None
    assert library.path(None) == library.facts(None) == []


def test_a_head_cannot_move_to_another_story(library: Library) -> None:
    story, other = new_story(library), new_story(library)
    (row,) = write(library, other, "One.")
    for wrong in (row.id, "nothing"):
        with pytest.raises(LibraryError, match="has no paragraph"):
            library.set_head(story, "main", wrong)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_branch_needs_a_name_that_can_be_shown(library: Library, name: str) -> None:
    with pytest.raises(InputError, match="printable name"):
        library.set_head(new_story(library), name, None)


def test_a_paragraph_must_follow_its_parent(library: Library) -> None:
    story, other = new_story(library), new_story(library)
    (row,) = write(library, story, "One.")
    kept = {"text": "Two.", "beat": 0, "meta": {}, "facts": (), "findings": ()}
    with pytest.raises(LibraryError, match="index 5 cannot follow"):
        library.commit(story, "main", parent=row.id, index=5, **kept)
    with pytest.raises(LibraryError, match="to go on from"):
        library.commit(other, "main", parent=row.id, index=1, **kept)
    with pytest.raises(LibraryError, match="no such story"):
        library.commit("nostory1", "main", parent=None, index=0, **kept)
    assert library.head(story) == row.id


def test_a_failed_commit_leaves_nothing_behind(library: Library) -> None:
    story = new_story(library)
    broken = Fact.model_construct(paragraph=0, subject="anna", relation=Relation.AT, object="\ud800", quote="")
    with pytest.raises(LibraryError, match="not valid Unicode"):
        write(library, story, "One.", facts=(FACT, broken))
    assert library.roots(story) == []
    assert library.head(story) is None


@pytest.mark.parametrize("bad", ["a\0b", "half \ud83d"])
def test_text_that_a_database_cannot_keep_is_refused(library: Library, bad: str) -> None:
    story = new_story(library)
    with pytest.raises(LibraryError, match=r"NUL character|surrogate pair"):
        write(library, story, bad)
    with pytest.raises(LibraryError, match=r"NUL character|surrogate pair"):
        new_story(library, bad)


def test_the_done_mark_holds_until_the_head_moves(library: Library) -> None:
    story = new_story(library)
    (row,) = write(library, story, "One.")
    library.mark_done(story, "main", True)
    library.set_head(story, "main", row.id)
    assert library.is_done(story)
    library.set_head(story, "main", None)
    assert not library.is_done(story)
    with pytest.raises(LibraryError, match="no branch 'other'"):
        library.mark_done(story, "other", True)


def test_the_last_paragraphs_come_without_the_ones_before(library: Library) -> None:
    story = new_story(library)
    rows = write(library, story, *(f"Paragraph {i}." for i in range(7)))
    assert library.path(rows[-1].id, last=3) == rows[-3:]
    assert library.path(rows[-1].id, last=0) == []
    assert library.path(rows[1].id, last=99) == rows[:2]
    assert library.path(rows[-1].id) == rows


def test_facts_come_in_the_order_of_the_story(library: Library) -> None:
    story = new_story(library)
    facts = [FACT.model_copy(update={"paragraph": i, "object": word}) for i in range(3) for word in ("inn", "mill")]
    rows = [write(library, story, f"P{i}.", facts=tuple(facts[2 * i : 2 * i + 2]))[0] for i in range(3)]
    assert library.facts(rows[-1].id) == facts
    assert library.facts(rows[0].id) == facts[:2]


def test_the_first_summary_of_a_paragraph_is_kept(library: Library) -> None:
    (row,) = write(library, new_story(library), "One.")
    assert library.summary(row.id) is None
    assert library.add_summary(row.id, SUMMARY) == SUMMARY
    assert library.add_summary(row.id, Summary(sentences=("Other.",))) == SUMMARY
    assert library.summary(row.id) == SUMMARY
    with pytest.raises(LibraryError, match="to attach this to"):
        library.add_summary("nothing", SUMMARY)


def test_pinned_facts_are_kept_once_and_in_order(library: Library) -> None:
    story = new_story(library)
    other = FACT.model_copy(update={"object": "mill"})
    for fact in (other, FACT, other):
        library.pin(story, fact)
    assert library.pinned(story) == [fact.model_copy(update={"pinned": True}) for fact in (other, FACT)]


def test_a_journalled_output_comes_back_for_its_key_only(library: Library) -> None:
    story = new_story(library)
    assert library.recall(call(story)) is None
    assert library.record(call(story), OUTPUT) == OUTPUT
    assert library.recall(call(story)) == OUTPUT
    for other in (call(story, "h"), call(story, node="x"), call(story, attempt=1), call(story, call=1)):
        assert library.recall(other) is None
    assert library.recall(CallKey(story=story, head=None, node="generate", attempt=0, branch="alt")) is None


def test_the_first_output_of_a_call_wins(library: Library) -> None:
    story = new_story(library)
    library.record(call(story), OUTPUT)
    assert library.record(call(story), OUTPUT.model_copy(update={"seed": 8})) == OUTPUT
    assert library.count_outputs(story) == 1


def test_outputs_come_in_the_order_in_which_they_were_recorded(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.outputs.PAGE", 2)
    story, other = new_story(library), new_story(library)
    keys = [call(story, attempt=attempt, head="h" if attempt % 2 else None) for attempt in (3, 1, 4, 0, 5)]
    for key in keys:
        library.record(key, OUTPUT.model_copy(update={"seed": key.attempt}))
        library.record(key.model_copy(update={"story": other}), OUTPUT)
    assert [(key, output.seed) for key, output in library.outputs(story)] == [(key, key.attempt) for key in keys]
    assert library.count_outputs(story) == 5


def test_a_prompt_takes_little_room(file_library: Library) -> None:
    story = new_story(file_library)
    file_library.record(call(story), OUTPUT)
    with file_library.reading() as connection:
        size = connection.execute(text("SELECT length(body) FROM outputs")).scalar_one()
    assert size < len(OUTPUT.prompt) / 4


@pytest.mark.parametrize("request_", [{"api_key": "x"}, {"headers": [{"Authorization": "Bearer x"}]}])
def test_a_credential_never_reaches_the_journal(request_: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must not hold"):
        Output.model_validate(OUTPUT.model_dump() | {"request": request_})


def test_a_path_of_thousands_is_read_without_recursion(file_library: Library) -> None:
    story = new_story(file_library)
    rows = [
        {"id": f"p{i}", "story": story, "parent": f"p{i - 1}" if i else None, "index": i} for i in range(3_000)
    ]  # fmt: skip
    insert = (
        'INSERT INTO paragraphs (id, story, parent, "index", text, beat, words, meta, created) '
        "VALUES (:id, :story, :parent, :index, 'x', 0, 1, '{}', '')"
    )
    with file_library.writing() as connection:
        connection.execute(text(insert), rows)
    assert [row.id for row in file_library.path("p2999")] == [row["id"] for row in rows]
