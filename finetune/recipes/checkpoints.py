"""Which checkpoints of a run are whole. Transformers writes a checkpoint file by file, into the folder of its name.

Once all processes have written theirs, the sizes of all files are noted in ``whole.json``, renamed into place last.
Invariant: a checkpoint without that note, or with a file of another size, is never resumed from, and older ones go
only after a newer one is whole. The trainer's own files are read back by ``torch.load(weights_only=True)``.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from finetune.config import kept_settings
from finetune.records import checkpoints, finished
from finetune.whole import write_whole
from prompts.errors import InputError

NOTE: Final = "whole.json"


def seal(checkpoint: Path) -> None:
    """Note that ``checkpoint`` is whole; what it holds is on the disk before the note is."""
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file() and path.name != NOTE]
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sizes = {str(path.relative_to(checkpoint)): path.stat().st_size for path in files}
    write_whole(checkpoint / NOTE, json.dumps(sizes))


def is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / NOTE).read_text())
        return bool(sizes) and all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def newest(run: Path) -> Path | None:
    """The newest whole checkpoint of a run."""
    return next((path for path in reversed(checkpoints(run)) if is_whole(path)), None)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def prune(run: Path, keep: int) -> None:
    """Remove all but the ``keep`` newest whole checkpoints; half-written ones are no hindrance and no help."""
    for path in [path for path in checkpoints(run) if is_whole(path)][:-keep]:
        shutil.rmtree(path, ignore_errors=True)


def drop_broken(run: Path) -> None:
    """Remove what a killed process, or a full disk, left half-written."""
    for path in checkpoints(run):
        if not is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


def settings_of_finished(run: Path) -> dict[str, Any]:
    """The settings of a run that came to its end. Raises ``InputError`` for one that did not, or for no run."""
    settings = kept_settings(run)
    if not finished(run):
        method = settings.get("method", "pretrain")
        raise InputError(f"The run in {run} is not done; go on with it: fabula train {method} --run {run} --resume.")
    return settings
