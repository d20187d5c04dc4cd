"""Stories of the bundled model, none of them chosen: what ``make story`` writes with the seeds 0, 1, 2 and so on.

    python -m benchmarks.samples [--seeds 20] [--out runs/samples] [--card agents/models/small/samples.md]

Each goes into a file of its own, and the first ten into the file beside the model card. A story that is there already is not
written again. Invariant: the same weights and code give the same files.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents.brief import make_brief
from agents.engines.embedded import EmbeddedEngine
from benchmarks.model_stories import tell
from finetune.whole import write_whole
from planner.manuscript import to_markdown

SHOWN: Final = 10


def premise() -> str:
    """The premise of ``make story``, read from the Makefile, so that the two never differ."""
    makefile = Path(__file__).resolve().parent.parent / "Makefile"
    found = re.search(r"^export PREMISE \?= (.+)$", makefile.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found.group(1)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Stories of the bundled model, none of them chosen.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/samples"))
    parser.add_argument("--card", type=Path, help="put the first ten stories into this file")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    engine = EmbeddedEngine()
    told = []
    for seed in range(options.seeds):
        path = options.out / f"seed-{seed:02}.md"
        if not path.is_file():
            write_whole(path, to_markdown(tell(engine, make_brief(logline=premise()), seed)))
        told.append(path.read_text(encoding="utf-8"))
        print(path, flush=True)
    engine.close()
    if options.card:
        head = f'# Ten stories, none of them chosen\n\nPremise: {premise()}. Written by `make story STORY_FLAGS="--seed N"`.\n'
        parts = [re.sub(r"^# (.+)", rf"## Seed {seed}: \1", text, count=1) for seed, text in enumerate(told[:SHOWN])]
        write_whole(options.card, "\n".join([head, *parts]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
