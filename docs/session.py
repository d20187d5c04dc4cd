"""Make docs/session.svg: the writing room in a real terminal (tmux), driven by its keys on the bundled model.

``.venv/bin/python docs/session.py`` begins a story of five paragraphs, asks for another first paragraph, edits one,
pins a fact, takes a step back, goes on in a branch and writes to the end; then it looks in the library for all of that.
It needs tmux.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal_svg import save

from planner.store import Library

WIDTH, HEIGHT = 150, 36
PREMISE = "A lighthouse keeper finds a door under the sea"
ADDED = " Nobody on the island had ever spoken of it."
PIN = "Mara is left-handed"
SEED = 5
READY = "keep and go on"
_TMUX = ("tmux", "-u", "-L", f"fabula-{os.getpid()}")


def tmux(*words: str) -> str:
    return subprocess.run([*_TMUX, *words], check=True, capture_output=True, text=True).stdout


def press(*keys: str) -> None:
    tmux("send-keys", "-t", "room", *keys)
    time.sleep(0.4)


def say(text: str) -> None:
    tmux("send-keys", "-t", "room", "-l", text)
    time.sleep(0.4)


def screen() -> str:
    return tmux("capture-pane", "-p", "-t", "room")


def wait(for_: str, seconds: float = 120) -> None:
    """Until the screen shows something. Raises ``TimeoutError`` with the screen when it never does."""
    ends = time.monotonic() + seconds
    while for_ not in screen():
        if time.monotonic() > ends:
            raise TimeoutError(f"{for_!r} never came:\n{screen()}")
        time.sleep(0.2)
    time.sleep(0.4)


def answer(key: str, text: str) -> None:
    """Press a key that asks for a line, and give the line in place of the one that is proposed."""
    press(key)
    wait("›")
    press("C-u")
    say(text)
    press("Enter")


def picture(target: Path) -> None:
    save(tmux("capture-pane", "-p", "-e", "-N", "-t", "room"), target, "fabula session", WIDTH)


def play(premise: str, target: Path) -> None:
    """From the empty library to the end of the story."""
    wait("n New story")
    press("n")
    wait("A new story")
    say(premise)
    press("Tab", "Tab", "Tab")
    say("Mara: stubborn, a keeper")
    press("Tab", "Tab")
    say("5")
    press("C-s")
    wait(READY)
    press("r")
    wait("⏎ keep")
    press("Right")
    press("Enter")
    wait("Kept")
    press("Enter")
    wait(READY)
    press("e")
    wait("Ctrl+S keep")
    say(ADDED)
    press("C-s")
    wait("Kept as you wrote it")
    answer("p", PIN)
    press("Enter")
    wait(READY)
    press("Enter")
    wait(READY)
    press("u")
    wait("Taken back")
    answer("b", "below")
    wait("⎇ below")
    press("Enter")
    wait(READY)
    picture(target)
    while "∎" not in screen():
        press("Enter")
        time.sleep(1)
    press("q")


def check(library: Library) -> str:
    """What the library holds of it all. Raises ``RuntimeError`` for what is missing."""
    (story,) = library.stories()
    head = library.head(story.id, "below")
    told = library.path(head)
    found = {
        "five paragraphs": len(told) == 5,
        "an end": library.is_done(story.id, "below"),
        "two branches": set(library.branches(story.id)) == {"main", "below"},
        "the edit": any(ADDED.strip() in row.text for row in told),
        "the pin": any(PIN in fact.quote for fact in library.pinned(story.id)),
        "the step back": any(step.way == "undo" for step in library.steps(story.id, "main", since=0)),
    }
    if missing := [name for name, there in found.items() if not there]:
        raise RuntimeError(f"The library lacks {', '.join(missing)}.")
    return f"In the library: {', '.join(found)}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("premise", nargs="?", default=PREMISE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("session.svg"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "library.db"
        terminal = f"FABULA_LIBRARY={where} COLORTERM=truecolor TERM=xterm-256color"
        command = f"{terminal} .venv/bin/fabula session --seed {args.seed}"
        tmux("new-session", "-d", "-s", "room", "-x", str(WIDTH), "-y", str(HEIGHT), command)
        try:
            play(args.premise, args.out)
        finally:
            subprocess.run([*_TMUX, "kill-server"], check=False, capture_output=True)
        with Library.open(where) as library:
            print(check(library))
    return 0


if __name__ == "__main__":
    sys.exit(main())
