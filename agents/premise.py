"""The premise agent: from a brief to a typed premise. What the person said stays; the model fills the gaps.

Invariant: the returned premise has a protagonist with a role, a trait and a goal, a place, and a thing to tell of.
"""

from __future__ import annotations

import random
import re
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from agents.brief import MAX_NAME, Brief, CharacterWish
from agents.casting import (
    Casting,
    cast_entities,
    place_entities,
    pronouns_for,
    read_brief,
    slotted_logline,
    thing_entities,
    thing_kind,
)
from agents.engines.base import Engine, Prompt, Request, Sampling
from agents.lexicon import detect_genre, known_genre, tones
from agents.memory import LOGLINE_TOKENS, TONE_TOKENS, fitted, shorten
from agents.naming import Naming
from agents.spelling import strange_words
from agents.structured import Lines, Pairs, ask
from agents.themes import nearest, told_as
from planner.state import MAX_LINE, EntityKind, Premise, Pronouns
from prompts.load import render

# The small model's context is 512 tokens: the logline, a few tags and this. Its answer repeats what the person said, so that
# is shortened to _SAID tokens in all; what they said is what comes into the premise nevertheless.
_SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_tokens=360)
_SAID = 110
_PLAIN_SAMPLING = Sampling(temperature=0.7, max_tokens=800)
_CANDIDATES = 4
_TITLE = Sampling(temperature=0.8, top_p=0.95, max_tokens=24)
_LINE_KEYS = frozenset("person name pronouns role trait traits goal place places thing things kind".split())
_WORDS = r"[a-z][a-z' -]{1,38}[a-z]"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


# What a person said comes back in the answer, so each may be as long as they may write it.
_Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LINE)]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)]


def _plainly(value: Any) -> Any:
    """A word of a list as it stands there: models that nothing holds to a schema write She/Her and Item."""
    return value.partition("/")[0].strip(" .").lower() if isinstance(value, str) else value


class CastProposal(_Frozen):
    pronouns: Annotated[Pronouns, BeforeValidator(_plainly)]
    role: _Said
    trait: _Said
    goal: _Said
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NAME)] = ""


class ThingProposal(_Frozen):
    kind: Annotated[EntityKind, BeforeValidator(_plainly)]
    name: _Name


class Proposal(_Frozen):
    """What the model adds to a brief, as it writes it: JSON."""

    cast: tuple[CastProposal, ...] = Field(min_length=1, max_length=4)
    places: tuple[_Name, ...] = Field(min_length=1)
    things: tuple[ThingProposal, ...] = ()


def _text(known: str = "", pattern: str = _WORDS) -> dict[str, Any]:
    return {"const": known} if known else {"type": "string", "pattern": f"^{pattern}$"}


def proposal_schema(casting: Casting, pronouns: list[Pronouns], plain: bool) -> dict[str, Any]:
    """A JSON schema in which everything that the person said is a constant, so that a constrained model cannot change it."""

    def one(properties: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        }  # fmt: skip

    def member(index: int) -> dict[str, Any]:
        wish = casting.cast[index] if index < len(casting.cast) else CharacterWish(name="")
        fixed = index < len(pronouns)
        properties: dict[str, Any] = {"name": _text(wish.name, r"[A-Z][A-Za-z' -]{1,38}")} if plain else {}
        properties |= {
            "pronouns": {"const": str(pronouns[index])} if fixed else {"enum": ["she", "he"]},
            "role": _text(wish.role),
            "trait": _text(wish.traits[0] if wish.traits else ""),
            "goal": _text(wish.goal, r"to [a-z' ,-]{4,60}[a-z]"),
        }
        return one(properties)

    def listed(items: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "type": "array", "prefixItems": items, "items": False, "minItems": len(items), "maxItems": len(items),
        }  # fmt: skip

    thing_kinds = ["item", "site", "beast", "note"]
    things = [one({"kind": {"const": str(k)}, "name": _text(n)}) for k, n in casting.things]
    while len(things) < (1 if plain else _THINGS):
        things.append(one({"kind": {"enum": thing_kinds}, "name": _text("", r"(the|a) [a-z' -]{2,36}[a-z]")}))
    places = [_text(name) for name in casting.places]
    while len(places) < 2:
        places.append(_text("", r"the [a-z' -]{2,36}[a-z]"))
    people = [member(index) for index in range(max(2, len(casting.cast)))]
    return one({"cast": listed(people), "places": listed(places), "things": listed(things)})


