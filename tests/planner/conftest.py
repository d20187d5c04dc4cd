"""A fresh library for each test: in a file, and on a PostgreSQL server as well where FABULA_TEST_POSTGRES names one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from storytelling import new_story, opened

from agents.engines.scripted import ScriptedEngine
from planner.session import Session
from planner.store import Library, StoryRow

POSTGRES = "FABULA_TEST_POSTGRES"
BACKENDS = ["sqlite"] + [pytest.param("postgres", marks=pytest.mark.servers)] * (POSTGRES in os.environ)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of an empty schema of its own, removed after the test."""
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"{POSTGRES} names no PostgreSQL server")
    import psycopg

    schema = f"fabula_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=BACKENDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a library may be opened: a path that isn't there yet, or a server's URL."""
    if request.param == "sqlite":
        return tmp_path / "new folder" / "library.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def library(where: str | Path) -> Iterator[Library]:
    with Library.open(where) as opened:
        yield opened


@pytest.fixture
def file_library(tmp_path: Path) -> Iterator[Library]:
    """A library in a file, for what only a file can do."""
    with Library.open(tmp_path / "library.db") as opened:
        yield opened


@pytest.fixture
def story(file_library: Library) -> StoryRow:
    return new_story(file_library, 6)


@pytest.fixture
def session(file_library: Library, story: StoryRow) -> Iterator[Session]:
    with opened(file_library, story, ScriptedEngine()) as session:
        yield session
