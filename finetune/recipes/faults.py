"""Failures in the midst of training that a person can mend, each as one sentence: no memory, no room on the disk.

Invariant: what is not known here is not guessed at, and comes through as it was raised.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from finetune.recipes import checkpoints
from finetune.recipes.settings import Recipe
from prompts.errors import InputError

_MEMORY: Final = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "bad_alloc")
# What torch says of any failed write, and safetensors of a full disk.
_DISK: Final = ("no space left on device", "os error 28", "disk quota exceeded", "writing file data/", "unexpected pos")
_LIMIT: Final = ("file too large", "os error 27")


@contextmanager
def plain_faults(recipe: Recipe, run: Path) -> Iterator[None]:
    """Turn a lack of memory or of room into ``InputError`` that says what to lower, or what was kept."""
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if (sentence := _sentence(error, recipe, run)) is None:
            raise
        raise InputError(sentence) from error
    except Exception as error:  # safetensors raises a class of its own
        if "safetensor" not in type(error).__name__.lower() or not _is_disk(error):
            raise
        raise InputError(_disk(run, error)) from error


def _sentence(error: BaseException, recipe: Recipe, run: Path) -> str | None:
    if _is_disk(error):
        return _disk(run, error)
    text = str(error).lower()
    return _memory(recipe, run) if isinstance(error, MemoryError) or any(said in text for said in _MEMORY) else None


def _is_disk(error: BaseException | None) -> bool:
    while error is not None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full or any(said in str(error).lower() for said in (*_DISK, *_LIMIT)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _disk(run: Path, error: BaseException) -> str:
    checkpoints.drop_broken(run)
    kept = checkpoints.newest(run)
    have = f"{kept.name} is kept: make room and go on with --resume" if kept else "make room and start with --resume"
    limited = any(said in str(error).lower() for said in _LIMIT)
    what = f"Files in {run} may not grow as large as they must (ulimit -f)" if limited else f"The disk of {run} is full"
    return f"{what}; {have} (keep=1 keeps one checkpoint alone)."


def _memory(recipe: Recipe, run: Path) -> str:
    ways = []
    if recipe.batch_size > 1:
        half = recipe.batch_size // 2
        more = -(-recipe.batch_size * recipe.accumulate // half)
        ways.append(f"batch_size={half} accumulate={more} (the same step in smaller passes)")
    ways.append(f"max_length={max(8, recipe.max_length // 2)}")
    if not recipe.gradient_checkpointing:
        ways.append("gradient_checkpointing=true")
    if recipe.tuning != "qlora":
        ways.append(f"tuning={'lora' if recipe.tuning == 'full' else 'qlora'} (in a new run)")
    first = f"{', '.join(ways[:-1])} or {ways[-1]}" if len(ways) > 1 else ways[0]
    return f"There was not enough memory for {run}: go on with --resume and {first}."
