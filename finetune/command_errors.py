"""How the training commands fail. Invariant: what a person can mend is one line on stderr and exit code 2, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from prompts.errors import FabulaError
from prompts.safe import one_line

EXTRA: Final = frozenset(
    "torch transformers matplotlib peft trl accelerate datasets sacrebleu rouge_score sentence_transformers".split()
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Failures that a person can mend, and what isn't installed, end as one line and exit code 2."""
    try:
        yield
    except FabulaError as error:
        typer.echo(f"Error: {one_line(str(error))}", err=True)
        raise typer.Exit(2) from error
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in EXTRA:
            raise
        typer.echo("Error: This needs the finetune extra: pip install 'fabula[finetune]'.", err=True)
        raise typer.Exit(2) from error
