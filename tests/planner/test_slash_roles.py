"""/model and /sampling, and the plain session with them: what servers are asked afterwards, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import PREMISE, error_of, fabula, stories
from click.testing import Result
from role_server import RoleServer, role_server
from slashing import said
from storytelling import new_story, opened
from typer.testing import CliRunner

from agents.engines.scripted import ScriptedEngine
from cli import app
from planner.role_log import RoleChange
from planner.session import Session
from planner.settings import FILE
from planner.slash import complete, run
from planner.store import Library
from prompts.errors import InputError

KEY = "sk-first-0123456789"


@pytest.fixture
def session(file_library: Library) -> Iterator[Session]:
    with opened(file_library, new_story(file_library, 6), ScriptedEngine()) as session:
        yield session


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RoleServer]:
    """A server of three models, which the settings name with a key."""
    monkeypatch.setenv("FIRST_KEY", KEY)
    with role_server("base", "fine", "other", parent="base", key=KEY) as served:
        lines = ('engine = "server"', f'server = "{served.url}"', 'model = "base"', 'prompt = "chat"')
        Path(FILE).write_text(
            "\n".join((*lines, 'key_variable = "FIRST_KEY"', "server_retries = 0", "[write]", "n = 1"))
        )
        yield served


def plainly(what: str, *lines: str, more: tuple[str, ...] = ()) -> Result:
    """A plain session that is given lines and then ended."""
    arguments = ["session", what, "--plain", "--paragraphs", "4", "--seed", "1", *more]
    return CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in lines))


def test_sampling_is_shown_changed_and_taken_back(session: Session) -> None:
    shown = run(session, "/sampling").lines
    assert shown[0] == "premise: what each of its tasks asks for"
    assert shown[2].startswith("generator: temperature=0.8, top_p=0.95, ")
    reply = run(session, "/sampling generator temperature=0.9 top_p=0.5 n=2")
    assert reply.lines[0].startswith("From here on the generator is drawn with temperature=0.9, top_p=0.5, ")
    assert reply.lines[0].endswith("n=2; set here: temperature, top_p, n.")
    assert reply.changed == "plan"
    run(session, "/sampling generator top_p=-")
    assert "; set here: temperature, n" in run(session, "/sampling generator").lines[0]
    run(session, "/sampling summarizer min_p=0.1")
    run(session, "/sampling generator -")
    assert session.library.role_changes(session.story.id) == {
        "generator": RoleChange(), "summarizer": RoleChange(sampling={"min_p": 0.1}),
    }  # fmt: skip
    assert run(session, "/sampling").lines[2] == shown[2]


def test_a_proposed_paragraph_stays_and_is_told_how_to_be_written_anew(session: Session) -> None:
    (proposed,) = run(session, "/next").paragraphs
    assert run(session, "/sampling summarizer top_p=0.5").lines[1:] == ()
    assert "/reroll" in run(session, "/sampling generator temperature=1.5").lines[1]
    (draft,) = [session.proposal()]
    assert draft is not None
    assert draft.text == proposed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/sampling painter", "There is no role 'painter'"),
        ("/sampling painter top_p=0.5", "There is no role 'painter'"),
        ("/sampling generator hot", r"Write it as /sampling \[ROLE"),
        ("/sampling generator temperature=", "Write it as /sampling"),
        ("/sampling generator temperature=9", "temperature of the generator = 9: the value must be at most 5"),
        ("/sampling generator temperature=1 heat=2", "has no 'heat'"),
        ("/model painter", "There is no role 'painter'"),
        ("/model painter large", "There is no role 'painter'"),
        ("/model generator large", "cannot be exchanged"),
    ],
)
def test_what_cannot_be_obeyed_changes_nothing(session: Session, line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        run(session, line)
    assert session.library.role_changes(session.story.id) == {}


def test_roles_and_names_are_completed() -> None:
    assert complete("/mod") == ["/model"]
    assert complete("/model g") == ["/model generator"]
    assert complete("/sampling s") == ["/sampling summarizer"]
    assert complete("/sampling generator t") == [
        f"/sampling generator {name}=" for name in ("temperature", "top_p", "top_k")
    ]
    assert complete("/sampling generator n") == ["/sampling generator n="]
    assert complete("/sampling outline n") == []


def test_the_models_are_listed_and_a_role_gets_another(server: RoleServer, tmp_path: Path) -> None:
    told = plainly(
        PREMISE, "/model", "/model generator fine", "/sampling generator temperature=0.25", "/reroll", "/accept"
    )
    assert told.exit_code == 0, told.output
    assert f"generator: base (server at {server.url})\n" in told.stdout
    assert "Models: base, fine, other.\n" in told.stdout
    assert "The generator speaks through fine from here on.\n" in told.stdout
    assert [asked["temperature"] for asked in server.asked_of("fine")] == [0.25]
    story, asked = stories()[0], len(server.asked)
    again = plainly(story, "/model generator", "/next", "/accept")
    assert f"generator: fine (server at {server.url}), chosen here\n" in again.stdout
    first = server.asked[asked]
    assert (first["model"], first["temperature"]) == ("fine", 0.25)
    with Library.open() as library:
        rows = library.path(library.head(story))
    assert [row.meta["model"] for row in rows] == ["fine", "fine"]
    assert fabula("continue", story, "--quiet").exit_code == 0
    assert len(server.asked_of("fine")) == 4
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_an_unknown_model_is_one_sentence_and_nothing_is_kept(server: RoleServer) -> None:
    told = plainly(PREMISE, "/model generator fime", "/model generator")
    assert (
        f"The server at {server.url} does not serve 'fime'; did you mean 'fine'? It serves base, fine, other.\n"
        in told.stdout
    )
    assert f"generator: base (server at {server.url})\n" in told.stdout
    assert told.exit_code == 2
    with Library.open() as library:
        assert library.role_changes(stories()[0]) == {}


def test_a_flag_or_a_reroute_wins_over_the_model_that_was_chosen(server: RoleServer) -> None:
    plainly(PREMISE, "/model generator fine", "/accept")
    story = stories()[0]
    plainly(story, "/next", "/accept", more=("--model", "other"))
    assert (len(server.asked_of("fine")), len(server.asked_of("other"))) == (0, 2)
    del server.models["fine"]
    refused = error_of(fabula("continue", story, "--quiet"))
    assert refused.startswith("The model that was chosen for the story's generator in a session cannot be had now")
    assert fabula("continue", story, "--quiet", "--reroute").exit_code == 0
    assert server.asked_of("fine") == []


def test_a_folder_with_blanks_is_a_models_name(file_library: Library) -> None:
    with opened(file_library, new_story(file_library, 6), ScriptedEngine()) as session:
        wished: list[object] = []
        session.change_roles = wished.append  # type: ignore[method-assign]
        run(session, "/model generator my models/large one")
        assert [wish["generator"].model for wish in wished] == ["my models/large one"]  # type: ignore[index]
        assert said(run(session, "/model")).count("scripted-1 (scripted)") == 5
