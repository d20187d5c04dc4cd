"""The three-hundredth paragraph takes the bytes and the prompt tokens of the sixtieth. Times are for the benchmark."""

from __future__ import annotations

from pathlib import Path

from agents.brief import make_brief
from agents.engines.scripted import ScriptedEngine
from benchmarks.growth import library_bytes
from planner.context import ROLES, WriteSettings
from planner.session import begin, open_story
from planner.store import Library

PARAGRAPHS, WINDOW = 300, 50


def test_three_hundred_paragraphs_stay_flat_in_bytes_and_prompt_tokens(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    grown: list[tuple[int, int]] = []
    with Library.open(tmp_path / "library.db") as library:
        brief = make_brief(logline="A lighthouse keeper finds a door under the sea", paragraphs=PARAGRAPHS)
        story = begin(library, brief, 1, WriteSettings(), {"name": "scripted"})
        with open_story(library, story, dict.fromkeys(ROLES, engine), durability="exit") as session:
            for number in range(PARAGRAPHS):
                if number % WINDOW == 0:
                    grown.append((library_bytes(library), engine.prompt_tokens))
                session.write_paragraph()
            grown.append((library_bytes(library), engine.prompt_tokens))
    (early_bytes, early_tokens), (late_bytes, late_tokens) = (
        (end[0] - start[0], end[1] - start[1]) for start, end in ((grown[1], grown[2]), (grown[-2], grown[-1]))
    )
    assert early_bytes > 0
    assert late_bytes <= 1.1 * early_bytes
    assert late_tokens <= 1.1 * early_tokens
