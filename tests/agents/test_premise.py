"""The premise agent: what a person said stays, the model fills the gaps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agent_samples import Recorder, Schemaless, SlotsRecorder
from jsonschema import Draft202012Validator

from agents.brief import make_brief
from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import ScriptedEngine
from agents.premise import propose, sounds_off
from agents.themes import themes
from planner.state import Premise
from prompts.control import CONTROL
from prompts.errors import BadOutput
from prompts.slots import slot_tokens

LOGLINE = "A baker finds a key in a village."
ANSWER: dict[str, Any] = {
    "cast": [
        {"name": "Ida", "pronouns": "she", "role": "baker", "trait": "proud", "goal": "to come home"},
        {"name": "Bert", "pronouns": "he", "role": "ferry pilot", "trait": "shy", "goal": "to be seen"},
    ],
    "places": ["the village", "the old road"],
    "things": [{"kind": "item", "name": "the key"}],
}


def answering(title: str = "The Key", **changes: Any) -> Any:
    """A script that gives the answer (changed) to the premise and a title to the rest."""
    proposal = json.dumps(ANSWER | changes)
    return lambda request, index: proposal if request.json_schema else title


def proposed(engine: ScriptedEngine, seed: int = 1, **wishes: object) -> Premise:
    return propose(engine, make_brief(**({"logline": LOGLINE} | wishes)), seed)


def test_a_premise_is_whole_and_says_what_a_person_gave() -> None:
    premise = proposed(Recorder(answering()))
    assert (premise.logline, premise.title, premise.genre, premise.genre_detected) == (
        LOGLINE,
        "The Key",
        "adventure",
        True,
    )
    ida, bert = premise.cast
    assert (ida.name, ida.role, ida.traits, ida.goal, ida.given) == ("Ida", "baker", ("proud",), "to come home", True)
    assert (bert.name, bert.given) == ("Bert", False)
    assert [(e.name, e.given) for e in premise.setting] == [("the village", True), ("the old road", False)]
    assert [(e.name, e.given, e.slot) for e in premise.things] == [("the key", True, "<item1>")]


def test_every_wish_is_kept_whatever_the_model_says() -> None:
    premise = proposed(
        Recorder(answering()), title="My Title", genre="solarpunk", tone="odd", setting="Lisbon", plot=["a storm"],
        avoid=["blood"], point_of_view="first", tense="present", characters=["Zed: she/her, a smith, calm, wants to rest"],
    )  # fmt: skip
    zed = premise.cast[0]
    assert (zed.name, zed.pronouns, zed.role, zed.traits, zed.goal) == ("Zed", "she", "smith", ("calm",), "to rest")
    assert (premise.title, premise.genre, premise.genre_detected, premise.tone) == (
        "My Title",
        "solarpunk",
        False,
        "odd",
    )
    assert (premise.plot, premise.avoid) == (("a storm",), ("blood",))
    assert (premise.point_of_view, premise.tense, premise.setting[0].name) == ("first", "present", "Lisbon")


def test_a_given_title_asks_the_model_only_once() -> None:
    engine = Recorder(answering())
    proposed(engine, title="Mine")
    assert len(engine.requests) == 1


def test_the_plain_prompt_holds_every_wish() -> None:
    engine = Recorder(answering())
    proposed(
        engine, tone="odd", setting="Lisbon", plot=["a storm"], avoid=["blood"], characters=["Zed: calm, wants to rest"]
    )  # fmt: skip
    first, second = engine.requests
    for part in (
        "Genre: adventure. Tone: odd.", f"Premise: {LOGLINE}", "Character: Zed, the baker; calm; wants to rest",
        "Places: Lisbon; the village", "Things: the key", "The writer wishes: a storm", "Never use: blood",
    ):  # fmt: skip
        assert part in first.prompt.text
    assert first.prompt.system
    assert second.prompt.text.endswith("Title:")
    assert "People: Zed, Bert" in second.prompt.text


def test_the_small_models_prompt_is_in_slots_with_known_tags() -> None:
    engine = SlotsRecorder(answering("<role1> of <place1>"))
    premise = proposed(engine, genre="solarpunk", tone="odd<|end|>")
    first, second = engine.requests
    assert first.prompt.text == (
        f"<|premise|><|tags|>adventure, odd, {premise.theme}<|logline|>A <role1> finds <item1> in <place1>.<|cast|>"
    )
    assert premise.theme in {theme.name for theme in themes() if theme.genre == "adventure"}
    assert second.prompt.text == (
        f"<|title|><|tags|>adventure, odd, {premise.theme}<|logline|>A <role1> finds <item1> in <place1>.<|text|>"
    )
    assert (premise.genre, premise.title) == ("solarpunk", "Baker of the Village")
    stage = {e.slot for e in premise.entities} | {"<role1>", "<role2>"}
    assert set(slot_tokens()) - set(second.ban) == stage


def test_typed_tokens_reach_no_prompt() -> None:
    engine = SlotsRecorder(answering())
    proposed(engine, logline="A baker <|end|> waits", tone="<|beat|>dark", setting="<|pad|>Lisbon")
    for request in engine.requests:
        for token in ("<|end|>", "<|beat|>", "<|pad|>"):
            assert token not in request.prompt.text
            assert token in CONTROL
        assert "<|pad|>" not in json.dumps(request.json_schema)


@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
def test_what_a_person_said_is_constant_in_the_schema(kind: type[Recorder]) -> None:
    engine = kind(answering())
    proposed(engine, characters=["Zed: she/her, calm"])
    schema = engine.requests[0].json_schema
    assert schema is not None
    Draft202012Validator.check_schema(schema)
    member = schema["properties"]["cast"]["prefixItems"][0]["properties"]
    assert (member["role"], member["trait"], member["pronouns"]) == (
        {"const": "baker"}, {"const": "calm"}, {"const": "she"},
    )  # fmt: skip
    assert ("name" in member) == (engine.style == "plain")
    assert schema["properties"]["places"]["prefixItems"][0] == {"const": "the village"}
    assert schema["properties"]["things"]["prefixItems"][0]["properties"]["name"] == {"const": "the key"}


@pytest.mark.parametrize("seed", range(5))
def test_the_schema_allows_what_the_scripted_engine_answers(seed: int) -> None:
    engine = Recorder()
    premise = proposed(engine, seed)
    schema = engine.requests[0].json_schema
    assert schema is not None
    answer = json.loads(ScriptedEngine().complete(engine.requests[0])[0].text)
    Draft202012Validator(schema).validate(answer)
    assert premise == proposed(Recorder(), seed)
    assert len({e.name for e in premise.entities}) == len(premise.entities)


def test_names_are_drawn_by_the_seed_when_the_model_gives_none() -> None:
    nameless = [{k: v for k, v in member.items() if k != "name"} for member in ANSWER["cast"]]
    names = {proposed(SlotsRecorder(answering(cast=nameless)), seed).cast[0].name for seed in range(6)}
    assert len(names) > 1
    assert "" not in names


def test_a_model_that_names_two_people_alike_gets_another_name_for_one() -> None:
    premise = proposed(Recorder(answering(cast=[ANSWER["cast"][0]] * 2)))
    assert premise.cast[0].name == "Ida"
    assert premise.cast[1].name != "Ida"


@pytest.mark.parametrize(
    "raw",
    [
        "not json", "[]", "{}", '"cast"', json.dumps(ANSWER)[:100], json.dumps(ANSWER | {"cast": []}),
        json.dumps(ANSWER | {"places": [""]}), json.dumps(ANSWER | {"things": [{"kind": "place", "name": " "}]}),
        json.dumps(ANSWER | {"cast": [ANSWER["cast"][0] | {"role": "x" * 600}]}),
        json.dumps(ANSWER | {"cast": [ANSWER["cast"][0] | {"pronouns": "it"}]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Recorder, SlotsRecorder])
def test_an_answer_that_is_not_as_asked_is_kept_in_the_error(kind: type[Recorder], raw: str) -> None:
    engine = kind(lambda *_: raw)
    with pytest.raises(BadOutput, match="not the JSON") as raised:
        proposed(engine)
    assert raised.value.raw == raw
    assert len(engine.requests) == 2


def test_an_answer_in_lines_is_a_premise_too() -> None:
    said = """Here is the cast:
