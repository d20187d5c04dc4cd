"""What was asked of the models, kept as it comes: JSON lines by case, so that nothing is asked twice.

Invariant: a row is whole or not there. A process killed at any instant loses at most the row that it was writing, and what is
made afterwards is what would have been made without the kill.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finetune.whole import add_row, cut_rows, whole_rows
from prompts.errors import InputError


class Kept:
    """The rows of one file by their ``case``; ``add`` keeps one more. Raises ``InputError`` for a file that is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}
        for number, line in enumerate(whole_rows(path), 1):
            try:
                row = json.loads(line)
                self.rows[row["case"]] = row
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f"Line {number} of {path} is broken; remove it, and it is made anew.") from error
        cut_rows(path)

    def add(self, case: str, **values: Any) -> None:
        """Keep a row; raises ``InputError`` where the disk takes no more."""
        row = {"case": case, **values}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                add_row(file, row)
        except OSError as error:
            raise InputError(
                f"{self.path} can't be written ({error.strerror}); what was made is kept, go on later."
            ) from error
        self.rows[case] = row
