"""Small valid values of the story state, and the shortest way to write paragraphs into a library."""

from __future__ import annotations

from planner.state import (
    ArcPosition,
    Beat,
    Decision,
    Draft,
    Entity,
    EntityKind,
    Fact,
    Finding,
    Outline,
    Premise,
    Pronouns,
    Relation,
    Severity,
    Summary,
)
from planner.store import CallKey, Library, Output, ParagraphRow

ANNA = Entity(
    id="anna", kind=EntityKind.CHARACTER, name="Anna Lévy", slot="<she1>", pronouns=Pronouns.SHE, traits=("curious",)
)
INN = Entity(id="inn", kind=EntityKind.PLACE, name="the Grey Inn")
KEY = Entity(id="key", kind=EntityKind.ITEM, name="the iron key", given=True)
PREMISE = Premise(logline="A baker finds a key.", title="The Key", genre="mystery", tone="wry", cast=(ANNA,), setting=(INN,), things=(KEY,))  # fmt: skip  # noqa: E501
BEATS = (Beat(purpose="setup", label="Dawn", happens="Anna opens the inn.", on_stage=("anna",), place="inn", paragraphs=2), Beat(purpose="climax", label="Key", happens="She turns it."), Beat(purpose="resolution", label="Rest", happens="She sleeps."))  # fmt: skip  # noqa: E501
OUTLINE = Outline(arc="three acts", beats=BEATS)
FACT = Fact(paragraph=0, subject="anna", relation=Relation.AT, object="inn", quote="at the inn")
FINDING = Finding(rule="one_place", severity=Severity.ERROR, message="Two places.", quotes=("at the inn",), fact=FACT)
SUMMARY = Summary(sentences=("Anna is a baker.", "She found a key."))
DRAFT = Draft(text="Anna stood at the inn.", score=-1.5, facts=(FACT,), findings=(FINDING,), attempt=1)
DECISION = Decision(text="Anna slept.", instruction="shorter")
POSITION = ArcPosition(beat=1, paragraph_in_beat=0, paragraph=2, tension=0.5)
OUTPUT = Output(
    role="generator",
    engine="scripted",
    model="none",
    prompt="Go on. " * 300,
    system="",
    seed=7,
    request={"n": 2, "sampling": {"temperature": 0.8}},
    completions=[{"text": "One.", "logprob": -3.5}, {"text": "Two.", "logprob": float("-inf")}],
    chosen=0,
)


def new_story(library: Library, logline: str = "A baker finds a key.") -> str:
    return library.create_story(logline=logline, seed=1, options={"arc": "three acts", "n": [1, 2]}).id


def write(
    library: Library,
    story: str,
    *texts: str,
    branch: str = "main",
    facts: tuple[Fact, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> list[ParagraphRow]:
    """Write paragraphs at the end of a branch."""
    rows = []
    for text in texts:
        head = library.head(story, branch)
        index = library.paragraph(head).index + 1 if head else 0
        meta = {"model": "none", "score": -0.5}
        rows.append(
            library.commit(
                story, branch, parent=head, index=index, text=text, beat=0, meta=meta, facts=facts, findings=findings
            )
        )
    return rows


def call(story: str, head: str | None = None, node: str = "generate", attempt: int = 0, call: int = 0) -> CallKey:
    return CallKey(story=story, head=head, node=node, attempt=attempt, call=call)