def propose(engine: Engine, brief: Brief, seed: int) -> Premise:
    """Ask ``engine`` for what the brief leaves open. Raises ``BadOutput`` when its answer does not validate, twice over."""
    rng = random.Random(f"premise/{seed}")
    said = " ".join((brief.logline, brief.setting, *brief.plot))
    detected = detect_genre(said)
    genre = brief.genre or detected or "adventure"
    theme = None
    if engine.style == "slots":
        wishes = " ".join(wish for character in brief.characters for wish in character.split(":")[1:])
        manner = told_as(brief.point_of_view, brief.tense)
        theme = nearest(f"{said} {wishes}", known_genre(brief.genre) if brief.genre else "", detected, rng, manner)
    if theme and not brief.genre:
        genre = theme.genre
    tone = brief.tone or rng.choice(theme.tones if theme and theme.genre == known_genre(genre) else tones(genre))
    casting = read_brief(brief)
    pronouns = [pronouns_for(wish, brief.logline, i == 0, rng) for i, wish in enumerate(casting.cast)]
    casting.cast = [w.model_copy(update={"pronouns": p}) for w, p in zip(casting.cast, pronouns, strict=True)]
    given = (len(casting.cast), len(casting.places), len(casting.things))
    known = cast_entities(casting.cast, brief.logline, random.Random(f"names/{seed}"), given[0])
    logline = brief.logline
    told, mood = casting, tone
    if engine.style == "slots":
        logline = fitted(slotted_logline(logline, casting, known), engine.count_tokens, LOGLINE_TOKENS)
        told, mood = _in_few_words(casting, engine), fitted(tone, engine.count_tokens, TONE_TOKENS)

    def prompt(in_lines: bool = False) -> Prompt:
        system, text = render(
            "premise/propose", engine.style, genre=known_genre(genre) if engine.style == "slots" else genre, tone=mood,
            theme=theme.name if theme else "", logline=logline, plot=brief.plot, avoid=brief.avoid,
            characters=casting.cast, places=casting.places, things=[name for _, name in casting.things],
            in_lines=in_lines,
        )  # fmt: skip
        return Prompt(system=system, text=text)

    plain = engine.style == "plain"
    request = Request(
        prompt=prompt(), sampling=_PLAIN_SAMPLING if plain else _SAMPLING, seed=seed, n=1 if plain else _CANDIDATES,
        json_schema=proposal_schema(told, pronouns, plain),
    )  # fmt: skip
    lines = Lines(prompt(in_lines=True), _LINE_KEYS, proposal_of) if plain else None
    proposal = ask(engine, request, Proposal, "premise", lines)

    cast = cast_entities(_merged(casting.cast, proposal.cast), brief.logline, random.Random(f"names/{seed}"), given[0])
    # Those of the person come first, perhaps in fewer words than theirs.
    places = list(dict.fromkeys((*casting.places, *proposal.places[0 if plain else len(casting.places) :])))
    named = {name.lower() for _, name in casting.things}
    # A key for the door that a person speaks of: the small model's stories are of two things, and one stands in for the other.
    new = [
        (_kind(t), t.name)
        for t in proposal.things[0 if plain else len(casting.things) :]
        if t.name.lower() not in named
    ]
    things = casting.things or new if plain else [*casting.things, *new]
    premise = Premise(
        logline=brief.logline, title=brief.title, genre=genre, genre_detected=not brief.genre, tone=tone, cast=cast,
        setting=place_entities(places, casting.said, given[1]),
        things=thing_entities(things, casting.said, given[2]), plot=brief.plot,
        point_of_view=brief.point_of_view, tense=brief.tense, avoid=brief.avoid, theme=theme.name if theme else "",
    )  # fmt: skip
    return premise if premise.title else premise.model_copy(update={"title": entitle(engine, premise, logline, seed)})


def proposal_of(pairs: Pairs) -> dict[str, Any]:
    """What ``Proposal`` validates, from lines such as ``Role: baker``; each person and thing begins with its name."""
    cast: list[dict[str, Any]] = []
    places: list[str] = []
    things: list[dict[str, Any]] = []
    for key, value in pairs:
        if key in {"person", "name"}:
            cast.append({"name": value})
        elif key in {"place", "places"}:
            places += filter(None, map(str.strip, value.split(";")))
        elif key in {"thing", "things"}:
            things += [
                {"name": name, "kind": thing_kind(name)} for name in filter(None, map(str.strip, value.split(";")))
            ]
        elif key == "kind" and things:
            things[-1]["kind"] = value
        elif key in _LINE_KEYS and cast:
            cast[-1][key.removesuffix("s") if key == "traits" else key] = value
    return {"cast": cast, "places": places, "things": things}


