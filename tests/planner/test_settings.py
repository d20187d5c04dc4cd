"""Later layers win and every value knows its source; what cannot be used is named with its file, line, variable or flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planner.settings import FILE, Settings, flat, load, user_file
from prompts.errors import InputError


def in_project(text: str) -> Path:
    Path(FILE).write_text(text, encoding="utf-8")
    return Path.cwd() / FILE


def for_user(text: str) -> Path:
    user_file().parent.mkdir(parents=True)
    user_file().write_text(text, encoding="utf-8")
    return user_file()


def failure(flags: dict[str, Any] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load(flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_layer_everything_is_its_default() -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}
    assert set(loaded.sources) == {key for key, _ in flat(Settings().model_dump())}


def test_each_layer_wins_over_those_before_it_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    user = for_user("threads = 1\nmodel = 'user'\nserver = 'http://user'\n[write]\nn = 1\narc = 'freytag'\n")
    project = in_project("model = 'project'\nserver = 'http://project'\n[write]\nn = 2\n")
    monkeypatch.setenv("FABULA_SERVER", "http://environment")
    monkeypatch.setenv("FABULA_WRITE__N", "3")
    loaded = load({"write.n": 4, "engine": None})
    got, sources = loaded.settings, loaded.sources
    assert (got.threads, got.model, got.server, got.write.n, got.write.arc) == (
        1, "project", "http://environment", 4, "freytag",
    )  # fmt: skip
    assert sources["threads"] == sources["write.arc"] == str(user)
    assert sources["model"] == str(project)
    assert sources["server"] == "environment"
    assert sources["write.n"] == "flag"
    assert sources["engine"] == "default"


def test_a_project_is_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / FILE).write_text("threads = 7\n")
    assert load().settings.threads == 0
    assert load(folder=tmp_path / "elsewhere").settings.threads == 7


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("threads = 2\nmodle = 'x'\n", 2, "there is no setting 'modle'; did you mean 'model'?"),
        ("\n\n[write]\nparagraf = 4\n", 4, "there is no setting 'write.paragraf'; did you mean 'write.paragraphs'?"),
        ("[write]\nn = 1\nparagraphs = 2\n", 3, "paragraphs = 2: the value must be at least 3."),
        ("# comment\nthreads = 'many'\n", 2, "threads = 'many': the value must be a whole number."),
        ("engine = 'cloud'\n", 1, "engine = 'cloud': the value must be 'embedded', 'server', 'offline' or 'scripted'."),
        ("write.top_p = 0\n", 1, "top_p = 0: the value must be more than 0."),
        ("[write]\nmin_p = 1\n", 2, "min_p = 1: the value must be less than 1."),
        ("library = 3\n", 1, "library = 3: the value must be text."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_named_with_its_line(text: str, line: int, says: str) -> None:
    path = in_project(text)
    said = failure()
    assert said.startswith(f"The settings file {path}, line {line}: ")
    assert says in said


def test_the_line_is_that_of_the_key_in_its_own_section() -> None:
    in_project("threads = 1\n[write]\narc = 'n'\nn = 99\n")
    assert ", line 4: n = 99: the value must be at most 64." in failure()


def test_a_file_that_is_no_toml_names_its_line() -> None:
    path = in_project("threads = 2\nwhat is this\n")
    assert failure().startswith(f"The settings file {path} is not TOML: ")
    assert "line 2" in failure()


def test_a_file_that_cannot_be_read_says_so() -> None:
    Path(FILE).write_bytes(b"model = '\xff'\n")
    assert "cannot be read" in failure()
    Path(FILE).unlink()
    Path(FILE).mkdir()
    assert "cannot be read" in failure()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FABULA_WRITE__N", "many", "The variable FABULA_WRITE__N: n = 'many': the value must be a whole number."),
        ("FABULA_ENGINE", "cloud", "The variable FABULA_ENGINE: engine = 'cloud': the value must be 'embedded', "),
        ("FABULA_MODLE", "x", "The variable FABULA_MODLE: there is no setting 'modle'; did you mean 'model'?"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    assert failure().startswith(says)


def test_a_key_for_a_server_is_no_setting_and_is_kept_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABULA_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(load())


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"write.paragraphs": 0}, "--paragraphs 0: the value must be at least 3."),
        ({"write.paragraphs": 10**6}, "--paragraphs 1000000: the value must be at most 100,000."),
        ({"write.n": 65}, "--n 65: the value must be at most 64."),
        ({"write.temperature": 9.5}, "--temperature 9.5: the value must be at most 5."),
        ({"engine": "cloud"}, "--engine cloud: the value must be 'embedded', 'server', 'offline' or 'scripted'."),
    ],
)
def test_what_is_wrong_in_a_flag_is_one_natural_sentence(flags: dict[str, Any], says: str) -> None:
    assert failure(flags) == says


def test_a_section_is_not_a_setting() -> None:
    in_project("write = 3\n")
    assert "there is no setting 'write'" in failure()
