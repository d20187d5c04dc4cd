"""How the training commands fail. Invariant: what a person can mend is one line on stderr and exit code 2, no traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from prompts.errors import FabulaError
from prompts.safe import one_line

EXTRA: Final = frozenset(
    "torch transformers matplotlib peft trl accelerate datasets sacrebleu rouge_score sentence_transformers".split()
)


# A place that cannot be written to, or has no room left.
_PLACE: Final = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOSPC,
    errno.EDQUOT, errno.EFBIG, errno.ENAMETOOLONG,
})  # fmt: skip


@contextmanager
def plain_errors() -> Iterator[None]:
    """Failures that a person can mend, and what isn't installed, end as one line and exit code 2."""
    try:
        yield
    except FabulaError as error:
        typer.echo(f"Error: {one_line(str(error))}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        if error.errno not in _PLACE:
            raise
        where = f": {error.filename}" if error.filename else ""
        typer.echo(f"Error: {one_line(f'{error.strerror}{where}')}.", err=True)
        raise typer.Exit(2) from error
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in EXTRA:
            raise
        typer.echo("Error: This needs the finetune extra: pip install 'fabula[finetune]'.", err=True)
        raise typer.Exit(2) from error
