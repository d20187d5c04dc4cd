"""The plan of our own stories: which premise is told, by whom it is lived, in which genre, voice and shape.

    python -m finetune.stories.plan [--premise ID ...] [--part K/N]

A plan is dealt from the lists in ``plan.yaml`` as from decks of cards: each deck is used up before a card comes again, so
no setting, role, thing, trouble, shape, ending or name becomes a habit. Invariant: the plan depends on ``plan.yaml`` alone;
a premise keeps its id and its cards whatever is written or not.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict

LISTS: Final = Path(__file__).with_name("plan.yaml")
PREMISES, SHARED, TELLINGS = 62, 20, 3
"""Premises of a genre; how many of them are told several times; how often."""
LENGTHS: Final = (6, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 11, 12, 14)
Pronoun = Literal["she", "he", "they"]


class _Card(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Telling(_Card):
    """One story that a premise is to become."""

    id: str
    tone: str
    voice: str
    shape: str
    opening: str
    ending: str
    pov: Literal["third", "first"]
    tense: Literal["past", "present"]
    paragraphs: int


class Person(_Card):
    name: str
    pronoun: Pronoun
    role: str


class PremisePlan(_Card):
    """The cards of one premise. The first person is the hero; whoever tells in the first person is the hero too."""

    id: str
    genre: str
    setting: str
    thing: str
    trouble: str
    cast: tuple[Person, ...]
    tellings: tuple[Telling, ...]


class _Deck:
    """Deals the items of a list in random order, all of them before one comes again."""

    def __init__(self, items: list[Any], rng: random.Random) -> None:
        self.items, self.rng, self.left = list(items), rng, list[Any]()

    def deal(self, taken: Collection[Any] = (), by: Callable[[Any], Any] = str) -> Any:
        """The next item that is not ``taken``, told by ``by``; the skipped ones stay on top."""
        if all(by(item) in taken for item in self.left):
            fresh = list(self.items)
            self.rng.shuffle(fresh)
            self.left = fresh + self.left
        return self.left.pop(next(n for n in range(len(self.left) - 1, -1, -1) if by(self.left[n]) not in taken))


@lru_cache(1)
def lists() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(LISTS.read_text(encoding="utf-8"))
    return loaded


@lru_cache(1)
def plan() -> dict[str, PremisePlan]:
    """Every premise by its id, such as ``fairy-tale-07``."""
    said, rng = lists(), random.Random("the plan of our own stories")
    names = {pronoun: _Deck(given, rng) for pronoun, given in said["names"].items()}
    troubles = _Deck(said["troubles"], rng)
    decks = {key[:-1]: _Deck(said[key], rng) for key in ("shapes", "endings", "openings", "voices")}
    persons = _Deck(["third"] * 9 + ["first"], rng)
    tenses = _Deck(["past"] * 11 + ["present"], rng)
    lengths = _Deck(list(LENGTHS), rng)
    sizes = _Deck([2, 2, 3, 3, 3, 4], rng)
    pronouns = _Deck(["she"] * 12 + ["he"] * 12 + ["they"], rng)
    found: dict[str, PremisePlan] = {}
    for genre, own in said["genres"].items():
        roles, settings, things, tones = (_Deck(own[key], rng) for key in ("roles", "settings", "things", "tones"))
        for number in range(1, PREMISES + 1):
            key = f"{genre.replace(' ', '-')}-{number:02}"
            cast: list[Person] = []
            for _ in range(sizes.deal()):
                kind = pronouns.deal()
                name = names[kind].deal({person.name[0] for person in cast}, itemgetter(0))
                cast.append(Person(name=name, pronoun=kind, role=roles.deal({person.role for person in cast})))
            tellings: list[Telling] = []
            for place in range(TELLINGS if number <= SHARED else 1):
                drawn = {
                    card: deck.deal({getattr(one, card) for one in tellings})
                    for card, deck in {"tone": tones, **decks}.items()
                }
                pov = persons.deal()
                tellings.append(
                    Telling(
                        id=f"{key}{'abc'[place]}",
                        **drawn,
                        pov=pov,
                        tense="past" if pov == "first" else tenses.deal(),
                        paragraphs=lengths.deal(),
                    )
                )
            found[key] = PremisePlan(
                id=key, genre=genre, setting=settings.deal(), thing=things.deal(), trouble=troubles.deal(),
                cast=tuple(cast), tellings=tuple(tellings),
            )  # fmt: skip
    return found


def spread(planned: list[PremisePlan]) -> Iterator[tuple[str, int, int, float]]:
    """(what, different ones, times used, share of the commonest one) for every kind of card."""
    told = [telling for premise in planned for telling in premise.tellings]
    cards: dict[str, list[Any]] = {
        key: [getattr(premise, key) for premise in planned] for key in ("genre", "setting", "thing", "trouble")
    }
    cards["role"] = [person.role for premise in planned for person in premise.cast]
    cards["name"] = [person.name for premise in planned for person in premise.cast]
    for key in ("tone", "voice", "shape", "opening", "ending", "pov", "tense", "paragraphs"):
        cards[key] = [getattr(telling, key) for telling in told]
    for key, used in cards.items():
        yield key, len(set(used)), len(used), Counter(used).most_common(1)[0][1] / len(used)


def card(premise: PremisePlan) -> str:
    """The premise as a writer reads it."""
    cast = "; ".join(f"{p.name} ({p.pronoun}, {p.role})" for p in premise.cast)
    lines = [
        f"{premise.id} [{premise.genre}] {premise.setting} | {premise.thing} | {premise.trouble}",
        f"  cast: {cast}",
    ]
    for one in premise.tellings:
        person = "" if (one.pov, one.tense) == ("third", "past") else f", {one.pov} person {one.tense} tense"
        lines.append(
            f"  {one.id}: {one.paragraphs} paragraphs, {one.tone}, voice {one.voice}{person}; {one.shape}; "
            f"opens with {one.opening}; ends with {one.ending}"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The plan of our own stories, and how evenly it is spread.")
    parser.add_argument("--premise", nargs="+", default=[], help="show these premises")
    parser.add_argument("--part", help="show every N-th premise from the K-th on, as K/N")
    options = parser.parse_args(argv)
    planned = sorted(plan().values(), key=lambda premise: premise.id[-2:])  # the genres by turns
    shown = [premise for premise in planned if premise.id in options.premise]
    if options.part:
        first, step = map(int, options.part.split("/"))
        shown = planned[first - 1 :: step]
    for premise in shown:
        print(card(premise))
    if not shown:
        print(f"{len(planned)} premises, {sum(len(p.tellings) for p in planned):,} stories")
        for what, different, used, most in spread(planned):
            print(f"  {what:10} {different:4} different in {used:5,}; the commonest is {most:.1%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
