"""Outputs of made-up systems for the tests of the study."""

from __future__ import annotations

import json
from pathlib import Path

from finetune.study.bundle import Study, make_study, read_outputs


def write_outputs(path: Path, texts: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"prompt": p, "text": t}) + "\n" for p, t in texts.items()))
    return path


def sample_study(folder: Path, prompts: int = 4, systems: str = "ab", seed: int = 0) -> Study:
    """Texts are "text of SYSTEM for NUMBER"."""
    files = {
        name: write_outputs(
            folder / f"{name}.jsonl", {f"Prompt {n}": f"text of {name} for {n}" for n in range(prompts)}
        )
        for name in systems
    }
    return make_study(folder / "study", {name: read_outputs(path) for name, path in files.items()}, seed)
