"""A data set of text rows as a folder: JSON lines in shards, split by group, and data.json that says what is in it.

    DATA/train/rows-00000.jsonl ...   DATA/held/rows-00000.jsonl ...   DATA/broken.jsonl   DATA/data.json

Invariant: a folder of this name is whole. Rows go into ``DATA.part``, which gets its name when data.json stands in it; what
was interrupted is begun anew by the next build. Only a bounded part of the rows is ever in memory.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self

from filelock import FileLock, Timeout

from finetune.data.kinds import KINDS, Kind, fault_of, texts_of
from finetune.data.report import Report
from finetune.data.seen import Seen
from prompts.errors import InputError

Split = Literal["train", "held"]
SPLITS: Final[tuple[Split, ...]] = ("train", "held")
SHARD_ROWS, SHARD_BYTES = 20_000, 128 * 2**20
NAMED: Final = 20
"""Broken rows that data.json names; broken.jsonl names them all."""


def is_held(group: str, share: float) -> bool:
    """Whether a book, author or prompt is kept out of training: a hash of its name alone decides."""
    name = " ".join(group.casefold().split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") < share * 2**64


@dataclass
class DataFolder:
    """Writes one data set; use it as a context manager, and call ``finish`` when all rows are added.

    ``held`` is the share of the groups that is kept out of training. ``replace`` allows a finished folder of this name.
    Raises ``InputError`` for a folder that is there or being built, for a disk that is full or takes no writes.
    """

    out: Path
    kind: Kind
    held: float = 0.02
    replace: bool = False
    broken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    report: Report = field(default_factory=Report)
    _named: list[dict[str, Any]] = field(default_factory=list)
    _shards: dict[str, _Shards] = field(default_factory=dict)

    def __enter__(self) -> Self:
        if self.out.exists() and not self.replace:
            raise InputError(f"{self.out} is there already; give another --out, or --replace to build it anew.")
        with self._told():
            self.out.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self._beside("lock"))
            try:
                self._lock.acquire(timeout=0)
            except Timeout as error:
                raise InputError(
                    f"Another process is building {self.out}; wait for it, or give another --out."
                ) from error
            shutil.rmtree(self.part, ignore_errors=True)
            for split in SPLITS:
                (self.part / split).mkdir(parents=True)
                self._shards[split] = _Shards(self.part / split)
            self._broken_file: IO[str] = (self.part / "broken.jsonl").open("w", encoding="utf-8")
            self.seen = Seen(self.part / "seen.sqlite")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        shutil.rmtree(self.part, ignore_errors=True)  # nothing is there any more once it has its name
        self._lock.release()
        self._beside("lock").unlink(missing_ok=True)
        if isinstance(error, OSError):
            self._raise(error)

    @property
    def part(self) -> Path:
        """Where the rows lie until the data set is whole."""
        return self._beside("part")

    def add(self, row: dict[str, Any]) -> bool:
        """Write a row, and say whether it was: a broken row or one that was there already is counted instead.

        A paragraph that the generator learns to write counts as the same whatever its prompt is.
        """
        if fault := fault_of(row, self.kind):
            self.skip(str(row.get("source") or "a row"), None, fault)
            return False
        told = row["completion"] if row.get("task") == "generator" else "\x01".join(texts_of(row))
        with self._told():
            if self.seen.again(self.kind, str(row.get("task", "")), told):
                self.left_out["exact copies"] += 1
                return False
            held = is_held(row["group"], self.held)
            split: Split = "held" if held else "train"
            self.seen.add_group(row["group"], held)
            self._shards[split].write(json.dumps(row, ensure_ascii=False))
        self.report.add(row, split)
        return True

    def skip(self, file: str, line: int | None, why: str) -> None:
        """Count a row of a source that cannot be used, and name it in broken.jsonl."""
        self.broken += 1
        named = {"file": file, "line": line, "why": why}
        if len(self._named) < NAMED:
            self._named.append(named)
        with self._told():
            self._broken_file.write(json.dumps(named, ensure_ascii=False) + "\n")

    def copy(self, text: str) -> bool:
        """Whether a text is much like one that came before (and is counted as left out); else it is kept in mind."""
        with self._told():
            found = self.seen.nearly_again(text)
        self.left_out["near copies"] += found
        return found

    def finish(self, **about: Any) -> dict[str, Any]:
        """Give the folder its name; returns what data.json says. Raises ``InputError`` where no row was added."""
        if not sum(self.report.counts.values()):
            raise InputError(self._nothing())
        if not self.report.counts["train"]:
            raise InputError(
                "Every book, author or prompt fell among those held out; build with a smaller --held, or 0."
            )
        with self._told():
            hashes = [self._shards[split].close() for split in SPLITS]
            index = {
                "kind": self.kind, **self.report.told(), **about, "held_share": self.held, "groups": self.seen.groups(),
                "left_out": dict(self.left_out), "broken": {"count": self.broken, "first": self._named},
                "hash": hashlib.sha256("".join(hashes).encode()).hexdigest(),
            }  # fmt: skip
            self._close()
            (self.part / "seen.sqlite").unlink()
            (self.part / "data.json").write_text(
                json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            before = self._beside("before")
            shutil.rmtree(before, ignore_errors=True)
            if self.out.exists():
                self.out.rename(before)
            self.part.rename(self.out)
            shutil.rmtree(before, ignore_errors=True)
        return index

    def _nothing(self) -> str:
        if self._named and not self.left_out["works"]:
            first = self._named[0]
            place = first["file"] + (f", line {first['line']}" if first["line"] else "")
            rows = f"the one row could not be used ({place}: {first['why']})" if self.broken == 1 else (
                f"none of the {self.broken:,} rows could be used, the first being {place}: {first['why']}"
            )  # fmt: skip
            return f"The sources give no training row: {rows}."
        if read := self.left_out["works"]:
            stories = "story that was read gives" if read == 1 else f"{read:,} stories that were read give"
            return f"The {stories} no row for the wished tasks: they need people who are named and two paragraphs at least."
        return "The sources give no training row: they are empty."

    def _beside(self, ending: str) -> Path:
        return self.out.with_name(f"{self.out.name}.{ending}")

    def _close(self) -> None:
        for shards in self._shards.values():
            shards.abandon()
        if hasattr(self, "_broken_file"):
            self._broken_file.close()
        if hasattr(self, "seen"):
            self.seen.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what the disk refuses into one sentence."""
        import sqlite3

        try:
            yield
        except OSError as error:
            self._raise(error)
        except sqlite3.OperationalError as error:
            raise InputError(f"{self.part} cannot be written ({error}); {_REMAINS}") from error

    def _raise(self, error: OSError) -> None:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise InputError(f"The disk of {self.out} is full: free some space and build again; {_REMAINS}") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise InputError(f"{self.out} cannot be written ({error.strerror}); give another --out.") from error


