"""A key goes to the server that it was given for, and to no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runner import PREMISE, fabula
from role_server import role_server

from planner.routing import route
from planner.settings import FILE, Settings

KEY, OTHER_KEY = "sk-first-0123456789", "sk-second-9876543210"
HERE, THERE = "http://here/v1", "http://there/v1"


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ({}, "A_KEY"), ({"server": f"{HERE}/"}, "A_KEY"), ({"server": THERE}, None), ({"key_variable": "B_KEY"}, "B_KEY"),
        ({"server": THERE, "key_variable": "B_KEY"}, "B_KEY"), ({"server": THERE, "key_variable": ""}, None),
        ({"server": THERE, "model": "m", "engine": "server"}, None), ({"key_variable": ""}, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["server", "embedded"])
def test_a_key_is_for_the_server_that_it_was_given_for(own: dict[str, str], key: str | None, engine: str) -> None:
    roles = {"generator": {"engine": "server"} | own}
    known = Settings.model_validate({"engine": engine, "server": HERE, "key_variable": "A_KEY", "roles": roles})
    assert route(known, "generator").key_variable == key


def test_the_usual_key_is_sent_to_the_top_levels_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", OTHER_KEY)
    with role_server("base", key=KEY) as first, role_server("small") as second:
        Path(FILE).write_text(
            f'engine = "server"\nserver = "{first.url}"\nprompt = "chat"\nserver_retries = 0\n'
            f'[roles.summarizer]\nserver = "{second.url}"\nprompt = "chat"\n'
        )
        assert fabula("write", PREMISE, "--paragraphs", 3, "--quiet").exit_code == 0
        assert second.asked
        fabula("doctor")
        assert (first.keys, second.keys) == ({f"Bearer {KEY}"}, {"Bearer none"})
        second.key = OTHER_KEY
        result = fabula("write", PREMISE, "--paragraphs", 3, "--quiet")
        assert result.exit_code == 2
        assert f"The server at {second.url} wants a key; name the environment variable" in result.stderr
        assert "No key was given for it: name the environment variable" in " ".join(fabula("doctor").stdout.split())
        monkeypatch.setenv("FABULA_ROLES__SUMMARIZER__KEY_VARIABLE", "OPENAI_API_KEY")
        assert fabula("write", PREMISE, "--paragraphs", 3, "--quiet").exit_code == 0
