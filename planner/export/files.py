"""Putting an export on disk.

Invariant: the file is there whole or not at all, and what was there before is replaced only when a person said so.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from prompts.errors import InputError

LONGEST_NAME = 60
"""Characters of a file name made from a title; together with a suffix every file system takes it."""


def slug(title: str, otherwise: str) -> str:
    """A title as a file name without its suffix: ASCII where its script allows it, ``otherwise`` where nothing is left."""
    spelled = unicodedata.normalize("NFKD", title).casefold()
    for text in (spelled.encode("ascii", "ignore").decode(), unicodedata.normalize("NFKC", spelled)):
        words = re.findall(r"[^\W_]+", re.sub(r"['’]", "", text))
        name = ""
        for word in words:
            longer = f"{name}-{word}" if name else word[:LONGEST_NAME]
            if len(longer) > LONGEST_NAME:
                break
            name = longer
        if name:
            return name
    return otherwise


def check_target(path: Path, force: bool, flag: str = "--out ") -> None:
    """Find out before any work that a file cannot be written. Raises ``InputError``.

    ``flag`` is what a person named the file with; it is empty where that was no command line.
    """
    with told(path):
        if path.is_dir():
            raise InputError(f"{flag}{path} is a folder; name a file in it.")
        if path.exists() and not path.is_file():
            stdout = f", or use {flag}- for the standard output" if flag else ""
            raise InputError(f"{flag}{path} is not a file; name one{stdout}.")
        if path.exists() and not force:
            wanted = f"give another {flag.strip()}, or --force to replace it" if flag else "name another file"
            raise InputError(f"{path} is there already; {wanted}.")
        folder = path.absolute().parent
        if not folder.is_dir():
            raise InputError(f"{flag}{path}: the folder {folder} does not exist; make it first.")


def write(path: Path, data: bytes, force: bool, flag: str = "--out ") -> None:
    """Write ``path`` whole, by way of a file beside it. Raises ``InputError`` when that cannot be done."""
    check_target(path, force, flag)
    with told(path):
        target = Path(os.path.realpath(path))  # a link stays a link
        beside = target.with_name(f".fabula-{secrets.token_hex(6)}.tmp")
        try:
            with open(beside, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # so that a full disk is known before the old file is gone
            check_target(path, force, flag)
            beside.replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # it never came to be, or is the target now
                beside.unlink()


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says of ``path`` into one sentence: raises ``InputError``."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; nothing was changed.") from error
