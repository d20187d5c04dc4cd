"""Zip archives whose bytes depend on nothing but their contents: EPUB and docx are both such archives.

Invariant: same members in the same order, same bytes; no member carries a time, an owner or a platform of this machine.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip archive can hold."""
_UNIX = 3
_READABLE = 0o644 << 16


def archive(members: Iterable[tuple[str, bytes]], stored: frozenset[str] = frozenset()) -> bytes:
    """Pack ``members``, name and content; those named in ``stored`` are not compressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in members:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            file.writestr(entry, content)
    return packed.getvalue()


def repacked(data: bytes) -> bytes:
    """An archive that a library packed, without the times that it put in."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return archive((name, file.read(name)) for name in file.namelist())
