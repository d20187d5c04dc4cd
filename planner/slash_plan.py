"""Slash commands on everything but the text: outline, cast, tone, notes, pins, branches, and the story as a file.

Invariant: as in slash_text.py, no story logic stands here, and numbers are those that people count, from 1.
"""

from __future__ import annotations

import re

from agents.text import sentences
from planner.session import Session
from planner.slash_text import Misused, Reply, counted, findings_in_words, split_number, text_in, whole, written
from planner.state import Entity
from prompts.errors import InputError

_FIELD = re.compile(r"(?:^|\s)([a-z_]+)=")
_CARD = ("name", "role", "traits", "goal", "pronouns", "aliases")
_LISTS = frozenset({"traits", "aliases"})


def note(session: Session, text: str) -> Reply:
    """Show the note, set it, or take it back (``-``)."""
    if not text:
        return Reply((session.snapshot().note or "There is no note.",))
    session.set_note("" if text == "-" else text)
    return Reply(
        ("The note is taken back." if text == "-" else "Every paragraph from here on is asked for that.",), "plan"
    )


def pin(session: Session, said: str) -> Reply:
    return Reply((f"Pinned: {session.pin(text_in(said)).quote}",), "plan")


def pins(session: Session, _: str) -> Reply:
    found = session.library.pinned(session.story.id)
    said = tuple(f"{number}. {fact.quote}" for number, fact in enumerate(found, 1))
    return Reply(said or ("Nothing is pinned. /pin keeps a fact for good.",))


def unpin(session: Session, argument: str) -> Reply:
    return Reply((f"No longer pinned: {session.unpin(whole(argument) - 1).quote}",), "plan")


def summary(session: Session, text: str) -> Reply:
    if text:
        session.set_summary(sentences(text))
        return Reply(("The story so far is summed up in your words.",), "plan")
    return Reply((session.snapshot().summary.text or "There is nothing to sum up yet.",))


def outline(session: Session, _: str) -> Reply:
    beats, count, first = session.outline.beats, written(session), 1
    lines = []
    for number, beat in enumerate(beats, 1):
        last = first + beat.paragraphs - 1
        here = " <- here" if first <= count + 1 <= last else ""
        place = f"paragraph {first}" if first == last else f"paragraphs {first} to {last}"
        lines.append(f"{number}. {beat.label}, {place}: {beat.happens}{here}")
        first = last + 1
    return Reply(tuple(lines))


def beat(session: Session, argument: str) -> Reply:
    """``N TEXT``, ``add N TEXT``, ``move N M`` or ``drop N``."""
    what, _, rest = argument.partition(" ")
    match what.lower():
        case "add":
            number, text = _numbered(rest)
            session.insert_beat(number - 1, text)
            said = f"There is a new beat {min(number, len(session.outline.beats))}."
        case "move":
            words = rest.split()
            if len(words) != 2:
                raise Misused
            session.move_beat(whole(words[0]) - 1, whole(words[1]) - 1)
            said = f"Beat {words[0]} is beat {words[1]} now."
        case "drop":
            session.drop_beat(whole(rest.strip()) - 1)
            said = f"Beat {rest.strip()} is dropped."
        case _:
            number, text = _numbered(argument)
            session.change_beat(number - 1, happens=text)
            said = f"Beat {number} is changed."
    return Reply((f"{said} The story will have {counted(session.outline.paragraphs, 'paragraph')}.",), "plan")


def _numbered(argument: str) -> tuple[int, str]:
    number, text = split_number(argument.strip())
    if number is None:
        raise Misused
    return number, text_in(text)


def cast(session: Session, _: str) -> Reply:
    return Reply(tuple(_card(entity) for entity in session.premise.entities))


def _card(entity: Entity) -> str:
    parts = [
        f"{entity.name} ({entity.kind})", entity.role, ", ".join(entity.traits),
        f"wants {entity.goal.removeprefix('wants ')}" if entity.goal else "",
        f"also called {', '.join(entity.aliases)}" if entity.aliases else "",
    ]  # fmt: skip
    return "; ".join(filter(None, parts))


