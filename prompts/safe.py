"""Text of a story as a terminal may show it.

Invariant: what comes out has no control characters, so that an escape sequence in a model's answer is seen and never obeyed.
"""

from __future__ import annotations

import re
from typing import Final

# C0 and C1 controls but the line end, DEL, the marks that turn the writing direction, what ends a line in Unicode, and halves
# of surrogate pairs.
CONTROL: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def pictured(text: str) -> str:
    """``text`` with a picture in the place of every control character; line ends stay."""
    return CONTROL.sub(_picture, text)


def one_line(text: str) -> str:
    """``text`` on one line, its white space folded, every control character as a picture of itself."""
    return pictured(" ".join(text.split()))


def lines(text: str) -> str:
    """``text`` with its line ends kept and all else harmless, for a text field."""
    return "\n".join(pictured(line.replace("\t", " ")) for line in text.splitlines())


def shortened(text: str, width: int) -> str:
    """One line of at most ``width`` characters."""
    text = one_line(text)
    return text if len(text) <= width else text[: max(width - 1, 0)].rstrip() + "…"
