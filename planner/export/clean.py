"""Text that is safe in every format: no terminal escapes, no control characters, nothing that XML or UTF-8 cannot hold.

Invariant: letters, punctuation and typographic spaces pass through unchanged; what is removed was never visible.
"""

from __future__ import annotations

import re
from typing import Any

# ECMA-48: a control sequence with what it carries, a string with its terminator, any other escape. A string without a
# terminator loses only its introducer: what follows may be the story. Each class stops at the next introducer, so that
# a text full of them is still read once.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Controls, halves of surrogate pairs, byte order marks, the overrides of writing direction, and non-characters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\u202a-\u202e\ufdd0-\ufdef\ufff9-\ufffb"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
# Not \s: a no-break space before a French question mark is the writer's.
_SPACES = re.compile(r"[ \t\n]+")


def safe(text: str) -> str:
    """``text`` without escapes and control characters; line ends become newlines, tabs stay."""
    return _INVISIBLE.sub("", _LINE_END.sub("\n", _ESCAPE.sub("", text)))


def line(text: str) -> str:
    """``text`` as one line."""
    return _SPACES.sub(" ", safe(text)).strip()


def paragraphs(text: str) -> tuple[str, ...]:
    """``text`` as paragraphs of one line each: a blank line parts them, any other line end is a space."""
    return tuple(found for part in _BLANK_LINES.split(safe(text)) if (found := line(part)))


def tree(value: Any) -> Any:
    """A JSON value with every string in it, keys as well, made safe."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, dict):
        return {safe(key): tree(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [tree(inner) for inner in value]
    return value
