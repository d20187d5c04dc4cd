"""How fast the embedded engine writes, beside transformers on the same weights, in one run.

    python benchmarks/embedded.py [--model DIR] [--threads N] [--compute float|int8]

Both sides get the same prompt and the same sampling and take turns, so that whatever else the machine does falls on
both. ``embedded`` is the smaller of two ratios of tokens a second, for one story and for 16 candidates; transformers
runs in float32 or bfloat16, on one thread or on all, whichever is faster at the time. ``start`` is the time from
launching a fresh process to its first words. Exit code 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agents.engines import packed
from agents.engines.base import Prompt, Request, Sampling
from agents.engines.decoder import default_threads
from agents.engines.embedded import BUNDLED, EmbeddedEngine
from agents.engines.graph import Compute

RATIO_GOAL = 3.0
START_GOAL = 3.0
Side = Callable[[int, int], int]
TOKENS = 100
PROMPT = Prompt(text="Once upon a time a fox lived by the river, and every night the river sang to him. " * 6)
SAMPLING = Sampling(temperature=0.8, top_p=0.95)
LAUNCH = """
import sys
from pathlib import Path
from agents.engines.base import Prompt, Request, Sampling
from agents.engines.embedded import EmbeddedEngine
engine = EmbeddedEngine(Path(sys.argv[1]))
request = Request(prompt=Prompt(text=sys.argv[2]), sampling=Sampling(max_tokens=20))
engine.complete(request, lambda piece: print(piece, flush=True))
"""


def ours(folder: Path, threads: int, compute: Compute | None) -> tuple[Side, list[int]]:
    """What writes ``n`` texts of so many tokens and says how many it wrote, and the prompt's tokens."""
    engine = EmbeddedEngine(folder, threads, compute)
    config = packed.read(folder).config
    tokenizer = engine._tokenizer
    ends = tuple(tokenizer.id_to_token(i) for i in config.eos)  # banned, so that every text has its full length

    def run(n: int, tokens: int) -> int:
        sampling = SAMPLING.model_copy(update={"max_tokens": tokens})
        return sum(c.tokens for c in engine.complete(Request(prompt=PROMPT, sampling=sampling, n=n, ban=ends)))

    return run, tokenizer.encode(PROMPT.text).ids


def theirs(folder: Path, threads: int, ids: list[int], dtype: str) -> Side:
    """The same with transformers and torch."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    prompt = torch.tensor([ids])
    settings = {"temperature": SAMPLING.temperature, "top_p": SAMPLING.top_p, "top_k": 0, "pad_token_id": 0}

    def run(n: int, tokens: int) -> int:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            out = model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=True,
                num_return_sequences=n,
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                **settings,
            )
        return int(out[:, len(ids) :].numel())

    return run


def fastest(sides: dict[str, Side], n: int) -> str:
    """The side that is best at a short text."""
    taken = {}
    for name, run in sides.items():
        run(n, 4)
        begin = time.perf_counter()
        run(n, 12)
        taken[name] = time.perf_counter() - begin
    return min(taken, key=lambda name: taken[name])


def speeds(one: Side, other: Side, n: int, rounds: int) -> tuple[float, float]:
    """Tokens a second of both: the medians of ``rounds`` turns each."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for run, found in zip((one, other), taken, strict=True):
            begin = time.perf_counter()
            tokens = run(n, TOKENS)
            if turn:  # the first one warms up
                found.append(tokens / (time.perf_counter() - begin))
    return statistics.median(taken[0]), statistics.median(taken[1])


def start(folder: Path) -> float:
    """Seconds from launching Python to the first words, the median of five."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        root = Path(__file__).resolve().parent.parent
        command = [sys.executable, "-c", LAUNCH, str(folder), PROMPT.text]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SystemExit("the engine wrote nothing")
            times.append(time.perf_counter() - begin)
            process.stdout.read()
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description="The embedded engine beside transformers.")
    parser.add_argument("--model", type=Path, default=BUNDLED)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--compute", choices=["float", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unpacked = packed.unpack(options.model, Path(folder))
        run, ids = ours(options.model, options.threads, options.compute)
        others = {
            f"transformers ({dtype}, {threads} threads)": theirs(unpacked, threads, ids, dtype)
            for dtype in ("float32", "bfloat16")
            for threads in sorted({1, options.threads})
        }
        print(f"{options.model.name}: {len(ids)} prompt tokens, {TOKENS} new ones, {options.threads} threads")
        ratios = []
        for n in (1, 16):
            name = fastest(others, n)
            us, them = speeds(run, others[name], n, options.rounds)
            ratios.append(us / them)
            print(f"  {n:2} at once: embedded {us:.0f}, {name} {them:.0f} tokens/s, x{us / them:.1f}", flush=True)
    seconds = start(options.model)
    good = [min(ratios) >= RATIO_GOAL, seconds <= START_GOAL]
    print(f"embedded: {min(ratios):.2f} (goal {RATIO_GOAL}) {'ok' if good[0] else 'short'}")
    print(f"start: {seconds:.2f} (goal {START_GOAL}) {'ok' if good[1] else 'short'}")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
