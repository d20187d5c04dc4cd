"""The dialogue of a rater with a study: two texts, one key, the next two texts.

On a terminal single keys are read, and what is longer than the screen is shown a screenful at a time; at a pipe each line is
one key. Invariant: what is printed is text and line ends only, and nothing that is shown tells which system wrote a text.
"""

from __future__ import annotations

import os
import select
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from finetune.study.bundle import Pair
from finetune.study.ratings import Choice, Sheet
from prompts.safe import lines as harmless

HELP: Final = "l left, r right, t tie, s skip, u undo, 1 or 2 shows a text again, q quit."
KEYS: Final[dict[str, Choice]] = {"l": "left", "r": "right", "t": "tie", "=": "tie", "s": "skip"}
_WORDS: Final = {"left": "l", "right": "r", "tie": "t", "skip": "s", "undo": "u", "quit": "q", "help": "?"}
_ARROWS: Final = {"\x1b[D": "l", "\x1b[C": "r", "\x1bOD": "l", "\x1bOC": "r"}
_WIDEST: Final = 100


class Terminal:
    """Where a rater reads and types. ``key`` gives what was typed, in lower case, or None at the end of the input."""

    def __init__(self) -> None:
        self.keys = sys.stdin.isatty() and sys.stdout.isatty()
        self.puzzled = 0
        for stream in (sys.stdin, sys.stdout):
            if hasattr(stream, "reconfigure"):  # no letter of a text may end the session
                stream.reconfigure(errors="replace")

    def say(self, text: str = "") -> None:
        """Print ``text``, wrapped to the screen, a screenful at a time where there is one."""
        size = shutil.get_terminal_size((80, 24))
        wrapped = [
            part
            for line in harmless(text).splitlines() or [""]
            for part in textwrap.wrap(line, min(size.columns - 1, _WIDEST)) or [""]
        ]
        page = max(size.lines - 2, 5)
        for number, line in enumerate(wrapped):
            if self.keys and number and number % page == 0:
                print("-- more: any key --", end="", flush=True)
                if self.key() in {None, "q"}:
                    print()
                    return
                print(flush=True)
            print(line, flush=True)

    def ask(self, prompt: str) -> str | None:
        print(prompt, end="" if self.keys else "\n", flush=True)
        key = self.key()
        if self.keys:
            print(harmless(key or "") if key and key.isprintable() else "", flush=True)
        return key

    def key(self) -> str | None:
        if not self.keys:
            line = sys.stdin.readline()
            return line.strip().lower() if line else None
        data = os.read(0, 1)
        while data and (data == b"\x1b" or data[:2] in {b"\x1b[", b"\x1bO"}) and len(data) < 3:
            if not select.select([0], [], [], 0.05)[0]:
                break
            data += os.read(0, 1)
        if not data or data == b"\x04":
            return None
        text = data.decode(errors="replace")
        return _ARROWS.get(text, text.lower())


@contextmanager
def _single_keys() -> Iterator[None]:
    """Keys are given as they are pressed and not echoed; Ctrl-C still interrupts."""
    import termios
    import tty

    before = termios.tcgetattr(0)
    tty.setcbreak(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def rate(sheet: Sheet, terminal: Terminal) -> None:
    """Ask until every pair has a choice, or the rater leaves. ``terminal.puzzled`` counts what was not understood."""
    # For the whole of it: a key that comes while nothing is asked would else be echoed, or wait for an Enter.
    with _single_keys() if terminal.keys else nullcontext():
        _rate(sheet, terminal)


def _rate(sheet: Sheet, terminal: Terminal) -> None:
    terminal.say(f"{sheet.rater}: {len(sheet.made)} of {len(sheet.order)} pairs are rated. Which text is better?")
    terminal.say(HELP)
    while (shown := sheet.next) is not None:
        pair, turned = shown
        texts = pair.texts[::-1] if turned else pair.texts
        _show(terminal, sheet, pair, texts)
        answer = _answer(terminal, texts)
        if answer is None:
            terminal.say(
                f"Left at {len(sheet.made)} of {len(sheet.order)}. Every choice is kept; the same command goes on."
            )
            return
        if answer == "u":
            terminal.say("The last choice is taken back." if sheet.undo() else "There is no choice to take back.")
        else:
            sheet.choose(pair, KEYS[answer])
    skipped = sum(choice == "skip" for choice in sheet.made.values())
    terminal.say(
        f"All {len(sheet.order)} pairs are rated{f', {skipped} of them skipped' if skipped else ''}. Thank you."
    )


def _show(terminal: Terminal, sheet: Sheet, pair: Pair, texts: tuple[str, ...]) -> None:
    terminal.say()
    terminal.say(f"Pair {len(sheet.made) + 1} of {len(sheet.order)}\nPrompt: {pair.prompt}")
    terminal.say(f"\n[1] LEFT\n{texts[0]}\n\n[2] RIGHT\n{texts[1]}\n")


def _answer(terminal: Terminal, texts: tuple[str, ...]) -> str | None:
    """A key of ``KEYS`` or "u"; None to leave."""
    while True:
        said = terminal.ask("left/right/tie/skip/undo/quit (l r t s u q)? ")
        if said is None:
            return None
        key = _WORDS.get(said, said)
        if key == "q":
            return None
        if key in {"1", "2"}:
            terminal.say(f"\n{texts[int(key) - 1]}\n")
        elif key in {"?", "h"}:
            terminal.say(HELP)
        elif key in KEYS or key == "u":
            return key
        else:
            terminal.puzzled += 1
            terminal.say(f"There is no key {key!r}: {HELP}")
