"""Rating on a real terminal: keys without Enter, a screenful at a time, and a killed process that loses nothing."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

import pytest
from cli_runner import HEEDS, ROOT
from study_samples import sample_study, write_outputs

from finetune.study.bundle import load_study, make_study, read_outputs
from finetune.study.ratings import all_ratings


class Terminal:
    """``fabula study rate`` on a pseudo-terminal of 80 by 24."""

    def __init__(self, *arguments: str) -> None:
        pid, self.fd = pty.fork()
        if pid == 0:  # the child: nothing of pytest's may run here
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": "80", "LINES": "24"}
            os.execve(
                sys.executable,
                [sys.executable, "-c", f"{HEEDS}\nimport cli; cli.main()", "study", *arguments],
                environment,
            )
        self.pid, self.text = pid, ""

    def until(self, words: str) -> str:
        deadline = time.monotonic() + 60
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.fd], [], [], 0.1)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
        before, _, self.text = self.text.partition(words)
        return before + words

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def leave(self) -> int:
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return code


ASKED = "(l r t s u q)? "


def test_a_kill_between_two_keys_loses_nothing_and_the_rater_goes_on(tmp_path: Path) -> None:
    sample_study(tmp_path, prompts=4)
    first = Terminal("rate", "study", "--rater", "ada")
    first.until(ASKED)
    first.press("l")
    first.until("Pair 2 of 4")
    first.until(ASKED)
    first.press("\x1b[C")  # the right arrow
    first.until("Pair 3 of 4")
    os.kill(first.pid, signal.SIGKILL)
    assert first.leave() == -signal.SIGKILL
    again = Terminal("rate", "study", "--rater", "ada")
    assert "2 of 4 pairs are rated" in again.until(ASKED)
    again.press("z")
    again.until("There is no key 'z'")
    again.until(ASKED)
    again.press("u")
    again.until("taken back")
    again.until(ASKED)
    again.press("t")
    again.until("Pair 3 of 4")
    again.until(ASKED)
    again.press("\x03")
    again.until("Every choice is kept")
    assert again.leave() == 130
    assert list(all_ratings(load_study(tmp_path / "study"))["ada"].values()) == ["left", "tie"]


def test_long_texts_come_a_screenful_at_a_time(tmp_path: Path) -> None:
    long = " ".join(f"word{n}" for n in range(600))
    files = [write_outputs(tmp_path / f"{n}.jsonl", {"P": f"{long} {n}\x1b[2J"}) for n in "ab"]
    make_study(tmp_path / "study", {path.stem: read_outputs(path) for path in files})
    terminal = Terminal("rate", "study", "--rater", "ada")
    shown = terminal.until("-- more: any key --")
    assert len(shown.split("LEFT")[1].splitlines()) <= 24
    terminal.press("x")
    said = shown
    while ASKED not in terminal.text:
        if "-- more: any key --" in terminal.text:
            said += terminal.until("-- more: any key --")
            terminal.press(" ")
        elif select.select([terminal.fd], [], [], 10)[0]:
            terminal.text += os.read(terminal.fd, 65536).decode(errors="replace")
        else:
            pytest.fail(terminal.text)
    said += terminal.until(ASKED)
    assert "\x1b" not in said
    assert said.count("word599") == 2
    assert all(len(line) <= 80 for line in said.splitlines())
    terminal.press("q")
    terminal.until("Left at 0 of 1")
    assert terminal.leave() == 0