def _in_few_words(casting: Casting, engine: Engine) -> Casting:
    """What the person said, each part shortened to its share of what the small model can say again."""
    said = [text for wish in casting.cast for text in (wish.role, *wish.traits[:1], wish.goal) if text]
    said += [*casting.places, *(name for _, name in casting.things)]
    if sum(map(engine.count_tokens, said)) <= _SAID:
        return casting

    def short(text: str) -> str:
        return fitted(text, engine.count_tokens, max(_SAID // len(said), 1)) if text else ""

    def wish(said: CharacterWish) -> CharacterWish:
        traits = tuple(map(short, said.traits[:1]))
        return said.model_copy(update={"role": short(said.role), "traits": traits, "goal": short(said.goal)})

    return Casting(
        cast=[wish(said) for said in casting.cast], places=[short(place) for place in casting.places],
        things=[(kind, short(name)) for kind, name in casting.things],
    )  # fmt: skip


def _kind(thing: ThingProposal) -> EntityKind:
    return thing.kind if thing.kind in {"item", "site", "beast", "note"} else thing_kind(thing.name)


def _merged(wishes: list[CharacterWish], proposed: tuple[CastProposal, ...]) -> list[CharacterWish]:
    """The wishes with their gaps filled from the proposal, and the characters that only the proposal has."""
    merged = []
    for index in range(max(len(wishes), len(proposed))):
        wish = wishes[index] if index < len(wishes) else CharacterWish(name="")
        if index < len(proposed):
            new = proposed[index]
            wish = CharacterWish(
                name=wish.name or new.name, pronouns=wish.pronouns or new.pronouns, role=wish.role or new.role,
                traits=wish.traits or (new.trait,), goal=wish.goal or new.goal,
            )  # fmt: skip
        merged.append(wish)
    return merged


_THINGS = 2  # of a small model's story: most of its worlds have as many
_TITLES_NEAR = 0.35  # nats a token
_ARTICLES = frozenset("a an the".split())
_BEFORE_NOUN = frozenset(
    "of to at by for from in into on onto with without under over above below beneath behind beyond between beside among "
    "against across through toward towards near inside outside before after until".split()
)
_LETTERS = frozenset("aio")  # words of one letter
_COUNTS = frozenset("one two three four five six seven eight nine ten eleven twelve thirteen fifteen twenty".split())
# No title ends with these; those that may also stand alone (the world below, moving on) are left out.
_OPEN_END = _ARTICLES | frozenset("and or but nor than as if of to at by for from into onto with".split())


def sounds_off(title: str) -> bool:
    """Whether simple rules say that a title's grammar is broken; what they are not sure of passes."""
    said = re.findall(r"[\w'’-]+|[^\w\s]", title.lower())
    small = _ARTICLES | _BEFORE_NOUN | _OPEN_END
    pairs = list(pairwise(said))
    phrases = [pair for pair in pairs if pair[1].isalnum() and not small.issuperset(pair)]
    return (
        not said
        or said[-1] in _OPEN_END
        or any(first in _ARTICLES and second in _ARTICLES | _BEFORE_NOUN for first, second in pairs)
        or any(first == second and first.isalnum() for first, second in pairs)
        or any(_COUNTS.issuperset(pair) for pair in pairs)  # "Four Nine"
        or any(len(word) == 1 and word.isalpha() and word not in _LETTERS for word in said)
        or len(set(phrases)) < len(phrases)  # "the Keeper the Keeper"
    )


def entitle(engine: Engine, premise: Premise, logline: str, seed: int) -> str:
    """A title for the premise: the likeliest of several that has no stranger in it and whose grammar holds.

    Where there is none, the protagonist's role or name gives one.
    """
    naming = Naming(premise.entities)
    system, text = render(
        "premise/title", engine.style, genre=known_genre(premise.genre) if engine.style == "slots" else premise.genre,
        tone=fitted(premise.tone, engine.count_tokens, TONE_TOKENS) if engine.style == "slots" else premise.tone,
        theme=premise.theme, logline=logline, names=[entity.name for entity in premise.cast],
    )  # fmt: skip
    ban = naming.banned(premise.entities)
    number = 16 if engine.style == "slots" else 6  # of the small model's titles few are sound
    request = Request(prompt=Prompt(system=system, text=text), sampling=_TITLE, n=number, seed=seed, ban=ban)
    titles = []
    for candidate in engine.complete(request):
        title = naming.fill_title(candidate.text.splitlines()[0] if candidate.text.strip() else "")
        # The name of a thing brings its article along: "A <item1>" gives "A the Key".
        title = re.sub(r"^(?:the|an?) (?=(?:the|an?) )", "", title, flags=re.IGNORECASE)
        title = title[:1].upper() + title[1:]
        strange = engine.style == "slots" and strange_words(title, [e.name for e in premise.entities] + [logline])
        if 3 <= len(title) <= 70 and candidate.finish == "stop" and not strange and not sounds_off(title):
            titles.append(
                (candidate.logprob / max(candidate.tokens, 1) if candidate.logprob is not None else 0.0, title)
            )
    hero = premise.cast[0].role or premise.cast[0].name
    if titles:
        # Any of those about as likely as the best, so that not all stories of a kind are called the same.
        best = max(titles)[0]
        return random.Random(seed).choice(sorted({title for weight, title in titles if weight >= best - _TITLES_NEAR}))
    return naming.fill_title(f"The {shorten(hero, len, MAX_NAME)[:MAX_NAME]}")
