"""Keep the training libraries' talk to each other off the terminal, where a run tells its own progress.

Invariant: only notices of deprecation, progress bars and hints are dropped; errors, and warnings of our own, come through.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGERS: Final = ("bitsandbytes", "trl", "accelerate", "peft", "datasets", "torch.distributed", "huggingface_hub")


def hush() -> None:
    """Lower what the libraries log, before they are imported: some speak while they are."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def quiet() -> Iterator[None]:
    """Within it transformers logs errors alone, and no library warns of what another one of them still uses."""
    from transformers.utils import logging as theirs

    hush()
    before = theirs.get_verbosity()
    bars = theirs.is_progress_bar_enabled()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            for kind in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", kind)
            yield
    finally:
        theirs.set_verbosity(before)
        if bars:
            theirs.enable_progress_bar()
