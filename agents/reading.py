"""Read a premise without a model: who and what it names, and where those words stand in it.

A small grammar: a noun phrase is a determiner and the words up to a verb, a preposition or a mark; the first one is the
subject. What stands in quotes is said or so called, and names nobody. Invariant: the spans of the mentions do not overlap
and each gives back its words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.lexicon import kind_of, pronoun_of, pronoun_of_name, words

MentionKind = Literal["character", "place", "item", "site", "beast", "note"]

# Letters of any script: a name such as Zoë or José is one word.
_TOKEN = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-])*|[.,;:!?\"]")
_QUOTED = re.compile(r"[\"“]([^\"“”]*)[\"”]|‘([^‘’]*)’(?!\w)|(?<!\w)'([^']*)'(?!\w)")
MAX_NAME = 80
"""Longer runs of words are a way of telling, not a name; no sentence could carry them."""
_DETERMINERS = frozenset("a an the her his their its my our your one two three some another this that every".split())
_PLACING = frozenset("in at aboard inside on near to into through across outside".split())
_BINDING = frozenset("of under beneath behind below with made for above beyond between among without full".split())
_LEADING = _PLACING | _BINDING | frozenset("after before by during for from over since until".split())
_BREAKS = frozenset(
    "and or but who whom whose which that when while where because so if as until after before than then by about from not "
    "only just never always meant stuck shut alone afraid beside during to she he they it him them it's against off out up down "
    "away back over".split()
)
_NAMING = frozenset("called named nicknamed".split())
_MANY = frozenset("two three some".split())
_PLURALS = frozenset("children people men women thieves wives spies witches heiresses".split())
_POSSESSIVE = ("'s", "’s")
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
    if head in words("people") or pronoun_of(head):
        return True
    return (
        kind_of(head) == "item"
        and head.endswith(_PERSON_ENDINGS)
        and not head.endswith("ness")
        and head not in words("nobody")
    )


def _are_people(head: str) -> bool:
    return head in _PLURALS or (head.endswith("s") and is_person(head[:-1]))


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """The words and marks of ``text`` with their spans. A quotation counts as one mark, with two exceptions whose words
    are read: a name after "called", and a small word or two within a phrase (a "smart" robot), quotes in their spans.
    """
    tokens: list[tuple[str, int, int]] = []

    def read(start: int, end: int) -> None:
        tokens.extend((m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text, start, end))

    at = 0
    for match in _QUOTED.finditer(text):
        read(at, match.start())
        start, end = match.span()
        before, said = (tokens[-1][0].lower() if tokens else ""), match.group()[1:-1]
        small = said == said.lower() and len(said.split()) <= 2 and before in _DETERMINERS
        count = len(tokens)
        if before in _NAMING or small:
            read(start + 1, end - 1)
        if len(tokens) > count:
            tokens[count] = (tokens[count][0], start, tokens[count][2])
            tokens[-1] = (*tokens[-1][:2], end)
        else:
            tokens.append(('"', start, end))
        at = end
    read(at, len(text))
    return tokens


def _definite(phrase: str) -> str:
    first, _, rest = phrase.partition(" ")
    owner, _, owned = rest.partition(" ")
    if first.lower() in _DETERMINERS and owner.endswith(_POSSESSIVE) and owned:
        rest = owned
    return f"the {rest}" if rest and first.lower() in _DETERMINERS else phrase


def _unquoted(words: str) -> str:
    match = _QUOTED.fullmatch(words)
    return words[1:-1] if match else words


def _opens_phrase(word: str) -> bool:
    return word in _BREAKS | _PLACING | _BINDING | _DETERMINERS


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.mentions: list[Mention] = []
        self.seen_verb = False

    def word(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index][0] if index < len(self.tokens) else "."

    def is_verb(self, index: int) -> bool:
        """A known verb (also its plural form), what must be one after a person, or, before the first verb, a word in -s
        that a new phrase follows.
        """
        word = self.tokens[index][0].lower()
        following = self.tokens[index + 1][0].lower() if index + 1 < len(self.tokens) else "."
        before = self.tokens[index - 1][0].lower() if index else ""
        if word in words("verbs"):
            return True
        opens = following in _DETERMINERS | _PLACING | _BINDING | _BREAKS | {",", ".", '"'}
        many = (before.endswith("s") and not before.endswith(_POSSESSIVE)) or before in _PLURALS
        if f"{word}s" in words("verbs") and opens and (many or not is_person(word)):  # "cooks cook", but "an old cook"
            return True
        looks = word.endswith("s") and not word.endswith(("ss", "us", *_POSSESSIVE))
        if self.told_by(index) and ((looks and not is_person(word[:-1])) or (word.endswith("ed") and len(word) > 4)):
            return True
        people = not self.seen_verb and _are_people(before) and self.tokens[index][0].islower()
        if people and not _opens_phrase(word) and word not in _NAMING:
            return True
        known = kind_of(before) != "item" or is_person(before)
        return not self.seen_verb and looks and opens and (known or following not in {",", "."})

    def told_by(self, index: int) -> bool:
        """Whether the word before is one person, by role or name, of whom a verb may tell now."""
        if not index:
            return False
        before, _, end = self.tokens[index - 1]
        named = bool(self.mentions) and self.mentions[-1].kind == "character" and self.mentions[-1].end == end
        many = any(word.lower() in _MANY for word, _, _ in self.tokens[max(0, index - 3) : index - 1])
        return named or (is_person(before) and not many)

    def phrase(self) -> tuple[int, int, str]:
        """Take a noun phrase from here; returns its start, its end and its head noun."""
        start = self.tokens[self.at][1]
        end, head = self.tokens[self.at][2], ""
        if self.word().lower() in _DETERMINERS:
            self.at += 1
        while self.at < len(self.tokens):
            word = self.word().lower()
            doing = word.endswith("ing") and is_person(head)  # "a seller helping in an orchard"
            if (
                _opens_phrase(word)
                or word in _NAMING
                or not word[0].isalpha()
                or doing
                or (head and self.is_verb(self.at))
            ):
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
        given = pronoun_of_name(self.word()) is not None and self.word(1).islower()
        return not known and (
            given or paired or following == "," or following in words("verbs") or self.word(1)[0].isupper()
        )

    def _proper_name(self, before: str) -> None:
        start = self.tokens[self.at][1]
        while self.word()[0].isupper():
            end = self.tokens[self.at][2]
            self.at += 1
        name = self.text[start:end]
        if name.endswith(_POSSESSIVE):
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

    def _given_name(self) -> tuple[str, int]:
        """Take "called NAME" from here; returns the name without quotes and its end, or an empty name and 0."""
        if self.word().lower() not in _NAMING or not self.word(1)[0].isalpha():
            return "", 0
        the = self.word(1).lower() == "the" and self.word(2)[0].isupper()
        _, start, end = self.tokens[self.at + 1]
        quoted = not self.text[start].isalpha()
        if not (the or quoted or self.text[start].isupper()):
            return "", 0
        self.at += 2
        while self.word()[0].isupper() or (quoted and self.text[end - 1].isalpha() and self.at < len(self.tokens)):
            end = self.tokens[self.at][2]
            self.at += 1
        name = _unquoted(self.text[start:end])
        return (name[:-2], end - 2) if name.endswith(_POSSESSIVE) else (name, end)

    def _noun_phrase(self, before: str) -> None:
        start, end, head = self.phrase()
        if not head:
            return
        bare = _unquoted(self.text[start:end].partition(" ")[2] or self.text[start:end])
        kind = kind_of(head)
        subject = not self.seen_verb and not self.mentions and before not in _LEADING
        name, named_end = self._given_name()
        if is_person(head) or (subject and kind in {"item", "beast"}):
            self.mentions.append(Mention(start, named_end or end, "character", name, bare))
            return
        if name:
            self.mentions.append(Mention(start, named_end, kind, name))
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
    return [mention for mention in _Reader(text).read() if max(len(mention.name), len(mention.role)) <= MAX_NAME]


def workplace(role: str) -> str:
    """The place that a role speaks of ("lighthouse keeper" gives "the lighthouse"), or an empty string."""
    *before, _ = role.lower().split() or [""]
    return next((f"the {word}" for word in reversed(before) if word in words("places")), "")
