"""The doctor tries everything, says what to do, and never falls ill itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.doctor import Check, examine
from planner.settings import Settings

NOBODY = "http://127.0.0.1:9/v1"


def checks(**values: object) -> dict[str, Check]:
    given = {"model": "no such folder", "server": NOBODY, **values}
    return {check.name: check for check in examine(Settings.model_validate(given))}


def test_what_is_fine_is_said_to_be_fine(tmp_path: Path) -> None:
    made = checks(library=str(tmp_path / "library.db"))
    assert made["python"].state == "ok"
    assert made["library"] == Check("library", "ok", f"{tmp_path / 'library.db'}: 0 stories")


def test_a_missing_model_is_named() -> None:
    check = checks(engine="embedded")["embedded engine"]
    assert check.state == "bad"
    assert "no such folder" in check.says


def test_a_server_that_nobody_asked_for_may_be_away_but_one_that_is_needed_may_not() -> None:
    off, bad = checks()["server engine"], checks(engine="server")["server engine"]
    assert (off.state, bad.state) == ("off", "bad")
    assert NOBODY in off.says
    assert off.todo == "Only needed for --engine server."


def test_a_library_that_is_none_is_named_and_the_other_checks_go_on(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("Once upon a time. " * 100)
    made = checks(library=str(tmp_path / "story.txt"))
    assert made["library"].state == "bad"
    assert "story.txt is not a story library" in made["library"].says
    assert {"embedded engine", "server engine"} <= set(made)


@pytest.mark.parametrize("address", ["nonsense", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999/v1"])
def test_an_address_that_is_none_is_a_finding_too(address: str) -> None:
    assert checks(engine="server", server=address)["server engine"].state == "bad"


def test_an_extra_that_is_not_there_says_how_to_get_it() -> None:
    for name, check in checks().items():
        if name.startswith("extra ") and check.state == "off":
            assert check.todo == f"pip install 'fabula[{name.removeprefix('extra ')}]'"