**Person:** Ida
Pronouns: She/her
Role: baker
Trait: proud
Goal: to come home
2. Person 2: Bert
Pronouns: he
Role: ferry pilot
Trait: shy
Goal: to be seen
Place: the village; the old road
Thing: the key
Kind: Item
"""
    engine = Recorder(lambda request, index: said if "Title:" not in request.prompt.text else "The Key")
    assert proposed(engine) == proposed(Recorder(answering()))
    assert len(engine.requests) == 2  # the premise and its title


def test_a_server_without_schemas_is_asked_for_lines() -> None:
    engine = Schemaless(
        ["Person: Ida\nPronouns: she\nRole: baker\nTrait: proud\nGoal: to go\nPlace: the mill", *["The Key"] * 6]
    )
    assert proposed(engine).cast[0].name == "Ida"
    refused, asked, _ = engine.requests
    assert refused.json_schema is not None
    assert asked.json_schema is None
    assert "Person: (name)" in asked.prompt.text
    assert "JSON" not in asked.prompt.joined()


class Likely(SlotsRecorder):
    """Says of each candidate how likely it is."""

    logprobs = (-90.0, -1.0, -50.0, -20.0)

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        completions = super().complete(request, on_text)
        return tuple(
            c.model_copy(update={"logprob": self.logprobs[i % 4], "tokens": 10}) for i, c in enumerate(completions)
        )


def test_the_likeliest_answer_that_validates_is_used() -> None:
    def script(request: Request, index: int) -> str:
        if not request.json_schema:
            return ["<role2>", "The <item1>", "A <role2>", "An Age"][index % 4]
        member = ANSWER["cast"][0] | {"trait": f"trait {index}"}
        return "broken" if index == 1 else json.dumps(ANSWER | {"cast": [member]})

    premise = proposed(Likely(script))
    assert premise.cast[0].traits == ("trait 3",)
    assert premise.title == "The Key"


def test_the_small_model_has_a_second_thing_beside_the_one_that_a_person_speaks_of() -> None:
    def script(request: Request, index: int) -> str:
        if not request.json_schema:
            return "The <item1>"
        listed = request.json_schema["properties"]["things"]
        assert listed["minItems"] == listed["maxItems"] == 2
        assert listed["prefixItems"][0]["properties"]["name"]["const"] == "the clock"
        things = [{"kind": "item", "name": "the clock"}, {"kind": "item", "name": second}]
        return json.dumps(ANSWER | {"things": things})

    second = "the brass key"
    logline = "A baker finds a clock."
    things = proposed(SlotsRecorder(script), logline=logline).things
    assert [(thing.name, thing.slot, thing.given) for thing in things] == [
        ("the clock", "<site1>", True), ("the brass key", "<item2>", False),
    ]  # fmt: skip
    second = "the Clock"
    assert [thing.name for thing in proposed(SlotsRecorder(script), logline=logline).things] == ["the clock"]


def test_of_titles_about_as_likely_the_seed_chooses() -> None:
    class Near(Likely):
        logprobs = (-90.0, -1.0, -3.0, -20.0)

    def script(request: Request, index: int) -> str:
        return ["Dusk", "The <item1>", "An Age", "Noon"][index % 4] if not request.json_schema else json.dumps(ANSWER)

    titles = {proposed(Near(script), seed=seed).title for seed in range(12)}
    assert titles == {"The Key", "An Age"}


def test_a_kind_that_is_no_thing_is_read_from_the_name() -> None:
    things = [{"kind": "place", "name": "the old letter"}, {"kind": "character", "name": "the dog"}]
    premise = proposed(Recorder(answering(things=things)), logline="A baker waits.")
    assert [(t.kind, t.slot) for t in premise.things] == [("note", "<note1>"), ("beast", "<beast2>")]


@pytest.mark.parametrize("title", ["", "\n", "ab", "x" * 80])
def test_without_a_usable_title_the_hero_gives_one(title: str) -> None:
    assert proposed(Recorder(answering(title))).title == "The Baker"


def test_a_cut_off_title_is_not_used() -> None:
    assert proposed(Recorder(answering("The Long and"), cut=range(6))).title == "The Baker"


@pytest.mark.parametrize(
    "title",
    [
        "The Below the Lighthouse", "A of the Sea", "The the Key", "The Key of a the Door", "The Long Long Road",
        "Mara the Baker the Baker", "The Keeper and the Keeper", "The Road to", "The Door and", "Home of the", "", "Key, of",
        "Four Nine", "A N Day at the Door",
    ],
)  # fmt: skip
def test_a_title_whose_grammar_is_broken_sounds_off(title: str) -> None:
    assert sounds_off(title)


@pytest.mark.parametrize(
    "title",
    [
        "The Door Below", "What Lies Beneath", "Below the Lighthouse", "Day by Day", "The In-Between", "Moving On",
        "By the Sea, by the Lake", "The Key of Doors", "Knock, Knock", "Mara the Baker", "The World Before", "Who Goes There?",
        "The Keeper's Daughter and the Sea", "A Long Way from Home", "Zoë", "The Boy Who Ran and Ran",
        "Four Nights of Winter", "One by One",
    ],
)  # fmt: skip
def test_a_title_that_may_be_right_passes(title: str) -> None:
    assert not sounds_off(title)


def test_a_title_that_sounds_off_is_not_used() -> None:
    titles = ["The Below the Lighthouse", "The Key of", "The Key in the Dark", "", "", ""]
    engine = Recorder(lambda request, index: json.dumps(ANSWER) if request.json_schema else titles[index % 6])
    assert proposed(engine).title == "The Key in the Dark"
    assert proposed(Recorder(answering("The Below the Lighthouse"))).title == "The Baker"


def test_a_title_is_one_line() -> None:
    assert proposed(Recorder(answering('"the key of doors."\nIt is good.'))).title == "The Key of Doors"
