"""What a rater said, pair by pair, in a file that only grows.

Each line of ``ratings/NAME.jsonl`` is one act: a choice, or taking back the last one. It is on the disk (fsync) before the
next pair is shown. Invariant: a process killed at any instant loses at most the act that was not yet acknowledged; the file
names no system, so that it stays blind.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final, Literal, get_args

from filelock import FileLock, Timeout

from finetune.study.bundle import Pair, Study
from finetune.whole import add_row, cut_rows, whole_rows
from prompts.errors import InputError

Choice = Literal["left", "right", "tie", "skip"]
CHOICES: Final = frozenset(get_args(Choice))
FOLDER: Final = "ratings"
_NAME: Final = re.compile(r"[\w][\w.-]{0,39}")


def checked_name(name: str) -> str:
    """A rater's name that may be the name of a file; raises ``InputError``."""
    if not name:
        raise InputError("Say who rates: --rater NAME.")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"The rater's name {name!r} can't be used; take up to 40 letters, digits, dots, dashes or underscores."
        )
    return name


def shown_to(study: Study, rater: str) -> list[tuple[Pair, bool]]:
    """The pairs in the order in which ``rater`` sees them, and whether the second system's text stands on the left.

    Order and sides follow from the study's seed and the name alone. Each system stands on the left equally often, give or
    take one, within each two systems, so that a habit of choosing one side favours nobody.
    """
    rng = random.Random(f"{study.seed}/{rater}")
    order = rng.sample(study.pairs, len(study.pairs))
    turned: dict[tuple[str, str], list[bool]] = {}
    for systems, count in sorted(Counter(pair.systems for pair in order).items()):
        first = rng.randrange(2)
        turned[systems] = rng.sample([bool((first + k) % 2) for k in range(count)], count)
    return [(pair, turned[pair.systems].pop()) for pair in order]


class Sheet:
    """One rater's ratings of a study, open for writing. Raises ``InputError`` when they are open elsewhere or damaged."""

    def __init__(self, study: Study, rater: str) -> None:
        self.study, self.rater = study, checked_name(rater)
        self.order = shown_to(study, rater)
        self.path = study.folder / FOLDER / f"{rater}.jsonl"
        try:
            self.path.parent.mkdir(exist_ok=True)
            self._lock = FileLock(self.path.with_suffix(".lock"), timeout=0)
            self._lock.acquire()
        except Timeout as error:
            raise InputError(f"{rater} is rating this study in another window; go on there.") from error
        except OSError as error:
            raise InputError(f"Nothing can be written to {self.path.parent}: {error.strerror}.") from error
        try:
            self.made = read_ratings(self.path, {pair.id for pair in study.pairs})
            self._file = self.path.open("ab")
            cut_rows(self.path)
        except BaseException:
            self._lock.release()
            raise

    @property
    def next(self) -> tuple[Pair, bool] | None:
        """The first pair in this rater's order that has no choice; None when all have."""
        return next(((pair, turned) for pair, turned in self.order if pair.id not in self.made), None)

    def choose(self, pair: Pair, choice: Choice) -> None:
        """Keep a choice; it is on the disk when this returns."""
        self._append({"pair": pair.id, "choice": choice})
        self.made.pop(pair.id, None)
        self.made[pair.id] = choice

    def undo(self) -> Pair | None:
        """Take back the last choice that stands; returns its pair, which comes next again."""
        if not self.made:
            return None
        last = next(reversed(self.made))
        self._append({"undo": last})
        del self.made[last]
        return next(pair for pair in self.study.pairs if pair.id == last)

    def _append(self, act: dict[str, str]) -> None:
        try:
            add_row(self._file, act)
        except OSError as error:
            raise InputError(f"The choice could not be kept in {self.path}: {error.strerror}.") from error

    def close(self) -> None:
        self._file.close()
        self._lock.release()

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_ratings(path: Path, known: set[str]) -> dict[str, Choice]:
    """The choices that stand, by pair, the last one made last. An unfinished last line is not counted.

    Raises ``InputError`` that names the line which is broken.
    """
    made: dict[str, Choice] = {}
    for number, line in enumerate(whole_rows(path), 1):
        act = _act(line)
        if act.get("choice") in CHOICES and act.get("pair") in known:
            made.pop(act["pair"], None)
            made[act["pair"]] = act["choice"]
        elif "undo" in act and act["undo"] in made:
            del made[act["undo"]]
        else:
            raise InputError(f"Line {number} of {path} is broken; remove it and start again.")
    return made


def _act(line: bytes) -> dict[str, Any]:
    try:
        act = json.loads(line)
    except ValueError:
        return {}
    return act if isinstance(act, dict) and all(isinstance(value, str) for value in act.values()) else {}


def all_ratings(study: Study) -> dict[str, dict[str, Choice]]:
    """Every rater's standing choices, by name and pair."""
    known = {pair.id for pair in study.pairs}
    return {path.stem: read_ratings(path, known) for path in sorted((study.folder / FOLDER).glob("*.jsonl"))}
