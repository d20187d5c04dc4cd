"""A person changes a role's model and sampling: what the next paragraph is drawn with, what is kept, what is never told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from storytelling import is_paragraph, opened

from agents.engines.base import Engine, Request
from agents.engines.scripted import ScriptedEngine, answer
from planner import events
from planner.context import ROLES
from planner.role_actions import RoleWish
from planner.role_engines import RoleEngines
from planner.role_log import RoleChange
from planner.routing import Route
from planner.rows import Output
from planner.session import Session, open_story
from planner.store import Library, StoryRow
from prompts.errors import EngineError, InputError

MODELS = ("small", "large")


class Warm(ScriptedEngine):
    """Says in every paragraph at which temperature it was drawn; knows whether it was closed."""

    def __init__(self, model: str = "small") -> None:
        super().__init__(_warm, model)
        self.closed = 0

    def models(self) -> list[str]:
        return list(MODELS)

    def close(self) -> None:
        self.closed += 1


def _warm(request: Request, index: int) -> str:
    if not is_paragraph(request):
        return answer(request, index)
    return f"It was {request.sampling.temperature:g} degrees by the door. {answer(request, index)}"


class Doors:
    """Opens engines by their routes and remembers them; models that are not served cannot be opened."""

    def __init__(self) -> None:
        self.engines: list[Warm] = []

    def __call__(self, way: Route) -> Engine:
        if way.model not in MODELS:
            raise EngineError(f"The server does not serve {way.model!r}. It serves {', '.join(MODELS)}.")
        self.engines.append(Warm(way.model))
        return self.engines[-1]


def engines(library: Library, story: StoryRow, doors: Doors) -> RoleEngines:
    ways = dict.fromkeys(ROLES, Route("scripted", "small"))
    return RoleEngines(ways, doors, library.role_changes(story.id))


@pytest.fixture
def doors() -> Doors:
    return Doors()


@pytest.fixture
def session(file_library: Library, story: StoryRow, doors: Doors) -> Iterator[Session]:
    with open_story(file_library, story, engines(file_library, story, doors)) as session:
        yield session


def drawn(session: Session, node: str = "generate") -> list[Output]:
    return [output for key, output in session.library.outputs(session.story.id) if key.node == node]


def sampling(output: Output) -> Any:
    return output.request["sampling"]


def rows(library: Library) -> int:
    with library.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM roles")).scalar_one())


def test_the_next_paragraph_is_drawn_as_was_wished_and_the_journal_tells(session: Session) -> None:
    session.write_paragraph()
    session.change_roles(
        {
            "generator": RoleWish(sampling={"temperature": "1.5", "top_k": 7, "n": "3"}),
            "summarizer": RoleWish(sampling={"min_p": 0.25}),
        }
    )
    session.write_paragraph()
    before, after = drawn(session)
    assert (sampling(before)["temperature"], len(before.completions)) == (0.8, 1)
    assert (sampling(after)["temperature"], sampling(after)["top_k"], len(after.completions)) == (1.5, 7, 3)
    assert sampling(after)["top_p"] == sampling(before)["top_p"]
    assert [sampling(output)["min_p"] for output in drawn(session, "summarize")] == [0, 0.25]


def test_what_was_changed_is_there_when_the_story_is_opened_again_and_can_be_taken_back(
    session: Session, file_library: Library, story: StoryRow, doors: Doors
) -> None:
    session.change_roles({"generator": RoleWish("large", {"temperature": 1.5, "top_p": 0.5})})
    with Library.open(file_library.file) as other:  # as another process sees it, while this one may be killed
        assert other.role_changes(story.id) == {
            "generator": RoleChange(model="large", engine="scripted", sampling={"temperature": 1.5, "top_p": 0.5})
        }
        known = engines(other, story, doors)
        assert (known["generator"].model, known["outline"].model) == ("large", "small")
    session.change_roles({"generator": RoleWish("-", {"temperature": "-"})})
    assert file_library.role_changes(story.id)["generator"] == RoleChange(sampling={"top_p": 0.5})
    session.write_paragraph()
    (output,) = drawn(session)
    assert (output.model, sampling(output)["temperature"], sampling(output)["top_p"]) == ("small", 0.8, 0.5)


def test_a_reopened_story_is_drawn_with_what_was_changed(file_library: Library, story: StoryRow) -> None:
    with opened(file_library, story, Warm()) as first:
        first.change_roles({"generator": RoleWish(sampling={"temperature": 1.25, "n": 2})})
    with opened(file_library, story, Warm()) as second:
        second.write_paragraph()
        (output,) = drawn(second)
    assert (sampling(output)["temperature"], len(output.completions)) == (1.25, 2)


def test_another_model_writes_from_the_next_paragraph_on(session: Session, doors: Doors) -> None:
    session.write_paragraph()
    session.change_roles({"generator": RoleWish(model="large")})
    session.write_paragraph()
    head = session.library.head(session.story.id)
    assert [row.meta["model"] for row in session.library.path(head)] == ["small", "large"]
    assert [output.model for output in drawn(session)] == ["small", "large"]
    assert {output.model for output in drawn(session, "summarize")} == {"small"}
    assert [engine.closed for engine in doors.engines] == [0, 0]
    for role in ROLES:
        session.change_roles({role: RoleWish(model="large")})
    assert [engine.closed for engine in doors.engines] == [1, 0], "the small model speaks for nobody any more"


def test_the_roles_are_shown_as_they_stand(session: Session) -> None:
    session.change_roles({"generator": RoleWish("large", {"temperature": 1.5})})
    views = {view.role: view for view in session.roles(models=True)}
    assert list(views) == list(ROLES)
    generator, outline = views["generator"], views["outline"]
    assert (generator.engine, generator.model, generator.server, generator.chosen) == ("scripted", "large", "", True)
    assert generator.sampling == {
        "temperature": 1.5, "top_p": 0.95, "min_p": 0, "top_k": 0, "repetition_penalty": 1, "max_tokens": 320, "n": 1,
    }  # fmt: skip
    assert (generator.changed, generator.models) == ({"temperature": 1.5}, MODELS)
    assert (outline.model, outline.sampling, outline.chosen) == ("small", {}, False)
    assert session.roles()[0].models == ()


@pytest.mark.parametrize(
    ("role", "wish", "says"),
    [
        ("painter", RoleWish("large"), "no role 'painter'; there are premise, outline, generator"),
        ("generator", RoleWish("huge"), "does not serve 'huge'. It serves small, large"),
        ("generator", RoleWish(" "), "Name the model that the generator is to speak through"),
        ("generator", RoleWish("large", {"temperature": "9"}), "temperature of the generator = 9: the value must be at most 5"),
        ("generator", RoleWish(sampling={"temperature": "hot"}), "the value must be a number"),
        ("generator", RoleWish(sampling={"temperature": "nan"}), "the value must be at most 5"),
        ("generator", RoleWish(sampling={"top_p": 0}), "the value must be more than 0"),
        ("generator", RoleWish(sampling={"top_k": "1.5"}), "the value must be a whole number"),
        ("generator", RoleWish(sampling={"n": "99"}), "n of the generator = 99: the value must be at most 64"),
        ("summarizer", RoleWish(sampling={"n": "2"}), "only the generator has it"),
        ("generator", RoleWish(sampling={"heat": "1"}), "has no 'heat'; it has temperature"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    session: Session, file_library: Library, doors: Doors, role: str, wish: RoleWish, says: str
) -> None:
    before = session.roles()
    with pytest.raises((InputError, EngineError)) as caught:
        session.change_roles({"outline": RoleWish("large", {"top_p": 0.5}), role: wish})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert session.roles() == before
    assert rows(file_library) == 0
    assert [engine.closed for engine in doors.engines if engine.model == "large"] in ([], [1])


def test_what_changes_nothing_is_not_kept(session: Session, file_library: Library) -> None:
    session.change_roles({"generator": RoleWish("-", {"temperature": "-"})})
    assert rows(file_library) == 0


def test_a_model_is_not_exchanged_where_the_engines_were_given(file_library: Library, story: StoryRow) -> None:
    with opened(file_library, story, Warm()) as session, pytest.raises(InputError, match="cannot be exchanged"):
        session.change_roles({"generator": RoleWish(model="large")})


def test_a_proposed_paragraph_waits_on_and_the_next_draft_is_drawn_anew(session: Session) -> None:
    first = session.propose()
    assert first is not None
    session.change_roles({"generator": RoleWish("large", {"temperature": 1.5})})
    assert session.proposal() == first
    second = session.reroll()
    assert second is not None
    assert (second.model, second.text[:16]) == ("large", "It was 1.5 degre")
    assert session.alternatives() == [first.text, second.text]
    session.change_roles({"generator": RoleWish("-")})
    assert session.accept(first.text).text == first.text


def _killed(session: Session, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Break the writing off after the generator's call was journalled, in the node ``where``."""

    def gone(*_: object, **__: object) -> None:
        raise EngineError("killed")

    with monkeypatch.context() as broken:
        broken.setattr("agents.generator.choose" if where == "generate" else "planner.nodes._errors", gone)
        with pytest.raises(EngineError, match="killed"):
            session.propose()
    assert session.planner.get_state(session.config).next == (where,)
    assert len(drawn(session)) == 1


