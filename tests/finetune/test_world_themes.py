"""Every world is a theme whose words tell it from the others."""

from __future__ import annotations

import json
from pathlib import Path

from agents.themes import Theme
from finetune.worlds.model import load_worlds
from finetune.worlds.teller import tell, theme_of
from finetune.worlds.themes import themes_of, write_themes


def test_most_stories_loglines_lead_back_to_their_own_world() -> None:
    worlds = load_worlds()
    listed = [
        Theme(name, t["genre"], tuple(t["tones"]), t["pov"], t["tense"], t["words"])
        for name, t in themes_of(worlds).items()
    ]
    right = 0
    for world in worlds:
        for seed in range(5):
            story = tell(world, seed)
            roles = " ".join(member.name for member in story.members.values())
            right += max(listed, key=lambda t: t.nearness(f"{story.logline} {roles}")).name == theme_of(world)
    assert right >= 0.9 * 5 * len(worlds)


def test_the_list_is_written_for_the_model(tmp_path: Path) -> None:
    worlds = load_worlds()
    assert write_themes(worlds, tmp_path) == len(worlds)
    listed = json.loads((tmp_path / "themes.json").read_text(encoding="utf-8"))
    assert {theme_of(world) for world in worlds} == set(listed)
    assert all(0 < weight <= 1 for theme in listed.values() for weight in theme["words"].values())
