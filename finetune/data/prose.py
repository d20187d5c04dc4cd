"""Plain-text helpers: ASCII quotes and dashes, sentences, and paragraphs of an even length.

Invariant: no function here adds a word; text is only normalised, cut and joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SHORTEST, LONGEST = 40, 110  # words in a paragraph that the generator learns to write
_CHARS = str.maketrans({
    "‘": "'", "’": "'", "‚": ",", "‛": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "–": ", ", "—": ", ", "―": ", ", "…": "...", "\u00a0": " ", "\u2009": " ", "\ufeff": "", "\u200b": "",
    "é": "e", "è": "e", "ê": "e", "ë": "e", "á": "a", "à": "a", "â": "a", "ä": "a", "ö": "o", "ó": "o", "ô": "o",
    "ü": "u", "ú": "u", "û": "u", "ï": "i", "í": "i", "î": "i", "ç": "c", "ñ": "n", "æ": "ae", "œ": "oe",
})  # fmt: skip
_DASH = re.compile(r"\s*-{2,}\s*,?|\s+-\s+|\s+,")
_ABBREVIATION = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|Messrs)\.")
_END = re.compile(r"""(?<=[.!?])\s+(?=["'A-Z<])|(?<=[.!?]["'])\s+(?=["'A-Z<])""")
_SINGLE = re.compile(r"(?<![\w'])'(?=[A-Z])([^\"]*?[.,!?-])'(?!\w)")
_SPEECH = re.compile(r'"[^"]*"')


def normalise(text: str) -> str:
    """One paragraph in plain ASCII: straight quotes, commas for dashes, single spaces; titles without their full stop."""
    text = text.translate(_CHARS).replace("_", "").replace("''", '"')
    text = _ABBREVIATION.sub(r"\1", text)
    if '"' not in text:
        text = _SINGLE.sub(r'"\1"', text)
    text = _DASH.sub(lambda m: "," if m.group(0).strip() in {",", ""} else ", ", text)
    text = re.sub(r",(?:\s*,)+", ",", " ".join(text.split()))
    return re.sub(r'(["\'.!?]),(?= |$)', lambda m: m.group(0) if m.group(1) in "\"'" else m.group(1), text).strip(" ,")


def is_plain(text: str) -> bool:
    """Whether ``text`` is ASCII prose without brackets, headings or an unclosed quote."""
    return (
        all(" " <= c <= "~" for c in text)
        and not re.search(r"[\[\]{}*=|@#^~\\/]|\d{3}|[A-Z]{4}", text)
        and text.count('"') % 2 == 0
        and text[-1:] in '.!?"'
    )


def sentences(text: str) -> list[str]:
    return [part for part in _END.split(text) if part]


def outside_speech(text: str) -> str:
    """``text`` without what is said in it."""
    return _SPEECH.sub(" ", text)


def count_words(text: str) -> int:
    return len(text.split())


def even_paragraphs(paragraphs: Iterable[str], target: int = 55) -> Iterator[str]:
    """Join short paragraphs and cut long ones at sentence ends, never inside a quote, to about ``target`` words.

    A stretch that cannot be cut in time is given out as it is; whoever uses it must look at its length.
    """
    held: list[str] = []
    words = 0
    for paragraph in paragraphs:
        for sentence in sentences(paragraph):
            size = count_words(sentence)
            if held and words >= SHORTEST and words + size > LONGEST:
                yield " ".join(held)
                held, words = [], 0
            held.append(sentence)
            words += size
            if words >= target + 25 and " ".join(held).count('"') % 2 == 0:
                yield " ".join(held)
                held, words = [], 0
        if words >= target - 10:
            yield " ".join(held)
            held, words = [], 0
    if words >= 15:
        yield " ".join(held)