def card(session: Session, argument: str) -> Reply:
    """``NAME field=value ...``: a value runs to the next field, commas part what a list holds."""
    fields = list(_FIELD.finditer(argument))
    name = argument[: fields[0].start()].strip() if fields else argument
    if not name:
        raise Misused
    changes: dict[str, object] = {}
    ends = [*(field.start() for field in fields[1:]), len(argument)]
    for field, end in zip(fields, ends, strict=False):  # without a field there is one end too many
        key, value = field[1], argument[field.end() : end].strip().strip("\"'")
        if key not in _CARD:
            raise InputError(f"A card has no {key!r}; it has {', '.join(_CARD)}.")
        parts = tuple(filter(None, (part.strip() for part in value.split(","))))
        changes[key] = parts if key in _LISTS else value
    if changes.get("name") == "":
        raise InputError("A name must say something.")
    if changes:
        session.change_entity(name, **changes)
        name = str(changes.get("name", name))
    found = [one for one in session.premise.entities if name.lower() in {one.id, one.name.lower()}]
    if not found:
        raise InputError(f"Nobody and nothing here is called {name!r}.")
    return Reply((_card(found[0]),), "plan" if changes else "nothing")


def tone(session: Session, word: str) -> Reply:
    session.change_premise(tone=text_in(word))
    return Reply((f"The tone is {session.premise.tone} from here on.",), "plan")


def title(session: Session, text: str) -> Reply:
    session.change_premise(title=text_in(text))
    session.library.rename(session.story.id, "")  # else the title that it has on the shelf would hide this one
    return Reply((f"The title is {session.premise.title}.",), "plan")


def world(session: Session, _: str) -> Reply:
    session.snapshot()
    return Reply(tuple(session.world()) or ("No facts yet.",))


def findings(session: Session, _: str) -> Reply:
    draft, head = session.proposal(), session.state.get("head")
    if draft:
        return Reply(tuple(findings_in_words(draft.findings)) or ("Nothing speaks against the proposed paragraph.",))
    found = session.library.findings_of(head) if head else []
    return Reply(tuple(findings_in_words(found)) or ("Nothing speaks against the last paragraph.",))


def branch(session: Session, name: str) -> Reply:
    session.branch(text_in(name))
    return Reply((f"From here on this is the branch {name}.",), "text")


def branches(session: Session, _: str) -> Reply:
    library, here = session.library, session.context.branch
    known = library.branches(session.story.id)
    counts = {name: library.paragraph(head).index + 1 if head else 0 for name, head in known.items()}
    return Reply(
        tuple(f"{name}: {counted(counts[name], 'paragraph')}{' <- here' if name == here else ''}" for name in known)
    )


def switch(session: Session, name: str) -> Reply:
    session.switch(text_in(name))
    return Reply((f"This is the branch {name}; it has {counted(written(session), 'paragraph')}.",), "text")


def compare(session: Session, argument: str) -> Reply:
    """Two branches: names as they are where there is such a branch, else parted at the white space."""
    known, here = session.library.branches(session.story.id), session.context.branch
    one, other = (here, text_in(argument))
    if argument not in known:
        first, _, second = argument.partition(" ")
        one, other = (first, second.strip()) if second else (here, argument)
    found = session.compare(one, other)
    lines = [f"They share {counted(found.shared, 'paragraph')}."]
    for name, rows in ((one, found.one), (other, found.other)):
        lines += [f"{name}, paragraph {row.index + 1}: {row.text}" for row in rows] or [f"{name} ends there."]
    return Reply(tuple(lines))


def export(session: Session, argument: str) -> Reply:
    """The branch as it stands, as a file; what is there already stays."""
    from planner.export.branch import export_branch, meant
    from planner.export.formats import Format

    kind, _, where = text_in(argument).partition(" ")
    if kind.lower() not in set(Format):
        raise InputError(f"There is no format {kind!r}; choose {', '.join(Format)}.")
    path, notes = export_branch(session, Format(kind.lower()), meant(where.strip()) if where.strip() else None)
    return Reply((f"Written to {path}.", *notes))
