"""A Hugging Face data set: by its id, or a local folder that ``datasets`` saved or can read (parquet, CSV, JSON).

Needs the finetune extra. Invariant: a data set of the hub is streamed, a local one is memory-mapped; neither is loaded whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.readers.base import Options, Skip, Work
from finetune.readers.packed import TEXTS, work_of
from prompts.errors import InputError

_LOOKED_AT = 50
"""Rows by which the text column is found where none has a usual name."""


def read(name: str, skip: Skip, options: Options) -> Iterator[Work]:
    """A work for each row of the split. ``name`` may end in ``@CONFIG`` for one of the configurations of a data set.

    Raises ``InputError`` for a data set, split or column that is not there, or a hub that cannot be reached.
    """
    rows = _rows(name, options.split)
    first: list[Mapping[str, Any]] = []
    column = ""
    for number, row in enumerate(_told(rows, name), 1):
        if not column:
            first.append(row)
            column = _column(first, name, options.text_column)
            if not column and len(first) < _LOOKED_AT:
                continue
            column = column or _longest(first, name)
            for before, held in enumerate(first, number - len(first) + 1):
                yield from _work(held, column, before, name, skip, options)
            continue
        yield from _work(row, column, number, name, skip, options)
    if first and not column:
        column = _longest(first, name)
        for number, row in enumerate(first, 1):
            yield from _work(row, column, number, name, skip, options)


def _work(row: Mapping[str, Any], column: str, number: int, name: str, skip: Skip, options: Options) -> Iterator[Work]:
    chosen = Options(
        options.licence, options.source or name, column, options.group_column, options.split, options.limit
    )
    work = work_of(dict(row), f"{name}:{number}", name, f"{name}, row {number}", chosen)
    if isinstance(work, str):
        skip(name, number, work)
    else:
        yield work


def _rows(name: str, split: str) -> Any:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    path = Path(name)
    set_name, _, config = name.partition("@")
    try:
        if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
            saved = datasets.load_from_disk(name)
            return _split(saved, split, name) if isinstance(saved, datasets.DatasetDict) else saved
        return _split(datasets.load_dataset(set_name, config or None, streaming=True), split, name)
    except (DatasetNotFoundError, FileNotFoundError) as error:
        raise InputError(f"There is no data set {name!r}, neither on the hub nor as a folder here.") from error
    except ValueError as error:
        raise InputError(f"The data set {name!r} cannot be read: {' '.join(str(error).split())[:300]}") from error
    except (ConnectionError, OSError) as error:
        raise InputError(
            f"The hub cannot be reached for {name!r} ({type(error).__name__}); give a local folder."
        ) from error


def _split(found: Any, split: str, name: str) -> Any:
    if split not in found:
        raise InputError(f"The data set {name!r} has no split {split!r}; it has {', '.join(map(str, found))}.")
    return found[split]


def _told(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    """The rows; a connection that breaks off in their midst is one sentence."""
    try:
        yield from rows
    except (ConnectionError, OSError) as error:
        raise InputError(
            f"Reading {name!r} broke off ({type(error).__name__}); build again when it can be reached."
        ) from error


def _column(rows: list[Mapping[str, Any]], name: str, wished: str) -> str:
    """The column that was named or has a usual name; empty where none has. Raises ``InputError`` for one not there."""
    keys = list(rows[0])
    if wished:
        if wished not in keys:
            raise InputError(f"The data set {name!r} has no column {wished!r}; it has {', '.join(map(str, keys))}.")
        return wished
    return next((key for key in TEXTS if key in keys), "")


def _longest(rows: list[Mapping[str, Any]], name: str) -> str:
    lengths = {
        key: sum(len(row[key]) for row in rows if isinstance(row.get(key), str))
        for key in rows[0] if isinstance(rows[0][key], str)
    }  # fmt: skip
    if not any(lengths.values()):
        raise InputError(f"The data set {name!r} has no column with text; name one with --text-column.")
    return max(lengths, key=lambda key: lengths[key])
