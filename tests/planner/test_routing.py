"""Each role's calls go where the settings say, with their model, sampling and key; a story remembers where, and no key."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runner import PREMISE, error_of, fabula, stories, story_of
from role_server import RoleServer, role_server

from planner.context import ROLES
from planner.routing import Route, note, remembered, route, routes, sampling, shown
from planner.settings import FILE, Roles, Settings, load
from planner.store import Library
from prompts.errors import InputError

KEY, OTHER_KEY = "sk-first-0123456789", "sk-second-9876543210"
HERE, THERE = "http://here/v1", "http://there/v1"


@pytest.fixture
def first() -> Iterator[RoleServer]:
    with role_server("base", "generator", parent="base", key=KEY) as server:
        yield server


@pytest.fixture
def second() -> Iterator[RoleServer]:
    with role_server("small", "tiny", key=OTHER_KEY) as server:
        yield server


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


def on_two_servers(first: RoleServer, second: RoleServer) -> str:
    """The generator and the summarizer on models of their own, the latter on another server."""
    return f"""
engine = "server"
server = "{first.url}"
model = "base"
prompt = "chat"
key_variable = "FIRST_KEY"
server_retries = 0
[write]
n = 2
[roles.generator]
model = "generator"
prompt = "completion"
temperature = 0.25
top_k = 17
max_tokens = 77
[roles.summarizer]
server = "{second.url}"
model = "small"
prompt = "chat"
key_variable = "SECOND_KEY"
top_p = 0.5
"""


def write(first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
    monkeypatch.setenv("FIRST_KEY", KEY)
    monkeypatch.setenv("SECOND_KEY", OTHER_KEY)
    Path(FILE).write_text(on_two_servers(first, second))
    result = fabula("write", PREMISE, "--paragraphs", 3, "--seed", 1)
    assert result.exit_code == 0, (result.output, result.exception)
    return stories()[0], result


def test_every_role_can_be_set() -> None:
    assert tuple(Roles.model_fields) == ROLES


def test_a_role_is_as_the_top_level_where_it_says_nothing() -> None:
    known = settings(engine="server", server=HERE, model="m", prompt="chat", key_variable="A_KEY")
    assert set(routes(known).values()) == {Route("server", "m", HERE, "chat", "A_KEY")}
    own = known.model_copy(update={"roles": Roles.model_validate({"generator": {"model": "g"}})})
    assert route(own, "generator") == Route("server", "g", HERE, "chat", "A_KEY")
    assert route(own, "outline").model == "m"


def test_a_role_on_a_server_of_its_own_takes_neither_model_nor_prompt_nor_key_of_another() -> None:
    roles = {"generator": {"server": THERE}, "outline": {"server": f"{HERE}/"}}
    known = settings(engine="server", server=HERE, model="m", prompt="slots", key_variable="A_KEY", roles=roles)
    assert route(known, "generator") == Route("server", "", THERE, "auto", None)
    assert route(known, "outline") == route(known, "premise")


def test_a_role_with_a_server_goes_there_whatever_the_others_run_on() -> None:
    roles = {"generator": {"server": THERE, "model": "g"}, "outline": {"engine": "scripted"}}
    known = settings(engine="embedded", model="folder", roles=roles)
    assert route(known, "generator") == Route("server", "g", THERE, "auto", None)
    assert route(known, "outline") == Route("scripted", "")
    assert route(known, "premise") == Route("embedded", "folder")


def test_each_roles_calls_arrive_where_they_should_as_they_should(
    first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, _ = write(first, second, monkeypatch)
    assert {asked["model"] for asked in first.asked} == {"base", "generator"}
    assert {asked["model"] for asked in second.asked} == {"small"}
    assert (first.keys, second.keys) == ({f"Bearer {KEY}"}, {f"Bearer {OTHER_KEY}"})
    for asked in first.asked_of("generator"):
        assert asked["path"] == "/v1/completions"
        assert [asked[name] for name in ("temperature", "top_k", "max_tokens", "n")] == [0.25, 17, 77, 2]
    assert {asked["path"] for asked in first.asked_of("base")} == {"/v1/chat/completions"}
    assert not any("top_k" in asked for asked in first.asked_of("base"))
    assert {asked["top_p"] for asked in second.asked} == {0.5}
    assert len(first.asked_of("generator")) == len(second.asked) == len(story_of(story).paragraphs) == 3


def test_a_roles_own_limit_is_a_paragraphs_length_and_leaves_short_answers_short(
    first: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The generator's may be longer than the usual paragraph; a title is asked for under the premise's limit."""
    monkeypatch.setenv("FIRST_KEY", KEY)
    Path(FILE).write_text(
        f'engine = "server"\nserver = "{first.url}"\nmodel = "base"\nprompt = "chat"\nkey_variable = "FIRST_KEY"\n'
        '[roles.generator]\nmodel = "generator"\nmax_tokens = 900\n[roles.premise]\nmax_tokens = 500\n'
    )
    assert fabula("write", PREMISE, "--paragraphs", 3, "--quiet").exit_code == 0
    assert {asked["max_tokens"] for asked in first.asked_of("generator")} == {900}
    premise, title, *_ = first.asked_of("base")
    assert premise["max_tokens"] == 500
    assert title["max_tokens"] == 24


