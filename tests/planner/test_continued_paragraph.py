"""A paragraph whose end took a further call: it is journalled, offered whole, and not paid for twice."""

from __future__ import annotations

from storytelling import new_story, opened

from agents.continuing import MARK
from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import ScriptedEngine
from planner.store import Library

BEGUN = "The baker looked behind every door of the mill, and und"
WHOLE = "The baker looked behind every door of the mill, and under the flour there was a key."


class Short(ScriptedEngine):
    """Runs out of tokens in every paragraph."""

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        answers = super().complete(request, on_text)
        if MARK in request.prompt.text:
            return tuple(answer.model_copy(update={"text": "under the flour there was a key."}) for answer in answers)
        if "Write the next paragraph" not in request.prompt.text:
            return answers
        return tuple(answer.model_copy(update={"text": BEGUN, "finish": "length"}) for answer in answers)


def test_the_end_of_a_paragraph_is_journalled_and_its_alternative_is_whole(file_library: Library) -> None:
    story = new_story(file_library, 3)
    engine = Short()
    with opened(file_library, story, engine) as session:
        draft = session.propose()
        assert draft is not None
        assert draft.text == WHOLE
        assert WHOLE in session.alternatives()
        assert "under the flour there was a key." not in session.alternatives()
    made = engine.calls
    keys = [key for key, _ in file_library.outputs(story.id) if key.node == "generate"]
    assert [key.call for key in keys] == [0, 1]
    with opened(file_library, story, engine) as session:
        assert session.accept().text == WHOLE
    assert engine.calls == made + 1  # the summary alone
