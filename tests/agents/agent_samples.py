"""One small story and engines that keep what they were asked, for the tests of the agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agents.engines.base import Completion, OnText, Request
from agents.engines.scripted import Script, ScriptedEngine
from planner.state import Beat, Entity, EntityKind, Outline, Premise, Pronouns
from prompts.errors import NoStructuredOutput

MARA = Entity(
    id="c1", kind=EntityKind.CHARACTER, name="Mara", slot="<she1>", pronouns=Pronouns.SHE, role="baker",
    traits=("stubborn and afraid of every river", "kind"), goal="to go home", given=True,
)  # fmt: skip
TOBIAS = Entity(
    id="c2", kind=EntityKind.CHARACTER, name="Tobias", slot="<he2>", pronouns=Pronouns.HE, role="engineer",
    traits=("proud",), goal="to be believed",
)  # fmt: skip
MILL = Entity(id="p1", kind=EntityKind.PLACE, name="the mill", slot="<place1>", given=True)
HARBOUR = Entity(id="p2", kind=EntityKind.PLACE, name="the harbour", slot="<place2>")
CLOCK = Entity(id="t1", kind=EntityKind.ITEM, name="the clock", slot="<item1>", given=True, aliases=("her clock",))
PREMISE = Premise(
    logline="Mara, a baker, must find her clock before Tobias sells it.", title="The Clock", genre="mystery", tone="wry",
    cast=(MARA, TOBIAS), setting=(MILL, HARBOUR), things=(CLOCK,), plot=("a storm at the end",), avoid=("blood",),
)  # fmt: skip
BEATS = (
    Beat(purpose="setup", label="Loss", happens="Mara misses the clock.", on_stage=("c1", "p1", "t1"), place="p1",
         change="the clock is gone", paragraphs=2, tension=0.2),
    Beat(purpose="climax", label="Quarrel", happens="Mara follows Tobias to the harbour.", on_stage=("c1", "c2", "p2"),
         place="p2", change="Tobias gives in", tension=0.9),
)  # fmt: skip
OUTLINE = Outline(arc="three-act", beats=BEATS)


class Recorder(ScriptedEngine):
    """A scripted engine for plain prompts that keeps its requests; ``cut`` names the candidates that ran out of tokens."""

    def __init__(self, script: Script | Sequence[str] | None = None, cut: Sequence[int] = ()) -> None:
        super().__init__(script)
        self.requests: list[Request] = []
        self.cut = cut

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        self.requests.append(request)
        finish: dict[bool, Literal["stop", "length"]] = {True: "length", False: "stop"}
        return tuple(
            completion.model_copy(update={"finish": finish[index in self.cut]})
            for index, completion in enumerate(super().complete(request, on_text))
        )


class Schemaless(Recorder):
    """The same behind a server that takes no JSON schema."""

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        if request.json_schema is not None:
            self.requests.append(request)
            raise NoStructuredOutput("The server takes no JSON schema.")
        return super().complete(request, on_text)


class SlotsRecorder(Recorder):
    """The same for slot prompts, as the bundled model reads them."""

    style = "slots"
