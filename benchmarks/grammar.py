"""Sentences that a grammar checker flags: Harper (Apache-2.0, https://writewithharper.com), which runs here and asks nobody.

``make bench-model`` puts it into the environment with the Node.js that runs it. Invariant: matters of style, of spelling
(names, and the words that Fabula's own list judges) and of region are no faults of grammar.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agents.text import sentences
from prompts.errors import InputError

FOLDER: Final = Path(sys.prefix).absolute() / "grammar"
_SCRIPT: Final = Path(__file__).with_name("grammar.mjs")
_TASTE: Final = frozenset(
    "Spelling Style Enhancement Readability Redundancy WordChoice Formatting Regionalism Capitalization".split()
)


def available() -> bool:
    return (FOLDER / "node_modules" / "harper.js").is_dir() and _node() is not None


def _node() -> str | None:
    return shutil.which("node", path=str(Path(sys.prefix) / "bin")) or shutil.which("node")


def flagged(texts: Sequence[str]) -> tuple[int, int, Counter[str]]:
    """(sentences, those with a fault of grammar, faults by kind) of ``texts``.

    Raises ``InputError`` where the checker isn't installed or fails.
    """
    node = _node()
    if node is None or not available():
        raise InputError("The grammar checker is not installed; run make bench-model, which installs it.")
    split = [sentence for text in texts for sentence in sentences(text)]
    done = subprocess.run(
        [node, str(_SCRIPT), str(FOLDER)], input=json.dumps(split), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"The grammar checker failed: {done.stderr.strip().splitlines()[-1:]}")
    kinds = [[kind for kind in found if kind not in _TASTE] for found in json.loads(done.stdout)]
    return len(split), sum(map(bool, kinds)), Counter(kind for found in kinds for kind in found)
