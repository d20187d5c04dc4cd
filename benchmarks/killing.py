"""What the benchmarks share that kill Fabula: a process with a home of its own on the scripted engine, and what is counted.

Invariant: a killed process finds nothing of this machine's own: library, home and settings are in its folder.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PREMISE: Final = "A lighthouse keeper finds a door under the sea"


@dataclass
class Tally:
    """What came of the kills; each benchmark counts its own faults besides."""

    kills: int = 0
    lost: int = 0
    """What had been kept or answered for, and was not there after a kill."""


def library_of(folder: Path) -> Path:
    """Where a process that was started in ``folder`` keeps its stories."""
    return folder / "library.db"


def start(folder: Path, delay: float, *arguments: str, log: Path | None = None, **pipes: Any) -> subprocess.Popen[Any]:
    """Run ``fabula`` in ``folder`` on the scripted engine, whose every call takes ``delay`` seconds.

    ``log`` gets a line for every call; ``pipes`` go to ``subprocess.Popen``.
    """
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "SCRIPTED_DELAY": str(delay),
        "FABULA_LIBRARY": str(library_of(folder)), "PYTHONPATH": str(Path(__file__).parent.parent),
    }  # fmt: skip
    if log:
        environment["SCRIPTED_LOG"] = str(log)
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments, "--engine", "scripted"], cwd=folder, env=environment, **pipes
    )


def wishes(about: str | None, kills: int) -> argparse.Namespace:
    """The command line: how many ``kills``, this many unless it says otherwise, and the ``seed`` of their times."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()
