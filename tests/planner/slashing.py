"""What the tests of the slash commands share: paragraphs to begin with, and how the story stands in the library."""

from __future__ import annotations

from planner.session import Session
from planner.slash import Reply, run

OWN = "Nobody had told the baker that the mill was for sale, and so she bought it."


def texts(session: Session) -> list[str]:
    """The branch as it stands in the library."""
    return [row.text for row in session.library.path(session.library.head(session.story.id, session.context.branch))]


def last_prompt(session: Session) -> str:
    return [output.prompt for key, output in session.library.outputs(session.story.id) if key.node == "generate"][-1]


def said(reply: Reply) -> str:
    return "\n".join(reply.lines)


def begun(session: Session, paragraphs: int) -> list[str]:
    run(session, f"/auto {paragraphs}")
    assert len(texts(session)) == paragraphs
    return texts(session)


def hero(session: Session) -> str:
    return session.premise.cast[0].name
