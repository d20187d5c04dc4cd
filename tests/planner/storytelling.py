"""Writing whole stories on the scripted engine, for the tests of the graph, the session and the displays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from agents.brief import make_brief
from agents.engines.base import Completion, Engine, OnText, Request
from agents.engines.scripted import Script, ScriptedEngine, answer
from agents.generator import GeneratorSettings
from planner.context import ROLES, WriteSettings
from planner.events import Event
from planner.session import Durability, Session, begin, open_story
from planner.store import Library, StoryRow
from prompts.errors import EngineError

ONE = WriteSettings(generator=GeneratorSettings(n=1))
LOGLINE = "A lighthouse keeper finds a door under the sea"


def new_story(
    library: Library, paragraphs: int = 3, seed: int = 1, settings: WriteSettings = ONE, **wishes: object
) -> StoryRow:
    brief = make_brief(logline=LOGLINE, paragraphs=paragraphs, **wishes)
    return begin(library, brief, seed, settings, {"name": "scripted"})


@contextmanager
def opened(
    library: Library,
    story: StoryRow,
    engine: Engine,
    listen: Callable[[Event], None] = lambda event: None,
    durability: Durability = "sync",
) -> Iterator[Session]:
    with open_story(library, story, dict.fromkeys(ROLES, engine), listen=listen, durability=durability) as session:
        yield session


def tell(
    library: Library,
    story: StoryRow,
    engine: Engine | None = None,
    listen: Callable[[Event], None] = lambda event: None,
    durability: Durability = "sync",
) -> list[str]:
    """Write a story to its end; returns its paragraphs."""
    with opened(library, story, engine or ScriptedEngine(), listen, durability) as session:
        session.write()
    return texts(library, story)


def texts(library: Library, story: StoryRow) -> list[str]:
    return [row.text for row in library.path(library.head(story.id))]


def is_paragraph(request: Request) -> bool:
    """Whether a request asks for a paragraph of the story."""
    return "Write the next paragraph" in request.prompt.text


def paragraphs_say(drafts: Sequence[str], prompts: list[str] | None = None) -> Script:
    """A script whose paragraphs are ``drafts``, one a call, the last one for good; all else is answered as ever."""
    left = list(drafts)

    def script(request: Request, index: int) -> str:
        if not is_paragraph(request):
            return answer(request, index)
        if prompts is not None:
            prompts.append(request.prompt.text)
        return left.pop(0) if len(left) > 1 else left[0]

    return script


class Failing(ScriptedEngine):
    """A scripted engine that is gone from its ``k``-th call on (from 1); ``answered`` are the requests before."""

    def __init__(self, k: int | None = None) -> None:
        super().__init__()
        self.k = k
        self.answered: list[tuple[str, int]] = []

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if self.k is not None and len(self.answered) + 1 >= self.k:
            raise EngineError("The engine is gone.")
        completions = super().complete(request, on_text)
        self.answered.append((request.prompt.joined(), request.seed))
        return completions


OWN = "Nobody had told the baker that the mill was for sale, and so she bought it."


def here(session: Session) -> list[str]:
    """The branch's texts, in which state and library must agree."""
    library, head = session.library, session.state.get("head")
    assert head == library.head(session.story.id, session.context.branch)
    return [row.text for row in library.path(head)]


def write(session: Session, paragraphs: int) -> list[str]:
    for _ in range(paragraphs):
        assert session.write_paragraph()
    return here(session)
