"""What was seen before: exact copies by a hash of the normalised text, near copies by MinHash, both on the disk.

Method: Broder, "On the resemblance and containment of documents" (1997): the share of equal minima of random hashes over
two sets of word 5-grams estimates their Jaccard similarity; 16 bands of 4 minima find the candidates. Invariant: the memory
that is used does not grow with the number of texts, and the same texts in the same order give the same answers.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHINGLE: Final = 5
"""Words in a shingle."""
HASHES, BANDS = 64, 16
NEAR: Final = 0.8
"""From this estimated Jaccard similarity on, the later of two texts is left out."""
SHORTEST: Final = 2 * SHINGLE
"""Texts of fewer words are only compared exactly: a shared phrase is no copy."""
_CHUNK = 8192
_WORD = re.compile(r"\w+")
_random = np.random.default_rng(20_240_917)
_A = _random.integers(1, 2**64, HASHES, np.uint64, endpoint=False) | np.uint64(1)
_B = _random.integers(0, 2**64, HASHES, np.uint64, endpoint=False)
_POWERS = np.array([pow(0x9E3779B97F4A7C15, k, 2**64) for k in range(SHINGLE)], np.uint64)


def normal(text: str) -> str:
    """The words of a text in small letters with single spaces: what two copies have in common."""
    return " ".join(_WORD.findall(text.casefold()))


def digest(*parts: str) -> bytes:
    """16 bytes that stand for the normalised parts."""
    return blake2b("\x00".join(map(normal, parts)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def signature(text: str) -> NDArray[np.uint32]:
    """[64] minima over the hashed shingles of ``text``, which needs a word at least."""
    words = np.array([zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in normal(text).split()], np.uint64)
    length = min(SHINGLE, len(words))
    shingles = np.zeros(len(words) - length + 1, np.uint64)
    for place in range(length):
        shingles += words[place : len(words) - length + 1 + place] * _POWERS[place]
    shingles ^= shingles >> np.uint64(29)
    shingles *= np.uint64(0xBF58476D1CE4E5B9)
    shingles ^= shingles >> np.uint64(32)
    least = np.full(HASHES, 2**32 - 1, np.uint32)
    for start in range(0, len(shingles), _CHUNK):
        hashed = (shingles[start : start + _CHUNK, None] * _A + _B) >> np.uint64(32)
        np.minimum(least, hashed.min(0).astype(np.uint32), out=least)
    return least


def likeness(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    """The estimated Jaccard similarity of two signatures, 0 to 1."""
    return float(np.mean(one == other))


class Seen:
    """Exact keys, signatures and groups in one SQLite file that lasts as long as the build."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-8000; PRAGMA temp_store=FILE;"
            "CREATE TABLE exact (key BLOB PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TABLE texts (number INTEGER PRIMARY KEY, minima BLOB);"
            "CREATE TABLE bands (band BLOB, number INTEGER, PRIMARY KEY (band, number)) WITHOUT ROWID;"
            "CREATE TABLE groups (name BLOB PRIMARY KEY, held INTEGER) WITHOUT ROWID; BEGIN;"
        )

    def again(self, *parts: str) -> bool:
        """Whether these parts came before, but for case, space and punctuation; they are kept in mind."""
        return self._base.execute("INSERT OR IGNORE INTO exact VALUES (?)", (digest(*parts),)).rowcount == 0

    def nearly_again(self, text: str) -> bool:
        """Whether a text much like this one came before. One that did not is kept in mind."""
        if len(_WORD.findall(text)) < SHORTEST:
            return False
        minima = signature(text)
        width = HASHES // BANDS
        bands = [bytes([b]) + minima[b * width : (b + 1) * width].tobytes() for b in range(BANDS)]
        candidates: set[int] = set()
        for band in bands:
            found = self._base.execute("SELECT number FROM bands WHERE band = ? LIMIT 50", (band,))
            candidates.update(number for (number,) in found)
        for number in sorted(candidates):
            kept = self._base.execute("SELECT minima FROM texts WHERE number = ?", (number,)).fetchone()[0]
            if likeness(minima, np.frombuffer(kept, np.uint32)) >= NEAR:
                return True
        added = self._base.execute("INSERT INTO texts (minima) VALUES (?)", (minima.tobytes(),)).lastrowid
        self._base.executemany("INSERT INTO bands VALUES (?, ?)", ((band, added) for band in bands))
        return False

    def add_group(self, name: str, held: bool) -> None:
        self._base.execute("INSERT OR IGNORE INTO groups VALUES (?, ?)", (digest(name), held))

    def groups(self) -> dict[str, int]:
        """How many groups each split has."""
        found = dict(self._base.execute("SELECT held, count(*) FROM groups GROUP BY held"))
        return {"train": found.get(0, 0), "held": found.get(1, 0)}

    def close(self) -> None:
        """Forget everything; calling it twice is fine."""
        self._base.close()
