"""Slash commands on the text of a story: write, decide, edit, take back, find.

Each takes a session and what stands behind the command, does one thing, and says what it did in a ``Reply``. Invariant:
no story logic stands here; what a person typed wrongly is ``Misused``, everything else is the session's own error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agents.text import sentences
from planner.auto import Until, write_on
from planner.merging import Place, merged
from planner.session import Session
from planner.state import Finding
from prompts.errors import InputError, WritingStopped
from prompts.safe import shortened

Changed = Literal["text", "plan", "nothing"]
_AROUND = 45
"""Characters that are shown on either side of what was searched for."""
_ENDS: dict[str, Until] = {"beat": "beat", "chapter": "chapter", "end": "end"}
_END = "The story is at its end. /undo goes back, /beat add goes on, /export makes a file of it."


@dataclass(frozen=True)
class Reply:
    """What a command did. ``lines`` are for people; ``paragraphs`` are texts of the story that are new in it or proposed.

    Both are plain text as a person or a model wrote it: whoever shows them takes out control characters.
    """

    lines: tuple[str, ...] = ()
    changed: Changed = "nothing"
    paragraphs: tuple[str, ...] = ()


class Misused(Exception):
    """What stands behind a command is not of the form that it takes."""


def whole(word: str) -> int:
    """A number from 1, as people count. Raises ``Misused``."""
    if not re.fullmatch(r"[0-9]{1,9}", word) or int(word) < 1:
        raise Misused
    return int(word)


def text_in(argument: str) -> str:
    """What must say something. Raises ``Misused``."""
    if not argument:
        raise Misused
    return argument


def split_number(argument: str) -> tuple[int | None, str]:
    """A number from 1 at the beginning, if there is one, and the rest."""
    first, _, rest = argument.partition(" ")
    return (whole(first), rest.strip()) if re.fullmatch(r"[0-9]{1,9}", first) else (None, argument)


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def written(session: Session) -> int:
    """Paragraphs that the branch has."""
    head = session.state.get("head")
    return session.library.paragraph(head).index + 1 if head else 0


def findings_in_words(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.severity}: {finding.message}" for finding in findings]


def go_on(session: Session, _: str) -> Reply:
    if session.proposal():
        session.accept()
    return _proposed(session)


def steer(session: Session, wish: str) -> Reply:
    """What a person types without a slash: a wish for the proposed paragraph, else for the next one."""
    if session.proposal():
        return reroll(session, wish)
    session.instruct(wish)
    return _proposed(session)


def _proposed(session: Session) -> Reply:
    draft = session.propose()
    if draft is None:
        return Reply((_END,), "text")
    place = f"Paragraph {written(session) + 1} of {session.outline.paragraphs} is proposed."
    return Reply((place, *findings_in_words(draft.findings)), "text", (draft.text,))


def accept(session: Session, text: str) -> Reply:
    row = session.accept(text or None)
    said = [f"Paragraph {row.index + 1} is in the story.", *findings_in_words(session.library.findings_of(row.id))]
    return Reply((*said, *([_END] if session.done else [])), "text", (row.text,))


def reroll(session: Session, instruction: str) -> Reply:
    session.reroll(instruction)
    return _proposed(session)


def alternatives(session: Session, argument: str) -> Reply:
    """All texts that were written for the paragraph in work, or the sentences of one of them."""
    found = session.alternatives()
    if argument:
        chosen = _nth(found, whole(argument))
        return Reply(tuple(f"{argument}:{number} {each}" for number, each in enumerate(sentences(chosen), 1)))
    if not found:
        return Reply(("There are none yet; /next writes the first.",))
    waiting = session.proposal()
    marks = ("" if not waiting or text != waiting.text else " (proposed)" for text in found)
    return Reply(tuple(f"{n}{mark}. {text}" for n, (text, mark) in enumerate(zip(found, marks, strict=True), 1)))


def pick(session: Session, argument: str) -> Reply:
    return accept(session, _nth(session.alternatives(), whole(argument)))


def merge(session: Session, argument: str) -> Reply:
    """Join sentences of several alternatives in the order that is asked for."""
    parts = text_in(argument).split()
    found, places = session.alternatives(), list[Place]()
    for part in parts:
        number, _, wanted = part.partition(":")
        count = len(sentences(_nth(found, whole(number))))
        chosen = _places(wanted, count) if wanted else range(count)
        places += [(whole(number) - 1, sentence) for sentence in chosen]
    return accept(session, merged(found, places))


def _places(wanted: str, count: int) -> list[int]:
    """``1-2,5`` or ``3-`` as places from 0."""
    places: list[int] = []
    for part in wanted.split(","):
        first, dash, last = part.partition("-")
        begin = whole(first)
        end = whole(last) if last else count if dash else begin
        if not begin <= end <= count:
            raise InputError(f"There are no sentences {part} there; it has {count}.")
        places.extend(range(begin - 1, end))
    return places


def _nth(found: Sequence[str], number: int) -> str:
    if number > len(found):
        raise InputError(f"There is no alternative {number}; there are {len(found)}.")
    return found[number - 1]


def drop(session: Session, _: str) -> Reply:
    session.discard()
    return Reply(("The paragraph is dropped; /next writes another.",), "text")


def write(session: Session, text: str) -> Reply:
    row = session.add(text_in(text))
    return Reply((f"Paragraph {row.index + 1} is in the story, in your words.",), "text", (row.text,))


def edit(session: Session, argument: str) -> Reply:
    """Replace a paragraph by its number, else the one that is proposed, else the last one."""
    number, text = split_number(text_in(argument))
    if number is None and session.proposal():
        return accept(session, text)
    row = session.edit(text, None if number is None else number - 1)
    findings = findings_in_words(session.library.findings_of(row.id))
    return Reply((f"Paragraph {row.index + 1} is changed.", *findings), "text", (row.text,))


def instruct(session: Session, wish: str) -> Reply:
    session.instruct(text_in(wish))
    return Reply(("The next paragraph will be asked for that.",))


def undo(session: Session, argument: str) -> Reply:
    waiting = session.proposal()
    count = session.undo(whole(argument) if argument else 1)
    dropped = ["The proposed paragraph is dropped."] if waiting else []
    if not count:
        return Reply((*dropped, "There is nothing else to take back."), "text" if waiting else "nothing")
    return Reply((*dropped, f"{counted(count, 'step')} taken back. {_standing(session)}"), "text")


def redo(session: Session, argument: str) -> Reply:
    count = session.redo(whole(argument) if argument else 1)
    if not count:
        return Reply(("There is nothing that was taken back.",))
    return Reply((f"{counted(count, 'step')} made good. {_standing(session)}",), "text")


def _standing(session: Session) -> str:
    return f"The story has {counted(written(session), 'paragraph')} now."


def jump(session: Session, argument: str) -> Reply:
    number = whole(argument)
    session.jump(number - 1)
    return Reply((f"The story goes on after paragraph {number} now; /undo leads back.",), "text")


def search(session: Session, words: str) -> Reply:
    rows = session.search(text_in(words))
    if not rows:
        return Reply((f"No paragraph says {shortened(words, 80)!r}.",))
    return Reply(tuple(f"{row.index + 1}: {_excerpt(row.text, words)}" for row in rows))


def _excerpt(text: str, words: str) -> str:
    text, wanted = " ".join(text.split()), " ".join(words.split())
    # Matched as the session matches, where folding keeps the length, which is nearly everywhere.
    at = max(text.casefold().find(wanted.casefold()), 0)
    begin, end = max(at - _AROUND, 0), at + len(wanted) + _AROUND
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if end < len(text) else ''}"


def auto(session: Session, argument: str) -> Reply:
    """Write on alone until the beat (nothing said), the chapter or the story ends, or N paragraphs; what has a finding waits."""
    words = argument.lower().split()
    notes = words[-1:] == ["notes"]
    wanted = words[: len(words) - notes] or ["beat"]
    if len(wanted) > 1:
        raise Misused
    until: Until | int = _ENDS.get(wanted[0]) or whole(wanted[0])
    rest = write_on(session, until, notes=notes)
    told = tuple(row.text for row in rest.rows)
    if rest.why == "stopped":
        raise WritingStopped(f"Stopped; {_standing(session).lower()}")
    if rest.draft:
        said = [f"Paragraph {written(session) + 1} waits for you.", *findings_in_words(rest.draft.findings)]
        return Reply((*said, "/accept takes it, /reroll writes another."), "text", (*told, rest.draft.text))
    why = {"end": (_END,), "beat": ("The beat is at its end.",), "chapter": ("The chapter is at its end.",)}
    return Reply((f"{counted(len(told), 'paragraph')} written.", *why.get(rest.why, ())), "text", told)
