"""A story as a reader gets it: Markdown and JSON. More formats are a matter of export."""

from __future__ import annotations

from typing import Any

from planner.harmless import harmless
from planner.session import Manuscript
from planner.state import Outline, Premise, Summary


def to_markdown(story: Manuscript) -> str:
    """Title, paragraphs, and at its end a line that says whether the story is finished."""
    story = harmless(story)
    parts = [f"# {story.title}", *(paragraph.text for paragraph in story.paragraphs)]
    if not story.done:
        parts.append("*(unfinished)*")
    return "\n\n".join(parts) + "\n"


def to_json(story: Manuscript, summary: Summary | None = None) -> dict[str, Any]:
    """Everything of a story, ready for ``json.dumps``."""
    return {
        "id": story.story.id, "title": story.title, "seed": story.story.seed, "created": story.story.created,
        "done": story.done, "words": story.words, "premise": _dump(story.premise), "outline": _dump(story.outline),
        "summary": summary.text if summary else "", "options": story.story.options,
        "paragraphs": [
            {"id": p.id, "index": p.index, "beat": p.beat, "text": p.text, "meta": p.meta} for p in story.paragraphs
        ],
    }  # fmt: skip


def outline_markdown(outline: Outline, premise: Premise) -> str:
    """The beats as a numbered list: what happens, who is on stage, what must change."""
    outline, premise = harmless(outline), harmless(premise)
    names = {entity.id: entity.name for entity in premise.entities}
    lines = [f"# Outline of {premise.title} ({outline.arc})", ""]
    for number, beat in enumerate(outline.beats, 1):
        stage = ", ".join(names.get(key, key) for key in beat.on_stage)
        lines.append(f"{number}. **{beat.label}** ({beat.purpose}, tension {beat.tension:.2f}): {beat.happens}")
        lines.append(
            f"   On stage: {stage}. By its end: {beat.change or 'nothing must change'}. {beat.paragraphs} paragraph(s)."
        )
    return "\n".join(lines) + "\n"


def _dump(model: Premise | Outline | None) -> dict[str, Any] | None:
    return model.model_dump(mode="json") if model else None
