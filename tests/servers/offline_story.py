"""Run by the Python that has vLLM: asks the offline engine for one of everything, then writes a story with it.

``python offline_story.py SOURCE PACKAGES FOLDER ADAPTER...``: where Fabula's source is, where what it needs besides vLLM is
installed, a folder for the library, and folders of LoRA adapters. The last line on stdout is what came of it, as JSON.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from questions import PROMPT, SCHEMA

REGEX = r"(red|green) [a-z]{3,8}\."
BANNED = ("<she1>", "<item1>", "<place1>")


def ask(engine: Any) -> dict[str, Any]:
    from agents.engines.base import Prompt, Request, Sampling

    sampling = Sampling(temperature=1.0, top_k=60, top_p=0.95, min_p=0.02, repetition_penalty=1.05, max_tokens=40)
    free = Request(prompt=Prompt(text=PROMPT), sampling=sampling, n=6, seed=11)
    long = sampling.model_copy(update={"max_tokens": 300, "repetition_penalty": 1.0})

    def texts(**changes: Any) -> list[str]:
        return [completion.text for completion in engine.complete(free.model_copy(update=changes))]

    completions = engine.complete(free)
    greedy = engine.complete(free.model_copy(update={"n": 1, "sampling": Sampling(temperature=0, max_tokens=24)}))[0]
    pieces: list[str] = []
    streamed = engine.complete(free.model_copy(update={"n": 1}), pieces.append)[0]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: texts(seed=seed, n=2), range(8)))
    return {
        "name": engine.name, "model": engine.model, "style": engine.style,
        "completions": [completion.model_dump() for completion in completions],
        "again": texts(), "other": texts(seed=12),
        "banned": texts(ban=BANNED), "stopped": texts(sampling=sampling.model_copy(update={"stop": (".",)})),
        "json": texts(json_schema=SCHEMA, sampling=long), "regex": texts(regex=REGEX, sampling=long),
        "together": together, "streamed": [streamed.text, "".join(pieces)],
        "greedy": [greedy.logprob, sum(engine.score(free.prompt, [greedy.text])[0]), greedy.tokens],
        "counted": engine.count_tokens("<she1><|text|>"),
    }  # fmt: skip


def tell(engine: Any, folder: Path) -> dict[str, Any]:
    from agents.brief import make_brief
    from agents.generator import GeneratorSettings
    from planner.context import ROLES, WriteSettings
    from planner.session import begin, open_story
    from planner.store import Library

    with Library.open(str(folder / "library.db")) as library:
        brief = make_brief(logline="A lighthouse keeper finds a door under the sea", paragraphs=4)
        settings = WriteSettings(generator=GeneratorSettings(n=4))
        story = begin(library, brief, 3, settings, {"name": "offline"})
        with open_story(library, story, dict.fromkeys(ROLES, engine)) as session:
            session.write()
        return {"story": [row.text for row in library.path(library.head(story.id))]}


def speak(engine: Any, adapters: tuple[str, ...]) -> dict[str, Any]:
    """What the model says by itself and with each adapter, token for token the likeliest."""
    from agents.engines.base import Prompt, Request, Sampling

    request = Request(prompt=Prompt(text=PROMPT), sampling=Sampling(temperature=0, max_tokens=48))
    said, names = [], []
    for adapter in ("", *adapters, ""):
        speaking = engine.speaking(adapter)
        said.append(speaking.complete(request)[0].text)
        names.append(speaking.model)
        speaking.close()
    return {"spoken": said, "speakers": names}


def main(source: str, packages: str, folder: str, *adapters: str) -> None:
    # Behind vLLM's own environment, which pins other versions of what both need.
    sys.path[:0] = [source]
    sys.path.append(packages)
    from agents.engines import open_engine
    from agents.engines.base import Prompt, Request
    from prompts.errors import EngineError

    engine = open_engine("offline", adapters=adapters)
    made = ask(engine) | speak(engine, adapters) | tell(engine, Path(folder))
    engine.close()
    engine.close()
    try:
        engine.complete(Request(prompt=Prompt(text=PROMPT)))
    except EngineError as error:
        made["closed"] = str(error)
    print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
