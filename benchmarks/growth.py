"""What a paragraph costs at 10,000, against what it costs at 100: ``make bench-growth``.

One story is written on the scripted engine in batch durability, a burst at a time. Around paragraph 100 and around the last
one it measures for a paragraph the planner's own CPU time (the engine's is taken off), the bytes by which the library
grows, and the prompt tokens. CPU time, because a ratio of wall times on a busy machine measures the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from agents.brief import make_brief
from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import ScriptedEngine
from benchmarks.report import Report
from planner.context import ROLES, WriteSettings
from planner.session import BURST, begin, open_story
from planner.store import Library


class TimedEngine(ScriptedEngine):
    """A scripted engine that adds up its own CPU seconds."""

    seconds = 0.0

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        begun = time.process_time()
        try:
            return super().complete(request)
        finally:
            self.seconds += time.process_time() - begun


@dataclass
class Window:
    """Measurements of the paragraphs from ``first`` to before ``last``, an entry a burst (bytes: over the whole window)."""

    first: int
    last: int
    seconds: list[float] = field(default_factory=list)
    tokens: list[float] = field(default_factory=list)
    size_before: int = 0
    size_after: int = 0

    @property
    def bytes(self) -> float:
        return (self.size_after - self.size_before) / (self.last - self.first)


def library_bytes(library: Library) -> int:
    """Bytes in use in the database: pages that are not free, wherever they lie (the write-ahead log comes and goes)."""
    with library.reading() as connection:
        pages, free, size = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "freelist_count", "page_size")
        )  # fmt: skip
    return int((pages - free) * size)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paragraphs", type=int, default=10_000)
    args = parser.parse_args()
    total: int = args.paragraphs
    total -= total % BURST
    span = max(2 * BURST, min(100, total // 100 // BURST * BURST))
    early, late = Window(100 - span // 20 * 10, 100 + span // 20 * 10), Window(total - span, total)
    if early.last >= late.first:
        parser.error("--paragraphs must be at least 400")
    engine = TimedEngine()
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "library.db") as library:
        brief = make_brief(logline="A lighthouse keeper finds a door under the sea", paragraphs=total)
        story = begin(library, brief, 1, WriteSettings(), {"name": "scripted"})
        begun = time.perf_counter()
        with open_story(library, story, dict.fromkeys(ROLES, engine), durability="exit") as session:
            for number in range(0, total, BURST):
                window = next((w for w in (early, late) if w.first <= number < w.last), None)
                if window and number == window.first:
                    window.size_before = library_bytes(library)
                cpu, inside, tokens = time.process_time(), engine.seconds, engine.prompt_tokens
                session.write_burst(BURST)
                if window:
                    window.seconds.append((time.process_time() - cpu - (engine.seconds - inside)) / BURST)
                    window.tokens.append((engine.prompt_tokens - tokens) / BURST)
                    if number + BURST >= window.last:
                        window.size_after = library_bytes(library)
                if (number + BURST) % 1_000 == 0:
                    print(
                        f"  {number + BURST} paragraphs, {time.perf_counter() - begun:.0f} s",
                        file=sys.stderr,
                        flush=True,
                    )
    for name, window in (("early", early), ("late", late)):
        print(
            f"{name} (paragraphs {window.first}-{window.last}): {statistics.median(window.seconds) * 1e3:.2f} ms CPU, "
            f"{window.bytes:.0f} bytes, {statistics.mean(window.tokens):.0f} prompt tokens a paragraph"
        )
    report = Report("growth")
    report.at_most("time ratio", statistics.median(late.seconds) / statistics.median(early.seconds), 1.1)
    report.at_most("bytes ratio", late.bytes / early.bytes, 1.1)
    report.at_most("prompt tokens ratio", statistics.mean(late.tokens) / statistics.mean(early.tokens), 1.1)
    report.at_most("overhead", statistics.median(late.seconds) * 1e3, 5.0, "ms")
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
