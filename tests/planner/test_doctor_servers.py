"""The doctor asks every server and every route, and says in plain words what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from role_server import RoleServer, role_server

from planner.check import Check
from planner.doctor_servers import examine_servers
from planner.settings import Settings

KEY = "sk-doctor-0123456789"
NOBODY = "http://127.0.0.1:9/v1"


@pytest.fixture
def server() -> Iterator[RoleServer]:
    with role_server("base", "generator", "summarizer", parent="base") as server:
        yield server


def checks(**values: Any) -> dict[str, Check]:
    given = {"engine": "server", "prompt": "chat", **values}
    made = {check.name: check for check in examine_servers(Settings.model_validate(given))}
    assert KEY not in repr(made)
    return made


def test_models_and_adapters_are_listed_and_each_role_has_its_route(server: RoleServer) -> None:
    roles = {"generator": {"model": "generator", "prompt": "completion"}, "outline": {"engine": "scripted"}}
    made = checks(server=server.url, model="base", roles=roles)
    assert made["server engine"] == Check(
        "server engine", "ok", f"{server.url} serves base; adapters: generator on base, summarizer on base"
    )
    assert made["role generator"] == Check(
        "role generator", "ok",
        f"generator at {server.url}, asked as a text to go on with: answers, and keeps to a JSON schema",
    )  # fmt: skip
    assert "base at" in made["roles premise, summarizer, continuity"].says
    assert made["role outline"] == Check("role outline", "ok", "scripted engine")
    assert all(asked["max_tokens"] <= 32 for asked in server.asked)


def test_every_server_is_looked_at(server: RoleServer) -> None:
    made = checks(server=server.url, roles={"summarizer": {"server": NOBODY}})
    assert (made["server engine"].state, made["server engine 2"].state) == ("ok", "bad")
    assert f"No answer from the server at {NOBODY}" in made["server engine 2"].says
    assert "role summarizer" not in made


def test_a_model_that_is_not_served_is_named_with_the_near_one(server: RoleServer) -> None:
    check = checks(server=server.url, model="base", roles={"generator": {"model": "generater"}})["role generator"]
    assert check == Check(
        "role generator", "bad", f"{server.url} does not serve 'generater'.", "Did you mean generator?"
    )
    assert checks(server=server.url, model="q")["all roles"].todo == "It serves base, generator, summarizer."


def test_a_server_without_a_model_says_so(server: RoleServer) -> None:
    server.models.clear()
    assert "serves no model" in checks(server=server.url)["server engine"].says


def test_what_is_wrong_with_the_key_is_told_without_it(server: RoleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server.key = "sk-right"
    none = checks(server=server.url, key_variable="MY_KEY")["server engine"]
    assert (none.state, none.todo) == ("bad", "There is no key: set MY_KEY.")
    assert checks(server=server.url)["server engine"].todo == "There is no key: set FABULA_API_KEY."
    monkeypatch.setenv("MY_KEY", KEY)
    wrong = checks(server=server.url, key_variable="MY_KEY")["server engine"]
    assert (wrong.state, wrong.todo) == ("bad", "The server does not take the key in MY_KEY.")


def test_a_server_that_takes_no_schema_is_asked_in_plain_text(server: RoleServer) -> None:
    server.refuse = lambda asked: "response_format is not supported" if "response_format" in asked else ""
    check = checks(server=server.url, model="base")["all roles"]
    assert check.state == "off"
    assert check.says.endswith("takes no JSON schema; it will be asked in plain text instead")


@pytest.mark.parametrize("text", ["Yes, very deep.", '{"answer": "perhaps"}', '["yes"]', '{"answer": ["yes"]}', "1"])
def test_a_server_that_takes_no_notice_of_a_schema_is_found_out(server: RoleServer, text: str) -> None:
    server.reply_with = lambda asked: text
    check = checks(server=server.url, model="base")["all roles"]
    assert check.state == "off"
    assert "does not keep to a JSON schema" in check.says


def test_a_model_that_cannot_answer_is_a_finding(server: RoleServer) -> None:
    server.refuse = lambda asked: "out of memory"
    check = checks(server=server.url, model="base")["all roles"]
    assert check.state == "bad"
    assert "out of memory" in check.says


def test_a_server_that_no_role_needs_is_only_listed(server: RoleServer) -> None:
    made = checks(engine="scripted", server=server.url)
    assert made["server engine"].state == "ok"
    assert server.asked == []


def test_a_password_in_an_address_is_not_shown() -> None:
    check = checks(server="http://me:sk-doctor-0123456789@127.0.0.1:9/v1")["server engine"]
    assert check.state == "bad"
    assert "http://127.0.0.1:9/v1" in check.says
