"""Sixty-four stories in flight through the whole planner, against the same calls without one: ``make bench-serving``.

A real vLLM server is started as ``fabula serve`` starts it, with the bundled model for every role. Sixty-four long stories
are planned, which is not timed; then all are written at once in one process, in batch durability, for a while. Every call
that they make is recorded, and the same bytes are sent again by the smallest possible client (replay.py): as many at once,
each story's calls one after the other. Tokens are counted by the server. The order is planner, replay, replay, planner, and
that again and again, so that a drift of the machine cancels, and the server forgets its prompts before each. Planning is left
out because it costs the planner less for each token than the paragraphs, of which a long story is made.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agents.brief import make_brief
from agents.engines import metrics
from agents.engines.base import Completion, OnText, Request
from agents.engines.server import ServerEngine
from agents.generator import GeneratorSettings
from agents.serving import flags, models, process
from benchmarks.replay import Call, Window, replay
from benchmarks.report import Report
from planner.context import ROLES, WriteSettings
from planner.session import begin, open_story
from planner.store import Library, StoryRow
from prompts.errors import FabulaError

IN_FLIGHT = 64
PARAGRAPHS = 24  # more than there is time for on a CPU: no story may end while others are measured
MORE = (
    1.6  # times as long calls are recorded as they are measured, so that no lane of the replay is at its end too early
)
PLANNING = 1  # candidate of each plan, which is not measured
_WHO = (
    "lighthouse keeper",
    "baker",
    "ferry pilot",
    "retired detective",
    "beekeeper",
    "young mason",
    "doctor",
    "clockmaker",
)
_FINDS = (
    "a door under the sea", "a letter from the dead", "a map of a town that is gone", "a bell that rings alone",
    "a child who knows the future", "the key to the old mill", "a garden in winter", "a stolen violin",
)  # fmt: skip
_lane: ContextVar[int] = ContextVar("lane", default=-1)
Counted = Window[metrics.Counts]


class Enough(FabulaError):
    """The time is over; the story is kept."""


class Recording(ServerEngine):
    """Keeps the bodies of the calls of every lane, and stops the stories when told to."""

    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model, prompt="slots")
        self.lanes: list[list[Call]] = [[] for _ in range(IN_FLIGHT)]
        self.at_start: threading.Barrier | None = None
        self.over = threading.Event()
        self.most = 64
        # The one place that every call of the client library passes.
        self._client._http.event_hooks = {"request": [self._sent]}

    def begin(self, at_start: threading.Barrier) -> None:
        """Forget what was recorded. The first call of every lane waits at the barrier."""
        self.lanes, self.at_start = [[] for _ in range(IN_FLIGHT)], at_start
        self.over.clear()

    def _sent(self, request: Any) -> None:
        if _lane.get() < 0 or not request.url.path.endswith("/completions"):
            return
        call = Call(request.url.path, bytes(request.content))
        if self.lanes[_lane.get()][-1:] != [call]:  # else it was broken off and is sent again
            self.lanes[_lane.get()].append(call)

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if self.over.is_set():
            raise Enough("The time is over.")
        if self.at_start and _lane.get() >= 0 and not self.lanes[_lane.get()]:
            self.at_start.wait()
        return super().complete(request.model_copy(update={"n": min(request.n, self.most)}), on_text)


@dataclass
class Bench:
    """A server, and the stories that are written on it."""

    port: int
    engine: Recording
    library: Library
    stories: list[StoryRow]

    def read(self) -> metrics.Counts:
        counts = metrics.counts(self.engine.url)
        if counts is None:
            raise SystemExit("The server tells no metrics.")
        return counts

    def plan(self) -> None:
        """Give every story its premise and outline, from few candidates."""
        self.engine.most = PLANNING

        def one(row: StoryRow) -> None:
            with open_story(self.library, row, dict.fromkeys(ROLES, self.engine), durability="exit") as session:
                session.write_paragraph()

        _all_at_once([partial(one, row) for row in self.stories])
        self.engine.most = 64

    def write(self, seconds: float) -> tuple[Counted, float]:
        """Write on at every story for so long; what the server counted, and the CPU seconds of this process."""
        self._forget()
        at_start = threading.Barrier(IN_FLIGHT + 1)
        self.engine.begin(at_start)

        def one(lane: int, row: StoryRow) -> None:
            _lane.set(lane)
            with (
                contextlib.suppress(Enough),
                open_story(self.library, row, dict.fromkeys(ROLES, self.engine), durability="exit") as session,
            ):
                session.write()
                raise SystemExit("A story came to its end; give more --paragraphs.")

        made: list[tuple[Counted, float]] = []

        def watch() -> None:
            at_start.wait()
            before, cpu, begun = self.read(), time.process_time(), time.perf_counter()
            time.sleep(seconds)
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
            made.append((Window(took, before, self.read()), cpu))
            time.sleep(seconds * (MORE - 1))
            self.engine.over.set()

        _all_at_once([watch, *(partial(one, lane, row) for lane, row in enumerate(self.stories))])
        return made[0]

    def replay(self, lanes: Sequence[Sequence[Call]], seconds: float) -> Counted:
        self._forget()
        return replay(self.port, lanes, seconds, self.read)

    def _forget(self) -> None:
        """Wait until the server has nothing to do, and let it forget its prompts."""
        root = f"http://127.0.0.1:{self.port}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            with opener.open(f"{root}/metrics", timeout=60) as answer:
                lines = answer.read().decode().splitlines()
            if not sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{")):
                break
            time.sleep(0.5)
        with opener.open(urllib.request.Request(f"{root}/reset_prefix_cache", method="POST"), timeout=60):  # noqa: S310
            return


def _all_at_once(jobs: Sequence[Callable[[], None]]) -> None:
    """Run each job in a thread of its own; raise the first failure."""
    failures: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:  # told by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and not failures:
            thread.join(0.2)
    if failures:
        raise failures[0]


def rate(windows: Sequence[Counted]) -> float:
    """Tokens that the server wrote in a second, over all windows."""
    return sum(w.after.written - w.before.written for w in windows) / sum(w.seconds for w in windows)


def hits(windows: Sequence[Counted]) -> float:
    """Per cent of the prompt tokens that the server remembered."""
    asked = sum(w.after.asked - w.before.asked for w in windows)
    return 100 * sum(w.after.remembered - w.before.remembered for w in windows) / max(asked, 1)


def measure(bench: Bench, seconds: float, rounds: int) -> int:
    written: list[Counted] = []
    again: list[Counted] = []
    cpu = 0.0
    for what in ("planner", "replay", "replay", "planner") * rounds:
        if what == "planner":
            window, used = bench.write(seconds)
            cpu += used
            lanes = bench.engine.lanes
            written.append(window)
        else:
            window = bench.replay(lanes, seconds)
            again.append(window)
        print(f"  {what}: {rate([window]):.0f} tokens/s in {window.seconds:.0f} s", file=sys.stderr, flush=True)
    tokens = sum(w.after.written - w.before.written for w in written)
    print(
        f"{IN_FLIGHT} stories in flight: {rate(written):.0f} tokens/s through the planner, {rate(again):.0f} without it; "
        f"{1e6 * cpu / max(tokens, 1):.0f} ms CPU of the planner and its client for 1,000 tokens; the prefix cache remembered "
        f"{hits(again):.0f} % in the replay"
    )
    report = Report("serving")
    report.at_least("throughput ratio", rate(written) / rate(again), 0.95)
    report.at_least("prefix-cache hit rate", hits(written), 70, "%")
    return report.exit_code()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each pass")
    parser.add_argument("--rounds", type=int, default=3, help="of four passes each")
    parser.add_argument("--n", type=int, default=4, help="candidates of a paragraph")
    parser.add_argument("--paragraphs", type=int, default=PARAGRAPHS, help="of a story; more than there is time for")
    parser.add_argument("--python", default=os.environ.get("FABULA_VLLM_PYTHON", sys.executable), help="that has vLLM")
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="of a server that runs, in vLLM's development mode")
    args = parser.parse_args()
    os.environ["VLLM_SERVER_DEV_MODE"] = "1"  # or the server would not be told to forget
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        port = args.port
        if not port:
            python = process.find(Path(args.python)).python
            plan = flags.Plan(python=python, base=models.base(), port=process.free_port(), gpus=args.gpus)
            server = process.Server(plan, folder / "vllm.log")
            stack.callback(server.stop, 5)
            server.ready(1800)
            port = plan.port
        engine = Recording(f"http://127.0.0.1:{port}/v1", models.BUNDLED_NAME)
        library = stack.enter_context(Library.open(folder / "library.db"))
        settings = WriteSettings(generator=GeneratorSettings(n=args.n))
        loglines = [f"A {who} finds {what}" for who in _WHO for what in _FINDS][:IN_FLIGHT]
        stories = [
            begin(library, make_brief(logline=logline, paragraphs=args.paragraphs), seed, settings, {"name": "server"})
            for seed, logline in enumerate(loglines)
        ]
        bench = Bench(port, engine, library, stories)
        begun = time.perf_counter()
        bench.plan()
        print(f"  planned in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        return measure(bench, args.seconds, args.rounds)


if __name__ == "__main__":
    sys.exit(main())