def test_the_journal_tells_what_was_really_asked_of_whom(
    first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, _ = write(first, second, monkeypatch)
    with Library.open() as library:
        outputs = [output for _, output in library.outputs(story)]
    assert {(output.role, output.engine, output.model) for output in outputs} == {
        ("premise", "server", "base"), ("outline", "server", "base"), ("generator", "server", "generator"),
        ("summarizer", "server", "small"),
    }  # fmt: skip
    for output in outputs:
        drawn = output.request["sampling"]
        if output.role == "generator":
            assert (drawn["temperature"], drawn["top_k"], drawn["max_tokens"]) == (0.25, 17, 77)
            assert isinstance(drawn["top_k"], int)
        assert (drawn["top_p"] == 0.5) == (output.role == "summarizer")


def test_a_story_goes_on_with_the_routing_that_it_was_begun_with(
    first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(asked: dict[str, Any]) -> str:
        return "out of memory" if len(second.asked) > 1 else ""

    monkeypatch.setenv("FIRST_KEY", KEY)
    monkeypatch.setenv("SECOND_KEY", OTHER_KEY)
    Path(FILE).write_text(on_two_servers(first, second))
    second.refuse = refuse
    assert "out of memory" in error_of(fabula("write", PREMISE, "--paragraphs", 3, "--quiet"))
    story, before = stories()[0], len(first.asked_of("generator"))
    assert 0 < before < 3
    second.refuse = lambda asked: ""
    other = (
        'engine = "scripted"\nserver_retries = 0\n[roles.premise]\nmodel = "x"\n[roles.generator]\ntemperature = 2\n'
    )
    Path(FILE).write_text(other)
    assert fabula("continue", story, "--quiet").exit_code == 0
    assert len(first.asked_of("generator")) == 3
    assert {asked["temperature"] for asked in first.asked_of("generator")} == {0.25}
    assert len(story_of(story).paragraphs) == 3


@pytest.mark.parametrize("way", [["--reroute"], ["--engine", "scripted"]])
def test_a_story_goes_on_elsewhere_when_it_is_told_to(
    way: list[str], first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_KEY", KEY)
    monkeypatch.setenv("SECOND_KEY", OTHER_KEY)
    Path(FILE).write_text(on_two_servers(first, second))
    second.refuse = lambda asked: "gone"
    error_of(fabula("write", PREMISE, "--paragraphs", 3, "--quiet"))
    asked = len(first.asked)
    Path(FILE).write_text('engine = "scripted"\n')
    assert fabula("continue", stories()[0], *way, "--quiet").exit_code == 0
    assert len(first.asked) == asked


def test_no_key_is_in_the_library_the_output_or_the_logs(
    first: RoleServer, second: RoleServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    _, result = write(first, second, monkeypatch)
    said = result.stdout + result.stderr
    said += "".join(fabula(*command).output for command in (["config"], ["config", "--json"], ["doctor", "--json"]))
    monkeypatch.setenv("SECOND_KEY", "sk-wrong-1234")
    second.key = OTHER_KEY
    said += fabula("write", PREMISE).output + fabula("doctor").output
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for key in (KEY, OTHER_KEY, "sk-wrong-1234"):
        assert key not in said
        assert key not in caplog.text
        assert [path for path in files if key.encode() in path.read_bytes()] == []


def test_an_address_with_a_password_is_not_kept_and_is_asked_for_when_the_story_goes_on() -> None:
    roles = {"generator": {"server": "http://me:secret@there/v1", "model": "g"}}
    known = settings(engine="server", server="http://here/v1?key=secret", roles=roles)
    kept = note(known)
    assert "secret" not in json.dumps(kept)
    assert remembered(kept, known)["roles.generator.server"] == "http://me:secret@there/v1"
    with pytest.raises(InputError, match="FABULA_ROLES__GENERATOR__SERVER"):
        remembered(kept, Settings())


def test_what_a_story_remembers_gives_the_same_routes_whatever_is_set_now(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {"generator": {"model": "g", "prompt": "completion"}, "summarizer": {"engine": "embedded", "model": "s"}}
    known = settings(engine="server", server=HERE, model="m", prompt="chat", key_variable="A_KEY", roles=roles)
    monkeypatch.setenv("FABULA_ROLES__GENERATOR__SERVER", THERE)
    monkeypatch.setenv("FABULA_ROLES__PREMISE__ENGINE", "scripted")
    monkeypatch.setenv("FABULA_PROMPT", "slots")
    assert routes(load(story=remembered(note(known), load().settings)).settings) == routes(known)


def test_a_story_of_an_older_fabula_goes_on() -> None:
    old = {"name": "server", "model": "m", "server": HERE}
    assert set(routes(load(story=remembered(old, Settings())).settings).values()) == {Route("server", "m", HERE)}


def test_flags_are_for_every_role() -> None:
    Path(FILE).write_text(
        f'engine = "server"\n[roles.generator]\nmodel = "g"\ntemperature = 0.5\nkey_variable = "A_KEY"\nserver = "{HERE}"\n'
        '[roles.outline]\nengine = "embedded"\nmodel = "folder"\n'
    )
    moved = load({"server": THERE}).settings
    assert route(moved, "generator") == Route("server", "g", THERE)  # a key isn't taken along to another server
    assert route(load({"model": "x"}).settings, "generator").model == "x"
    assert set(routes(load({"engine": "scripted"}).settings).values()) == {Route("scripted", "")}
    assert route(load({"engine": "server"}).settings, "outline").model == ""
    assert sampling(load().settings) == {"generator": {"temperature": 0.5}}
    assert sampling(load({"write.temperature": 1.0}).settings) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[roles.generatr]\nmodel = 'x'\n", "line 2: there is no role 'generatr'; did you mean 'generator'?"),
        ("[roles.author]\nmodel = 'x'\n", "there is no role 'author'; choose premise, outline, "),
        ("[roles.outline]\nmodle = 'x'\n", "line 2: there is no setting 'modle' of a role; did you mean 'model'?"),
        ("[roles]\noutline = 'x'\n", "roles.outline has settings of its own, such as roles.outline.model."),
        ("[roles.premise]\nmodel = 'a'\n[roles.outline]\nmodel = 4\n", "line 4: model = 4: the value must be text."),
        ("[roles.outline]\nprompt = 'song'\n", "the value must be 'auto', 'chat', 'completion' or 'slots'."),
        ("[roles.outline]\ntemperature = 6\n", "line 2: temperature = 6: the value must be at most 5."),
        (f"[roles.outline]\nkey_variable = '{KEY}'\n", "line 2: key_variable: the value must be the name of an "),
        ("server_timeout = 0\n", "line 1: server_timeout = 0: the value must be more than 0."),
    ],
)
def test_what_is_wrong_with_a_role_is_named_with_its_line(text: str, says: str) -> None:
    Path(FILE).write_text(text)
    with pytest.raises(InputError) as caught:
        load()
    assert says in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_role_is_set_by_the_environment_and_config_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_ROLES__GENERATOR__MODEL", "g")
    monkeypatch.setenv("FABULA_ROLES__GENERATOR__TOP_K", "40")
    monkeypatch.setenv("FABULA_KEY_VARIABLE", "FABULA_MY_KEY")
    monkeypatch.setenv("FABULA_MY_KEY", KEY)  # named by a setting, so it is none
    monkeypatch.setenv("FABULA_SERVER", "http://me:secret@there/v1?token=secret")
    assert load().settings.roles.generator.top_k == 40
    output = fabula("config").stdout
    lines = [line.split() for line in output.splitlines()]
    assert ["roles.generator.model", "g", "environment"] in lines
    assert ["roles.generator.top_k", "40", "environment"] in lines
    assert not any(line and line[0].startswith("roles.outline") for line in lines)
    assert ["server", "http://***@there/v1?***", "environment"] in lines
    assert not {KEY, "secret"} & set(output.replace("=", " ").split())
    assert "secret" not in output


@pytest.mark.parametrize(
    ("address", "told"),
    [(HERE, HERE), ("http://me:pw@host:1/v1", "http://***@host:1/v1"), ("http://h/v1?k=pw", "http://h/v1?***"),
     ("http://[me:pw@host/v1", "http://***@host/v1"), ("folder/model?", "folder/model?")],
)  # fmt: skip
def test_an_address_is_shown_without_what_may_be_a_secret(address: str, told: str) -> None:
    assert shown(address) == told


def test_the_end_of_a_run_tells_how_much_the_servers_remembered(first: RoleServer, second: RoleServer) -> None:
    first.key, first.cached = "", 83
    flags = ("--engine", "server", "--server", first.url, "--model", "base")
    assert "seed 1, prefix cache: 83 % of prompt tokens." in fabula("write", PREMISE, *flags, "--seed", 1).stderr
    first.cached = None
    assert "prefix cache" not in fabula("write", PREMISE, *flags, "--seed", 2).stderr
