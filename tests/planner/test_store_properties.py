"""Any sequence of writing, undoing, branching, committing again and reopening agrees with a small model in memory."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from story_samples import FACT, call

from planner.rows import Output
from planner.state import Fact
from planner.store import Library, ParagraphRow
from prompts.errors import LibraryError

TEXTS = st.sampled_from(["One.", "Two.", "Three words here.", "Ünïcode 🙂"])  # few, so that branches meet again
BRANCHES = st.sampled_from(["main", "alt", "a b"])
FACTS = st.lists(st.sampled_from([FACT, FACT.model_copy(update={"object": "mill"})]), max_size=3)


class LibraryMachine(RuleBasedStateMachine):
    """The model: paragraphs by (parent, text), the first facts of each, and where each branch stands."""

    paragraphs = Bundle("paragraphs")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.library = Library.open(self.folder / "library.db")
        self.story = self.library.create_story(logline="A baker.", seed=0, options={}).id
        self.rows: dict[tuple[str | None, str], ParagraphRow] = {}
        self.facts: dict[str, list[Fact]] = {}
        self.heads: dict[str, str | None] = {"main": None}
        self.done: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "library"):
            self.library.close()
            shutil.rmtree(self.folder)

    def lineage(self, head: str | None) -> list[ParagraphRow]:
        by_id = {row.id: row for row in self.rows.values()}
        found: list[ParagraphRow] = []
        while head is not None:
            found.append(by_id[head])
            head = by_id[head].parent
        return found[::-1]

    def commit(self, branch: str, parent: str | None, text: str, facts: list[Fact]) -> ParagraphRow:
        index = len(self.lineage(parent))
        row = self.library.commit(
            self.story, branch, parent=parent, index=index, text=text, beat=0, meta={}, facts=facts, findings=[]
        )
        assert (row.parent, row.text, row.index) == (parent, text, index)
        known = self.rows.setdefault((parent, text), row)
        assert known == row
        self.facts.setdefault(row.id, facts)
        return row

    def move(self, branch: str, head: str | None) -> None:
        if branch not in self.heads or self.heads[branch] != head:
            self.done.discard(branch)
        self.heads[branch] = head

    @rule(target=paragraphs, branch=BRANCHES, text=TEXTS, facts=FACTS)
    def write(self, branch: str, text: str, facts: list[Fact]) -> str:
        row = self.commit(branch, self.heads.get(branch), text, facts)
        self.move(branch, row.id)
        return row.id

    @rule(branch=BRANCHES, paragraph=paragraphs, facts=FACTS)
    def commit_again(self, branch: str, paragraph: str, facts: list[Fact]) -> None:
        """As a killed run does; only a branch that does not lead through the paragraph moves."""
        old = next(row for row in self.rows.values() if row.id == paragraph)
        count = len(self.rows)
        self.commit(branch, old.parent, old.text, facts)
        assert len(self.rows) == count
        if old not in self.lineage(self.heads.get(branch)):
            self.move(branch, paragraph)

    @rule(branch=BRANCHES, paragraph=paragraphs)
    def branch_off(self, branch: str, paragraph: str) -> None:
        self.library.set_head(self.story, branch, paragraph)
        self.move(branch, paragraph)

    @rule(branch=BRANCHES)
    def undo(self, branch: str) -> None:
        path = self.lineage(self.heads.get(branch))
        head = path[-2].id if len(path) > 1 else None
        self.library.set_head(self.story, branch, head)
        self.move(branch, head)

    @rule(branch=BRANCHES)
    def end(self, branch: str) -> None:
        if branch in self.heads:
            self.library.mark_done(self.story, branch, True)
            self.done.add(branch)
        else:
            with pytest.raises(LibraryError):
                self.library.mark_done(self.story, branch, True)

    @rule()
    def reopen(self) -> None:
        self.library.close()
        self.library = Library.open(self.folder / "library.db")

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "heads"):
            return
        assert self.library.branches(self.story) == self.heads
        assert {name for name in self.heads if self.library.is_done(self.story, name)} == self.done
        for head in self.heads.values():
            path = self.lineage(head)
            assert self.library.path(head) == path
            assert self.library.path(head, last=2) == path[-2:]
            assert self.library.facts(head) == [fact for row in path for fact in self.facts[row.id]]
        info = self.library.stories()[0]
        main = self.lineage(self.heads["main"])
        assert (info.paragraphs, info.words) == (len(main), sum(len(row.text.split()) for row in main))

    @invariant()
    def holds_each_paragraph_once(self) -> None:
        if hasattr(self, "rows"):
            found = self.library.roots(self.story)
            for row in found:
                found.extend(self.library.children(row.id))
            assert sorted(row.id for row in found) == sorted(row.id for row in self.rows.values())


TestLibraryMachine = LibraryMachine.TestCase
TestLibraryMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
leaves = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | storable
json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable, inner), max_leaves=5),
    max_size=4,
)
one_library = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@one_library
@given(prompt=storable, request=json_objects, completion=json_objects, seed=st.integers(), head=storable)
def test_any_output_comes_back_exactly(
    file_library: Library,
    prompt: str,
    request: dict[str, object],
    completion: dict[str, object],
    seed: int,
    head: str,
) -> None:
    story = file_library.create_story(logline="A baker.", seed=0, options={}).id
    values = {"role": "r", "engine": "e", "model": "m", "prompt": prompt, "system": prompt, "seed": seed}
    output = Output.model_validate({**values, "request": request, "completions": [completion], "chosen": None})
    key = call(story, head=head or None)
    assert file_library.record(key, output) == output
    assert file_library.recall(key) == output


@one_library
@given(text=storable, meta=json_objects)
def test_any_text_and_notes_come_back_exactly(file_library: Library, text: str, meta: dict[str, object]) -> None:
    story = file_library.create_story(logline=text, seed=0, options=meta)
    row = file_library.commit(
        story.id, "main", parent=None, index=0, text=text, beat=0, meta=meta, facts=[], findings=[]
    )
    assert file_library.story(story.id) == story
    assert file_library.paragraph(row.id) == row
    assert row.text == text
