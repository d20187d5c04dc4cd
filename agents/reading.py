"""Read a premise without a model: who and what it names, and where those words stand in it.

A small grammar: a noun phrase is a determiner and the words up to a verb, a preposition or a mark; the first one is the
subject. Invariant: the spans of the mentions do not overlap and each gives back its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.lexicon import kind_of, pronoun_of, words

MentionKind = Literal["character", "place", "item", "site", "beast", "note"]

_TOKEN = re.compile(r"[A-Za-z][A-Za-z'-]*|[.,;:!?\"]")
_DETERMINERS = frozenset("a an the her his their its my our your one two three some another this that every".split())
_PLACING = frozenset("in at inside on near to into through across outside".split())
_BINDING = frozenset("of under beneath behind below with made for above beyond between among without full".split())
_BREAKS = frozenset(
    "and or but who whom whose which that when while where because so if as until after before than then by about from not "
    "only just never always to she he they it him them it's against off out up down away back over".split()
)
_PEOPLE = frozenset(
    "stranger friend neighbour neighbor rival child children thief ghost twin detective student pilot guard spy cook chef "
    "judge guide nurse clerk apprentice orphan giant elf dwarf troll android alien genius poet musician artist thief "
    "villager soldier shepherd smith tailor butcher scribe sheriff captain doctor mayor president enemy partner boss "
    "colleague baby family crew team cousin ancestor astronaut assistant archivist".split()
)
_PERSON_ENDINGS = ("er", "or", "ist", "ian", "man", "woman", "boy", "girl", "smith", "maid", "ess", "ant", "eer")


@dataclass(frozen=True)
class Mention:
    """Words of the premise that name an entity. ``name`` is how the story will call it; a character's is empty if unnamed."""

    start: int
    end: int
    kind: MentionKind
    name: str
    role: str = ""


def is_person(head: str) -> bool:
    """Whether a head noun names a person, by list, else by ending."""
    head = head.lower()
    if head in _PEOPLE or pronoun_of(head):
        return True
    return kind_of(head) == "item" and head.endswith(_PERSON_ENDINGS)


def _definite(phrase: str) -> str:
    first, _, rest = phrase.partition(" ")
    owner, _, owned = rest.partition(" ")
    if first.lower() in _DETERMINERS and owner.endswith("'s") and owned:
        rest = owned
    return f"the {rest}" if rest and first.lower() in _DETERMINERS else phrase


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
        self.at = 0
        self.mentions: list[Mention] = []
        self.seen_verb = False

    def word(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index][0] if index < len(self.tokens) else "."

    def is_verb(self, index: int) -> bool:
        """A known verb (also its plural form), or, before the first verb, a word in -s that a new phrase follows."""
        word = self.tokens[index][0].lower()
        following = self.tokens[index + 1][0].lower() if index + 1 < len(self.tokens) else "."
        if word in words("verbs"):
            return True
        opens = following in _DETERMINERS | _PLACING | _BINDING | _BREAKS | {",", "."}
        if f"{word}s" in words("verbs") and opens:
            return True
        looks = word.endswith("s") and not word.endswith(("ss", "us", "'s"))
        before = self.tokens[index - 1][0].lower() if index else ""
        known = kind_of(before) != "item" or is_person(before)
        return not self.seen_verb and looks and opens and (known or following not in {",", "."})

    def phrase(self) -> tuple[int, int, str]:
        """Take a noun phrase from here; returns its start, its end and its head noun."""
        start = self.tokens[self.at][1]
        end, head = self.tokens[self.at][2], ""
        if self.word().lower() in _DETERMINERS:
            self.at += 1
        while self.at < len(self.tokens):
            word = self.word().lower()
            stops = word in _BREAKS | _PLACING | _BINDING | _DETERMINERS or not word[0].isalpha()
            if stops or (head and self.is_verb(self.at)):
                break
            end, head = self.tokens[self.at][2], self.word()
            self.at += 1
        return start, end, head

    def read(self) -> list[Mention]:
        while self.at < len(self.tokens):
            word, before = self.word(), self.tokens[self.at - 1][0].lower() if self.at else "."
            capital = word[0].isupper() and (self.at > 0 or self._opens_with_name()) and word != "I"
            if word.lower() == "that" and self._tells_of(before):
                self.at += 1
            elif word.lower() in _DETERMINERS:
                self._noun_phrase(before)
            elif capital and before not in {".", "!", "?"}:
                self._proper_name(before)
            elif capital and self.at == 0:
                self._proper_name("")
            else:
                self.seen_verb |= self.is_verb(self.at)
                self.at += 1
        return self.mentions

    def _tells_of(self, before: str) -> bool:
        """Whether "that" goes with the noun before it, as in "a city that sings"."""
        return before[0].isalpha() and before not in _PLACING | _BINDING | _BREAKS and not self.is_verb(self.at - 1)

    def _opens_with_name(self) -> bool:
        following = self.word(1).lower()
        known = self.word().lower() in _DETERMINERS | _BREAKS | _PLACING | _BINDING | words("verbs")
        paired = following == "and" and self.word(2)[0].isupper()
        return not known and (paired or following == "," or following in words("verbs") or self.word(1)[0].isupper())

    def _proper_name(self, before: str) -> None:
        start = self.tokens[self.at][1]
        while self.word()[0].isupper():
            end = self.tokens[self.at][2]
            self.at += 1
        name = self.text[start:end]
        if name.endswith("'s"):
            name, end = name[:-2], end - 2
        if before in _PLACING | {"from"}:
            self.mentions.append(Mention(start, end, "place", name))
            return
        role = ""
        if self.word() == "," and self.word(1).lower() in {"a", "an", "the"}:
            self.at += 1
            role_start, role_end, head = self.phrase()
            role = self.text[role_start:role_end].partition(" ")[2] if head else ""
            end = role_end if role else end
            if role and self.word() == ",":  # it closes the aside
                end = self.tokens[self.at][2]
                self.at += 1
        self.mentions.append(Mention(start, end, "character", name, role))

    def _noun_phrase(self, before: str) -> None:
        start, end, head = self.phrase()
        if not head:
            return
        bare = self.text[start:end].partition(" ")[2] or self.text[start:end]
        kind = kind_of(head)
        subject = not self.seen_verb and not self.mentions
        if is_person(head) or (subject and kind in {"item", "beast"}):
            self.mentions.append(Mention(start, end, "character", "", bare))
            return
        if before in _PLACING and kind in {"place", "site"} and before != "to":
            self.mentions.append(Mention(start, end, "place", _definite(self.text[start:end])))
            return
        if self.word().lower() in _BINDING and self.word(1).lower() in _DETERMINERS | {""}:
            self.at += 1
            _, end, _ = self.phrase()
        if kind == "place":
            self.mentions.append(Mention(start, end, "place", _definite(self.text[start:end])))
        else:
            self.mentions.append(Mention(start, end, kind, _definite(self.text[start:end])))


def read_premise(text: str) -> list[Mention]:
    """Every mention in the order of the words; empty when the grammar finds none."""
    return _Reader(text).read()


def workplace(role: str) -> str:
    """The place that a role speaks of ("lighthouse keeper" gives "the lighthouse"), or an empty string."""
    *before, _ = role.lower().split() or [""]
    return next((f"the {word}" for word in reversed(before) if word in words("places")), "")