_REMAINS = "what was half made is removed, and a finished data set stays as it was."


class _Shards:
    """Rows of one split as numbered files, with one hash over all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self._rows, self._bytes = folder, 0, 0, 0
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()

    def write(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        if self._file is None or self._rows >= SHARD_ROWS or self._bytes >= SHARD_BYTES:
            if self._file is not None:
                self._file.close()
            self._file = (self._folder / f"rows-{self._count:05}.jsonl").open("wb")
            self._count, self._rows, self._bytes = self._count + 1, 0, 0
        self._file.write(data)
        self._hash.update(data)
        self._rows += 1
        self._bytes += len(data)

    def close(self) -> str:
        if self._file is not None:
            self._file.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):  # the disk that is full: its sentence was said
                file.close()


def load_index(folder: Path) -> dict[str, Any]:
    """What data.json says. Raises ``InputError`` where ``folder`` is no finished data set."""
    try:
        index = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    except OSError as error:
        unfinished = folder.with_name(f"{folder.name}.part").exists()
        said = "is not built to its end" if unfinished else "is no data set"
        raise InputError(f"{folder} {said} (it has no data.json); build it with `fabula data rows`.") from error
    except ValueError as error:
        raise InputError(f"{folder / 'data.json'} is damaged ({error}); build the data set again.") from error
    if not isinstance(index, dict) or index.get("kind") not in KINDS:
        raise InputError(f"{folder / 'data.json'} does not say what kind of data set this is; build it again.")
    return index


def read_rows(folder: Path, split: Split) -> Iterator[dict[str, Any]]:
    """The rows of a split in order, one at a time; none where nothing was held out.

    Raises ``InputError`` for a folder that is no data set, and for a row that is damaged (its file and line).
    """
    kind: Kind = load_index(folder)["kind"]
    for path in sorted((folder / split).glob("rows-*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                    fault = fault_of(row, kind) if isinstance(row, dict) else "not an object"
                except ValueError:
                    fault = "not JSON"
                if fault:
                    raise InputError(f"{path}, line {number}: {fault}; build the data set again.")
                yield row


def content_hash(folder: Path) -> str:
    """The hash of the rows as they lie there; data.json says what it was when they were written."""
    hashes = []
    for split in SPLITS:
        one = hashlib.sha256()
        for path in sorted((folder / split).glob("rows-*.jsonl")):
            with path.open("rb") as file:
                while block := file.read(2**20):
                    one.update(block)
        hashes.append(one.hexdigest())
    return hashlib.sha256("".join(hashes).encode()).hexdigest()
