"""Kill ``fabula write`` with SIGKILL at random instants, continue, and compare: ``make bench-crash``.

Every story is also written once without being killed. After the kills it must have the same paragraphs: none lost, none
doubled, none different; and no model call whose output was in the journal at the kill may be made again. Half of the kills
come at a random time of the process's life, half shortly after a random model call, where most states are.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from agents.engines.scripted import digest
from benchmarks import killing
from benchmarks.killing import PREMISE
from benchmarks.report import Report
from planner.session import read_story
from planner.store import Library

PARAGRAPHS = 8
DELAY = 0.012


@dataclass
class Tally(killing.Tally):
    in_writing: int = 0
    doubled: int = 0
    different: int = 0
    repeated_calls: int = 0


class Cage:
    """Runs ``fabula`` in a folder of its own and kills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = killing.library_of(folder)
        self.log = folder / "calls.log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return killing.start(
            self.folder, DELAY, *arguments, "--quiet", log=self.log, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def finish(self, *arguments: str) -> None:
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=120)
        if process.returncode:
            raise SystemExit(f"fabula {' '.join(arguments)} failed:\n{errors.decode()}")

    def calls(self) -> list[str]:
        return self.log.read_text("ascii").split() if self.log.exists() else []

    def kill_at_random(self, process: subprocess.Popen[bytes], rng: random.Random, seconds: float) -> bool:
        """Kill ``process`` at some instant; False when it ended before."""
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0.1, seconds))
        else:
            begun, wanted = time.monotonic(), len(self.calls()) + rng.randint(1, 2 * PARAGRAPHS + 8)
            while len(self.calls()) < wanted and process.poll() is None and time.monotonic() - begun < 60:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 2 * DELAY))
        if process.poll() is not None:
            return False
        process.kill()
        process.communicate()  # waits, and closes the pipe
        return True


def one_story(cage: Cage, seed: int, rng: random.Random, tally: Tally, wanted: int) -> None:
    """Write a story whole, write it again with kills, and compare the two."""
    write = ("write", PREMISE, "--paragraphs", str(PARAGRAPHS), "--seed", str(seed), "--n", "2")
    begun = time.monotonic()
    cage.finish(*write)
    seconds = time.monotonic() - begun
    with Library.open(cage.library) as library:
        whole = read_story(library, library.story(library.stories()[0].id))
    known = {whole.story.id}
    arguments: tuple[str, ...] = write
    story = ""
    for _ in range(40):
        done_calls, kept = _journalled(cage, story)
        before = len(cage.calls())
        process = cage.start(*arguments)
        killed = tally.kills < wanted and cage.kill_at_random(process, rng, seconds)
        if not killed:
            process.communicate(timeout=120)
        tally.kills += killed
        made = cage.calls()[before:]
        tally.in_writing += killed and bool(made)
        tally.repeated_calls += len(done_calls & set(made))
        story = story or _new_story(cage, known)
        if story:
            arguments = ("continue", story)
            now = _paragraphs(cage, story)
            tally.lost += sum(text not in now for text in kept)
        if not killed and process.returncode == 0:
            break
    with Library.open(cage.library) as library:
        row = library.story(story)
        again = read_story(library, row)
        tally.doubled += sum(len(library.children(p.id)) > 1 for p in again.paragraphs) + max(
            len(library.roots(story)) - 1, 0
        )
    texts, expected = [p.text for p in again.paragraphs], [p.text for p in whole.paragraphs]
    tally.lost += max(len(expected) - len(texts), 0)
    tally.doubled += max(len(texts) - len(expected), 0)
    tally.different += sum(one != other for one, other in zip(texts, expected, strict=False))


def _new_story(cage: Cage, known: set[str]) -> str:
    with Library.open(cage.library) as library:
        return (
            next((info.id for info in library.stories() if info.id not in known), "") if len(library.stories()) else ""
        )


def _journalled(cage: Cage, story: str) -> tuple[set[str], list[str]]:
    """Digests of the calls whose output is in the journal, and the texts of the committed paragraphs."""
    if not story:
        return set(), []
    with Library.open(cage.library) as library:
        return {digest(out.prompt, out.seed) for _, out in library.outputs(story)}, _texts(library, story)


def _paragraphs(cage: Cage, story: str) -> list[str]:
    with Library.open(cage.library) as library:
        return _texts(library, story)


def _texts(library: Library, story: str) -> list[str]:
    return [row.text for row in library.path(library.head(story))]


def run(kills: int, seed: int = 0) -> Tally:
    """Kill until ``kills`` kills were made; every story gets a library of its own, so that none hides another's fault."""
    rng, tally = random.Random(seed), Tally()
    number = 0
    while tally.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            one_story(Cage(Path(folder)), number, rng, tally, kills)
        number += 1
        print(f"  {tally.kills} kills, {number} stories", file=sys.stderr, flush=True)
    return tally


def main() -> int:
    args = killing.wishes(__doc__, kills=100)
    tally = run(args.kills, args.seed)
    print(f"{tally.kills} kills, {tally.in_writing} of them after a model call was made")
    report = Report("crash")
    report.at_least("kills", tally.kills, args.kills)
    for what in ("lost", "doubled", "different"):
        report.at_most(f"paragraphs {what}", getattr(tally, what), 0)
    report.at_most("journalled calls made again", tally.repeated_calls, 0)
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