@pytest.mark.parametrize("where", ["generate", "check"])
def test_a_paragraph_that_was_broken_off_is_not_told_from_a_draft_of_the_old_sampling(
    session: Session, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    _killed(session, monkeypatch, where)
    session.change_roles({"generator": RoleWish(sampling={"temperature": 1.5})})
    draft = session.propose()
    assert draft is not None
    assert draft.text.startswith("It was 1.5 degrees")
    assert [sampling(output)["temperature"] for output in drawn(session)] == [0.8, 1.5]
    assert session.accept().text == draft.text


@pytest.mark.parametrize("where", ["generate", "check"])
def test_a_journalled_call_is_not_made_again_when_another_role_is_changed(
    session: Session, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    _killed(session, monkeypatch, where)
    session.change_roles({"summarizer": RoleWish("large", {"temperature": 1.5})})
    draft = session.propose()
    assert draft is not None
    assert draft.text.startswith("It was 0.8 degrees")
    assert len(drawn(session)) == 1


def test_what_is_told_from_the_journal_says_who_wrote_it(
    file_library: Library, story: StoryRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(file_library, story, Warm()) as session:
        _killed(session, monkeypatch, "generate")
    with opened(file_library, story, Warm("other")) as session:
        draft = session.propose()
        assert draft is not None
        assert draft.model == "small"


def test_a_broken_off_wish_is_kept_with_the_new_sampling(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.write_paragraph()
    session.instruct("A bell rings.")

    def gone(event: events.Event) -> None:
        if isinstance(event, events.Checked):
            raise EngineError("killed")

    session.context.listen = gone
    with pytest.raises(EngineError, match="killed"):
        session.propose()
    session.context.listen = lambda event: None
    session.change_roles({"generator": RoleWish(sampling={"temperature": 1.5})})
    session.propose()
    assert [("A bell rings." in o.prompt, sampling(o)["temperature"]) for o in drawn(session)] == [
        (False, 0.8), (True, 0.8), (True, 1.5),
    ]  # fmt: skip


def test_the_first_roles_can_be_changed_before_the_story_begins(session: Session) -> None:
    session.change_roles({"premise": RoleWish("large", {"temperature": 0.1})})
    session.write_paragraph()
    (output, *_) = drawn(session, "premise")
    assert (output.model, sampling(output)["temperature"]) == ("large", 0.1)


def test_a_kept_model_that_is_gone_is_named_with_its_role(file_library: Library, story: StoryRow, doors: Doors) -> None:
    file_library.change_roles(story.id, {"generator": RoleChange(model="gone", engine="scripted")})
    with pytest.raises(EngineError, match=r"chosen for the story's generator .* --model gives another"):
        engines(file_library, story, doors)
    assert [engine.closed for engine in doors.engines] == [1]


def test_no_key_and_no_password_is_kept(file_library: Library, story: StoryRow, tmp_path: Path) -> None:
    ways = dict.fromkeys(ROLES, Route("server", "small", "http://me:geheim@here/v1?key=geheim", "chat", "A_KEY"))
    with open_story(file_library, story, RoleEngines(ways, Doors())) as session:
        session.change_roles({"generator": RoleWish(model="large")})
    assert file_library.role_changes(story.id)["generator"].server == "http://***@here/v1?***"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
