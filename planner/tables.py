"""The story library's tables, as SQLAlchemy Core.

Invariant: rows are only ever added. The one table that changes is ``heads``, which says where each branch stands and
whether it is done; everything else is kept for good, so undo, branch and diff only move or compare heads.

Values of a model (a premise, a fact, a journalled output) are one JSON text in ``body``, read back through pydantic.
They are text, not a database's own JSON type, so that both databases keep the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Connection

SCHEMA_VERSION = 4

Migration = Callable[[Connection], None]
MIGRATIONS: dict[int, Migration] = {}
"""How to get from version ``n`` to ``n + 1``, by ``n``. All that a library needs run in order, in one transaction."""

Number = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER keys count up by themselves in SQLite

metadata = MetaData()


def _numbered(name: str, *columns: Column[object] | UniqueConstraint | Index) -> Table:
    """A table whose rows are counted from 1, in the order in which they were added."""
    return Table(name, metadata, Column("number", Number, primary_key=True, autoincrement=True), *columns)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

stories = _numbered(
    "stories",
    Column("id", Text, nullable=False, unique=True),
    Column("created", Text, nullable=False),
    Column("logline", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("options", Text, nullable=False),
)

premises = _numbered(
    "premises",
    Column("id", Text, nullable=False, unique=True),
    Column("story", ForeignKey("stories.id"), nullable=False, index=True),
    Column("created", Text, nullable=False),
    Column("body", Text, nullable=False),
)

outlines = _numbered(
    "outlines",
    Column("id", Text, nullable=False, unique=True),
    Column("story", ForeignKey("stories.id"), nullable=False, index=True),
    Column("parent", ForeignKey("outlines.id")),
    Column("created", Text, nullable=False),
    Column("body", Text, nullable=False),
)

paragraphs = _numbered(
    "paragraphs",
    Column("id", Text, nullable=False, unique=True),
    Column("story", ForeignKey("stories.id"), nullable=False),
    Column("parent", ForeignKey("paragraphs.id")),
    Column("index", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("beat", Integer, nullable=False),
    Column("words", Integer, nullable=False),  # of the whole path so far, so that a list of stories walks none
    Column("meta", Text, nullable=False),
    Column("created", Text, nullable=False),
    Index("paragraphs_children", "story", "parent"),
)

facts = Table(
    "facts",
    metadata,
    Column("paragraph", ForeignKey("paragraphs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("paragraph", ForeignKey("paragraphs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)

summaries = Table(
    "summaries",
    metadata,
    Column("paragraph", ForeignKey("paragraphs.id"), primary_key=True),
    Column("body", Text, nullable=False),
)

heads = Table(
    "heads",
    metadata,
    Column("story", ForeignKey("stories.id"), primary_key=True),
    Column("branch", Text, primary_key=True),
    Column("paragraph", ForeignKey("paragraphs.id")),
    Column("done", Boolean, nullable=False),
    Column("updated", Text, nullable=False),
)

pins = _numbered(
    "pins",
    Column("story", ForeignKey("stories.id"), nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("story", "body"),
)

# Which rows of ``pins`` a person took back, by their number; pinning the same again takes the taking back back.
unpinned = _numbered(
    "unpinned",
    Column("pin", ForeignKey("pins.number"), nullable=False, index=True),
    Column("back", Boolean, nullable=False),
)

steps = _numbered(
    "steps",
    Column("story", ForeignKey("stories.id"), nullable=False),
    Column("branch", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("created", Text, nullable=False),
    Index("steps_of_branch", "story", "branch", "number"),
)

# What a person did with a story as a whole; the newest row of a story counts.
shelf = _numbered(
    "shelf",
    Column("story", ForeignKey("stories.id"), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("created", Text, nullable=False),
)

# What a person changed of a role in a session; the newest row of a story's role counts.
roles = _numbered(
    "roles",
    Column("story", ForeignKey("stories.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Text, nullable=False),
    Index("roles_of_story", "story", "role", "number"),
)

outputs = _numbered(
    "outputs",
    Column("story", ForeignKey("stories.id"), nullable=False),
    Column("head", Text, nullable=False),  # "" before the first paragraph: two NULLs would not be the same key
    Column("branch", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("call", Integer, nullable=False),
    Column("created", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # zlib over JSON: prompts repeat themselves
    UniqueConstraint("story", "head", "branch", "node", "attempt", "call"),
)


def _steps_and_unpinning(connection: Connection) -> None:
    metadata.create_all(connection, tables=[steps, unpinned])


MIGRATIONS[1] = _steps_and_unpinning


def _shelf(connection: Connection) -> None:
    metadata.create_all(connection, tables=[shelf])


MIGRATIONS[2] = _shelf


def _roles(connection: Connection) -> None:
    metadata.create_all(connection, tables=[roles])


MIGRATIONS[3] = _roles
