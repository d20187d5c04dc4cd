"""Delexicalise: turn the names of a story into slot tokens, so that no name is ever learnt.

Names are found by their capitals inside sentences, their class by the pronouns that follow. The four most frequent become
character slots, by order of appearance; "the park" or "the dog", where they come often, become place, item and beast slots.
Invariant: a paragraph that ``Slotted.clean`` calls clean has no name left that these rules can see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from finetune.data.prose import is_plain
from finetune.data.wordlists import ALLOWED, BEASTS, FEMALE, ITEMS, MALE, PLACES, TITLES
from prompts.slots import MAX_CHARACTERS, MAX_PLACES

_RUN = re.compile(r"(?<![<\w])[A-Z][a-z]+(?:-[A-Z][a-z]+)?(?: [A-Z][a-z]+){0,2}")
_WORD = re.compile(r"[A-Za-z]+")
_PRONOUN = re.compile(r"\b([Hh]e|[Hh]im|[Hh]is|[Hh]imself|[Ss]he|[Hh]ers?|[Hh]erself|[Ii]t|[Ii]ts)\b")
_PREPOSITION = re.compile(r"\b(in|at|near|from|of|to|into|toward|towards)\s$")
_AFTER_NOUN = (
    r"(?=[.,!?;:'\"]|$| (?:and|was|were|is|to|in|with|that|but|had|has|on|at|for|from|he|she|it|they|said|looked|again|"
    r"where|when|until|as|so|because|into|by|would|could|did|of|or|who|while|ran|went|came|saw|then|all|every)\b)"
)
_FINDERS = {
    sort: re.compile(rf"\b[Tt]he ({'|'.join(nouns)})\b{_AFTER_NOUN}")
    for sort, nouns in (("place", PLACES), ("item", ITEMS), ("beast", BEASTS))
}


@dataclass
class _Entity:
    first: int
    count: int = 0
    she: float = 0
    he: float = 0
    it: float = 0
    at: int = 0  # mentions after a preposition of place
    spellings: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Slotted:
    """A story in slots. ``clean[i]`` says whether paragraph ``i`` may be learnt; ``texts`` holds the other texts given."""

    paragraphs: tuple[str, ...]
    clean: tuple[bool, ...]
    texts: tuple[str, ...]
    cast: tuple[str, ...]


def lowercase_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word is written small: what is common there is no name at the start of a sentence."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in _WORD.findall(text) if word.islower())
    return counts


def _starts_sentence(text: str, position: int) -> bool:
    before = text[:position].rstrip(" ")
    return not before or before[-1] in ".!?:\"\n'"


def _mentions(text: str, common: Counter[str], known: set[str]) -> list[tuple[int, int, str]]:
    """(start, end, spelling) of every name; ``known`` are words that are names even where they start a sentence."""
    found = []
    for match in _RUN.finditer(text):
        words = match.group(0).split(" ")
        start = match.start()
        first = words[0]
        at_start = _starts_sentence(text, start)
        titled = first in TITLES and len(words) > 1 and words[1] not in ALLOWED
        if first not in known and (first in ALLOWED or (at_start and common[first.lower()] >= 5)) and not titled:
            start += len(first) + 1
            words = words[1:]
        while words and words[-1] in ALLOWED and words[-1] not in known:
            words.pop()
        if words and not all(word in ALLOWED for word in words):
            spelling = " ".join(words)
            found.append((start, start + len(spelling), spelling))
    return found


def _entities(text: str, mentions: list[tuple[int, int, str]]) -> tuple[list[_Entity], dict[str, _Entity]]:
    by_spelling: dict[str, _Entity] = {}
    entities: list[_Entity] = []
    for number, (start, end, spelling) in enumerate(mentions):
        entity = by_spelling.get(spelling)
        if entity is None:
            words = set(spelling.split())
            if not words & TITLES:
                entity = next(
                    (
                        e
                        for e in entities
                        if any(words & set(s.split()) and not set(s.split()) & TITLES for s in e.spellings)
                    ),
                    None,
                )
            if entity is None:
                entity = _Entity(start)
                entities.append(entity)
            by_spelling[spelling] = entity
            entity.spellings.add(spelling)
            entity.she += 3 * bool(words & {"Mrs", "Miss", "Queen", "Princess", "Lady", "Aunt", "Madam", "Mother"})
            entity.he += 3 * bool(words & {"Mr", "King", "Prince", "Sir", "Lord", "Uncle", "Master", "Father"})
        entity.count += 1
        entity.at += bool(_PREPOSITION.search(text[max(0, start - 9) : start]))
        around = set(_WORD.findall(text[max(0, start - 24) : start].lower())) | set(
            _WORD.findall(text[end : end + 24].lower()) if text[end : end + 5] in {", the", ", a s", " was "} else []
        )
        entity.he += bool(around & MALE)
        entity.she += bool(around & FEMALE)
        stop = min(mentions[number + 1][0] if number + 1 < len(mentions) else len(text), end + 140)
        after = text[end:stop].split("\n", maxsplit=1)[0]
        if pronoun := _PRONOUN.search(after):
            word = pronoun.group(1).lower()
            if word.startswith("it"):
                entity.it += 0.6
            elif word.startswith("s") or word.startswith("her"):
                entity.she += 1
            else:
                entity.he += 1
    return entities, by_spelling


def _sort_of(entity: _Entity, coin: int) -> str:
    """The slot class of an entity, or "" where the evidence is mixed."""
    strong, weak = max(entity.he, entity.she), min(entity.he, entity.she)
    if entity.at >= 0.6 * entity.count and strong <= 0.3 * entity.count and entity.count > 0:
        return "place"
    if strong == 0:
        return "beast" if entity.it >= 1 else ("she", "he")[coin % 2]
    if strong < 2 * weak:
        return ""
    return "he" if entity.he > entity.she else "she"


def _assign(entities: list[_Entity], coin: int) -> dict[int, str]:
    """Slots by ``id`` of the entity: the most frequent characters, numbered by first appearance; a few places and beasts."""
    sorts = {id(e): _sort_of(e, coin + n) for n, e in enumerate(entities)}
    frequent = sorted(entities, key=lambda e: -e.count)
    cast = [e for e in frequent if sorts[id(e)] in {"she", "he"}][:MAX_CHARACTERS]
    slots = {id(e): f"<{sorts[id(e)]}{n}>" for n, e in enumerate(sorted(cast, key=lambda e: e.first), 1)}
    for sort, most in (("place", MAX_PLACES - 1), ("beast", 1)):
        chosen = [e for e in frequent if sorts[id(e)] == sort][:most]
        slots |= {id(e): f"<{sort}{n}>" for n, e in enumerate(sorted(chosen, key=lambda e: e.first), 1)}
    return slots


def _slot_nouns(text: str) -> str:
    """Frequent "the park", "the box", "the dog" become place, item and beast slots that are still free."""
    for sort, finder in _FINDERS.items():
        used = {int(n) for n in re.findall(rf"<{sort}(\d)>", text)}
        if sort != "place" and any(int(n) for n in re.findall(r"<(?:item|beast)(\d)>", text)):
            used |= {int(n) for n in re.findall(r"<(?:item|beast)(\d)>", text)}
        free = [n for n in (1, 2, 3) if n not in used]
        often = [noun for noun, count in Counter(finder.findall(text)).most_common(2) if count >= 2]
        chosen = dict(zip(often, free, strict=False))
        if chosen:
            text = finder.sub(lambda m, s=sort, c=chosen: f"<{s}{c[m[1]]}>" if m[1] in c else m[0], text)  # type: ignore[misc]
    return text


def slot_story(paragraphs: tuple[str, ...], texts: tuple[str, ...], common: Counter[str], coin: int) -> Slotted:
    """Slot a story and the short ``texts`` about it (title, logline). ``coin`` settles what no pronoun settles."""
    whole = "\n".join((*paragraphs, *texts))
    known = {
        w for _, _, s in _mentions(whole, common, set()) for w in s.split() if w not in ALLOWED and w not in TITLES
    }
    mentions = _mentions(whole, common, known)
    entities, by_spelling = _entities(whole, mentions)
    slots = _assign(entities, coin)
    pieces, left, unresolved = [], 0, "\x00"
    for start, end, spelling in mentions:
        pieces += [whole[left:start], slots.get(id(by_spelling[spelling]), spelling + unresolved)]
        left = end
    slotted = _slot_nouns("".join(pieces) + whole[left:])
    lines = [re.sub(r"\b([Tt]he|[Aa]n?) (?=<(?:place|she|he)\d>)", "", line) for line in slotted.split("\n")]
    clean = tuple(unresolved not in line and is_plain(line) for line in lines)
    cast = tuple(
        sorted(set(re.findall(r"<(?:she|he|they)\d>", "\n".join(lines[: len(paragraphs)]))), key=lambda s: s[-2])
    )
    n = len(paragraphs)
    extra = tuple(
        line if ok or (line and unresolved not in line) else "" for line, ok in zip(lines[n:], clean[n:], strict=True)
    )
    return Slotted(tuple(line.replace(unresolved, "") for line in lines[:n]), clean[:n], extra, cast)


@dataclass(frozen=True)
class Named:
    """Somebody or some place that a text names: its sort (she, he, place, beast), how often, and where first."""

    name: str
    sort: str
    count: int
    first: int


def find_names(text: str, common: Counter[str]) -> list[Named]:
    """Whom and what ``text`` names, the most frequent first; what the pronouns leave open is left out."""
    known = {w for _, _, s in _mentions(text, common, set()) for w in s.split() if w not in ALLOWED and w not in TITLES}
    mentions = _mentions(text, common, known)
    entities, _ = _entities(text, mentions)
    counts = Counter(spelling for _, _, spelling in mentions)
    found = []
    for entity in entities:
        if (sort := _sort_of(entity, 0)) and not (sort == "she" and entity.she == 0):  # a coin decided it
            name = max(sorted(entity.spellings), key=lambda s: (counts[s], len(s)))
            found.append(Named(name, sort, entity.count, entity.first))
    return sorted(found, key=lambda n: (-n.count, n.first))


def find_nouns(text: str) -> dict[str, list[str]]:
    """The places, items and beasts that ``text`` speaks of by their nouns at least twice ("the park"), most often first."""
    return {
        sort: [noun for noun, count in Counter(finder.findall(text)).most_common() if count >= 2]
        for sort, finder in _FINDERS.items()
    }
