"""Kill a plain session with SIGKILL at random instants and open it again: ``make bench-session-crash``.

A driver types commands into a pipe and waits until each is answered. What the library held after an answered command must
be there after the kill, and the command in work must have been done whole or not at all: a paragraph or an edit is lost or
torn otherwise. What an accepted paragraph says is checked against what the session had shown as proposed.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import killing
from benchmarks.killing import PREMISE, library_of
from benchmarks.report import Report
from planner.store import Library

DELAY = 0.004
"""Seconds that a model call takes, so that kills fall into calls as well as between them."""
_COMMANDS = (
    "",
    "",
    "/accept",
    "they quarrel",
    "/reroll",
    "/write",
    "/write",
    "/edit",
    "/edit 1",
    "/undo",
    "/redo",
    "/pin",
)


@dataclass
class Tally(killing.Tally):
    commands: int = 0
    torn: int = 0
    """Commands that were done in part."""
    unreadable: int = 0
    """Stories that did not open again, or could not be gone on with."""

    @property
    def faults(self) -> tuple[int, int, int]:
        return self.lost, self.torn, self.unreadable


class Driven:
    """A plain session behind two pipes."""

    def __init__(self, folder: Path, story: str) -> None:
        self.folder, self.story = folder, story
        wishes = () if story else ("--paragraphs", "60", "--seed", "1")
        self.process = killing.start(
            folder, DELAY, "session", story or PREMISE, "--plain", *wishes,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said: list[str] = []

    def obeys(self, line: str, mark: str) -> bool:
        """Type a line and a search whose answer shows that the line was done; False when the session died before."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.said = []
        try:
            self.process.stdin.write(f"{line}\n/search {mark}\n")
            self.process.stdin.flush()
        except (BrokenPipeError, OSError):
            return False
        for answer in self.process.stdout:
            if answer.rstrip("\n") == f"No paragraph says {mark!r}.":
                return True
            self.said.append(answer.rstrip("\n"))
        return False

    def kill_in(self, seconds: float) -> None:
        """Kill the session after this time, whatever it does then."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        self.process.wait()


def held(folder: Path, story: str) -> list[str]:
    """The story's paragraphs as the library has them."""
    with Library.open(library_of(folder)) as library:
        return [row.text for row in library.path(library.head(story))]


def may_follow(line: str, seen: Sequence[list[str]], after: list[str], proposed: str) -> bool:
    """Whether ``after`` is what a command makes of the last of the ``seen`` states, done whole or not at all."""
    before = seen[-1]
    name, _, text = line.partition(" ")
    outcomes = [before]
    if name == "/write":
        outcomes.append([*before, text])
    elif name == "/edit" and text.startswith("1 "):
        outcomes.append([text.removeprefix("1 "), *before[1:]])
    elif name == "/edit":  # the proposed paragraph, else the last one
        outcomes += [[*before, text], [*before[:-1], text]]
    elif name in {"", "/accept"}:
        outcomes.append([*before, proposed])
    elif name in {"/undo", "/redo"}:  # back to how it was once, or forward
        outcomes += [[], *seen]
    return after in outcomes


def one_life(folder: Path, story: str, rng: random.Random, tally: Tally, seen: list[list[str]]) -> str:
    """Open the session, type until it is killed, and look at what is left. Returns the story's id."""
    driven, line, count = Driven(folder, story), "", 0
    try:
        if not driven.obeys("/pins", f"zz{tally.kills}x"):
            tally.unreadable += 1
            return story
        if not story:
            with Library.open(library_of(folder)) as library:
                story = library.stories()[0].id
        tally.lost += held(folder, story) != seen[-1]
        proposed = _proposed(driven.said, "")
        driven.kill_in(rng.uniform(0.0, 1.2))
        while True:
            count += 1
            line = _line(rng, f"Paragraph {tally.kills}.{count} is of one's own hand.")
            if not driven.obeys(line, f"zz{tally.kills}y{count}"):
                break
            tally.commands += 1
            _examine(line, seen, held(folder, story), proposed, tally)
            proposed = _proposed(driven.said, proposed)
    finally:
        driven.close()
    tally.kills += 1
    _examine(line, seen, held(folder, story), proposed, tally)
    return story


def _examine(line: str, seen: list[list[str]], after: list[str], proposed: str, tally: Tally) -> None:
    """Count the fault if ``after`` is not what the command may have made; it is what the next one begins with."""
    if not may_follow(line, seen, after, proposed):
        print(f"  {line!r} made of {seen[-1]}: {after}; proposed was {proposed!r}", file=sys.stderr)
        shorter = len(after) < len(seen[-1])
        tally.lost, tally.torn = tally.lost + shorter, tally.torn + (not shorter)
    seen.append(after)


def _line(rng: random.Random, text: str) -> str:
    command = rng.choice(_COMMANDS)
    if command == "/pin":
        return "/note " + text
    return f"{command} {text}" if command.startswith(("/write", "/edit")) else command


def _proposed(said: Sequence[str], before: str) -> str:
    """The paragraph that the session proposed last: it stands before the line that says so, or behind it when reopened."""
    for place, words in reversed(list(enumerate(said))):
        if words.startswith("Paragraph ") and words.endswith(" is proposed.") and place:
            return said[place - 1]
        if words.startswith("Paragraph ") and words.endswith(" is proposed:"):
            return said[place + 1]
    return before


def run(kills: int, seed: int = 0, seconds: float = float("inf")) -> Tally:
    """Kill one story's sessions ``kills`` times, or as often as fits into so many seconds."""
    rng, tally, story = random.Random(seed), Tally(), ""
    seen: list[list[str]] = [[]]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        while tally.kills < kills and time.monotonic() - begun < seconds and tally.unreadable < 3:
            story = one_life(Path(folder), story, rng, tally, seen)
            print(f"  {tally.kills} kills, {tally.commands} commands", file=sys.stderr, flush=True)
        if story and not _opens(Path(folder), story):
            tally.unreadable += 1
    return tally


def _opens(folder: Path, story: str) -> bool:
    """Whether the story opens after the last kill, with a summary behind its last paragraph, and can be gone on with."""
    driven = Driven(folder, story)
    try:
        before = held(folder, story)
        done = driven.obeys("/write It goes on.", "zzlast")
        with Library.open(library_of(folder)) as library:
            whole = all(library.summary(row.id) for row in library.path(library.head(story)))
        return done and whole and held(folder, story) == [*before, "It goes on."]
    finally:
        driven.close()


def main() -> int:
    args = killing.wishes(__doc__, kills=50)
    tally = run(args.kills, args.seed)
    print(f"{tally.kills} kills; {tally.commands} commands were answered before them")
    report = Report("session_crash")
    report.at_least("kills", tally.kills, args.kills)
    report.at_most("stories that lost what was answered for", tally.lost, 0)
    report.at_most("commands done in part", tally.torn, 0)
    report.at_most("stories that did not open again", tally.unreadable, 0)
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
