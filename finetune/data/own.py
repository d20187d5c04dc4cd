"""A person's own stories as data sets: one of rows to learn from, one of preferences.

What reads the library stands in the planner; here its rows are checked and written. Invariant: of the two folders each is
whole or not there, and neither is made where it would have no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from finetune.data.folder import DataFolder
from finetune.data.kinds import Kind
from prompts.errors import InputError

FOLDERS: Final[tuple[Kind, ...]] = ("sft", "preference")


def write_own(
    rows: Iterable[tuple[str, dict[str, Any]]], out: Path, held: float, replace: bool
) -> dict[Path, dict[str, Any]]:
    """Write ``out/sft`` and ``out/preference``; returns the report of each that has rows.

    Raises ``InputError`` where there is no row at all, or where a folder is there already and is not to be replaced.
    """
    made: dict[Path, dict[str, Any]] = {}
    with ExitStack() as stack:
        folders = {kind: stack.enter_context(DataFolder(out / kind, kind, held, replace)) for kind in FOLDERS}
        for kind, row in rows:
            folders["preference" if kind == "preference" else "sft"].add(row)
        for folder in folders.values():
            if folder.report.counts:
                made[folder.out] = folder.finish(style="own")
    if not made:
        raise InputError(
            "The library has no paragraph that a person took or wrote; write with `fabula session`, or add --all for "
            "every story as it stands."
        )
    return made
