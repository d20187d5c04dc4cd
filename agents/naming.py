"""Between names and slots: the state knows who fills a slot, the model only ever sees the slot.

Invariant: ``slotted(fill(text))`` names the same entities as ``text``, whatever the names are, as long as no two entities
share a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from planner.state import Entity, EntityKind, Premise
from prompts.control import CONTROL, END, clean
from prompts.slots import slot_tokens

_SLOT = re.compile(r"<(?:she|he|they|role|place|item|site|beast|note)\d>")
_ARTICLE = re.compile(r"\b([Aa]n?) (<role\d>)")
# What stands before the first word of a sentence or of a speech.
_BEGINS = re.compile(r"(?:^|[.!?]\"?\s+|[,:]\s+(?=\"))\"?$")
# Words that begin with a vowel letter but a consonant sound, and the other way round.
_SOUNDS_CONSONANT = re.compile(r"(?:one|uni(?!n)|use|eu|ubi)", re.IGNORECASE)
_NEVER = tuple(token for token in CONTROL if token != END)
_TRAIT_WORDS, _TRAIT_LETTERS = 4, 36
_SMALL = frozenset("a an and at by for from in of on or over the to under with".split())


def article(word: str) -> str:
    """``a`` or ``an``, by the sound that ``word`` begins with."""
    vowel = (word[:1].lower() in tuple("aeiou") and not _SOUNDS_CONSONANT.match(word)) or word.lower().startswith(
        ("hour", "heir", "honest", "honor", "honour")
    )
    return "an" if vowel else "a"


def _capital(text: str) -> str:
    first = text[:1].upper()
    return first + text[1:] if len(first) == 1 else text


def title_case(text: str) -> str:
    """Title capitals, small words inside left small."""
    parts = text.split()
    return " ".join(
        word if i not in (0, len(parts) - 1) and word.lower() in _SMALL else _capital(word)
        for i, word in enumerate(w.lower() if w.lower() in _SMALL else w for w in parts)
    )


class Naming:
    """The slots of one story's entities. Raises nothing; a slot that nobody fills is taken out of the text."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = tuple(entities)
        self.by_slot = {entity.slot: entity for entity in self.entities if entity.slot}
        self._values = {slot: entity.name for slot, entity in self.by_slot.items()}
        for entity in self.entities:
            if entity.kind is EntityKind.CHARACTER and entity.slot:
                self._values[self.role_slot(entity)] = entity.role
        names = {
            alias.lower(): entity.slot
            for entity in self.entities
            for alias in (*entity.aliases, entity.name)
            if alias and entity.slot
        }
        names |= {
            e.role.lower(): self.role_slot(e)
            for e in self.entities
            if e.role and e.slot and e.role.lower() not in names
        }
        self._names = names
        spelled = {e.name for e in self.entities} | {a for e in self.entities for a in e.aliases} | set(names)
        longest_first = sorted((s for s in spelled if s.lower() in names), key=lambda s: (-len(s), s))
        self._pattern = (
            re.compile(r"(?<![\w<])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w>])", re.IGNORECASE)
            if names
            else None
        )

    @staticmethod
    def role_slot(entity: Entity) -> str:
        return f"<role{entity.slot[-2]}>"

    def fill(self, text: str) -> str:
        """Write the names in: articles fit the role that follows, and a name at the head of a sentence gets its capital."""

        def with_article(match: re.Match[str]) -> str:
            role = self._values.get(match.group(2), "")
            word = article(role)
            return f"{_capital(word) if match.group(1)[0] == 'A' else word} {match.group(2)}"

        text = _ARTICLE.sub(with_article, text)
        filled, end = "", 0
        for match in _SLOT.finditer(text):
            filled += text[end : match.start()]
            value = self._values.get(match.group(), "")
            filled += _capital(value) if _BEGINS.search(filled[-8:]) else value
            end = match.end()
        filled += text[end:]
        return re.sub(r" +([,.!?;])", r"\1", re.sub(r" {2,}", " ", filled)).strip()

    def fill_title(self, text: str) -> str:
        """Fill a title, in title capitals."""
        return title_case(self.fill(text).strip().strip('.,;:"'))

    def slotted(self, text: str) -> str:
        """Put slots in place of names, longest name first, after taking out tokens that a person may have typed."""
        text = clean(text)
        return self._pattern.sub(lambda m: self._slot_of(m.group()), text) if self._pattern else text

    def _slot_of(self, words: str) -> str:
        """The slot of a name as it was matched: a pattern knows more letters as equal than lower case does (s and ſ)."""
        known = self._names.get(words.lower())
        return known or next(
            slot for name, slot in self._names.items() if re.fullmatch(re.escape(name), words, re.IGNORECASE)
        )

    def named(self, slots_text: str) -> tuple[Entity, ...]:
        """The entities whose slots stand in a slotted text, in order of first mention, once each."""
        seen = dict.fromkeys(match.group() for match in _SLOT.finditer(slots_text))
        return tuple(self.by_slot[slot] for slot in seen if slot in self.by_slot)

    def banned(self, on_stage: Iterable[Entity]) -> tuple[str, ...]:
        """What may not be drawn when only ``on_stage`` are there: control tokens but the end, and all other slots, in
        vocabulary order."""
        stage = tuple(on_stage)
        allowed = {e.slot for e in stage} | {
            self.role_slot(e) for e in stage if e.kind is EntityKind.CHARACTER and e.role
        }
        return (*_NEVER, *(token for token in slot_tokens() if token not in allowed))


def cast_lines(premise: Premise) -> list[dict[str, str]]:
    """The cast as the small model's prompts put it: slot and one trait of a few words."""
    return [{"slot": c.slot, "trait": _few_words(clean(c.traits[0])) if c.traits else "plain"} for c in premise.cast]


def _few_words(trait: str) -> str:
    """At most four words and 36 letters: a word is left out where it is too many, the first one is cut."""
    words = trait.split()[:_TRAIT_WORDS]
    while len(words) > 1 and len(" ".join(words)) > _TRAIT_LETTERS:
        words.pop()
    return " ".join(words)[:_TRAIT_LETTERS]
