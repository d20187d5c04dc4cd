"""The generator: from the summary, the last paragraph, the beat and who is on stage to the next paragraph.

It draws n candidates from one prompt and keeps the best (agents/choose.py). It never sees the whole story, so paragraph
10,000 costs what paragraph 10 cost. Method: the two-model loop of "A Tale of Two LLMs", with the beat as a third input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import Field

from agents.affordances import misused
from agents.choose import Score, Weights, examined, judge
from agents.continuing import completed, too_short
from agents.engines.base import Completion, Engine, OnText, Prompt, Request, Sampling, Style
from agents.lexicon import known_genre
from agents.memory import TONE_TOKENS, fitted, shorten
from agents.naming import Naming, cast_lines
from agents.prose import stray_pronouns
from agents.spelling import strange_words
from agents.strangers import strangers
from agents.text import whole_sentences
from planner.state import ArcPosition, Beat, Entity, EntityKind, Finding, Line, Model, Outline, PointOfView, Premise
from prompts.errors import EngineError
from prompts.load import render

# The end of a stream that may still become a slot, and the article that would have to fit it.
_OPEN = re.compile(r"(?:\b[Aa]n?\s*)?(?:<(?:[a-z]+\d?)?)?$")
# The small model's context is 512 tokens: these budgets and the paragraph that it writes fit in, whatever a person typed.
_SUMMARY, _LAST, _BEAT = 96, 120, 44
_ASKED = 3
"""How often a model that answers with nothing is asked, each time with another seed."""
# A small model is sure of what hangs together, and unsure as soon as it strays: its likelihood says most about sense.
_TRUST = 3.0
Check = Callable[[str], Sequence[Finding]]


# What suits the bundled model, and what suits a large one: a small model needs many candidates and a cooler draw.
_DEFAULTS: dict[Style, tuple[int, Sampling]] = {
    "slots": (32, Sampling(temperature=0.5, top_p=0.95, min_p=0.03, repetition_penalty=1.05, max_tokens=168)),
    "plain": (4, Sampling(temperature=0.8, top_p=0.95, max_tokens=320)),
}
_COUNT_PROMPTS = frozenset({"server", "offline"})


class GeneratorSettings(Model):
    """``n`` candidates are drawn for every paragraph; 0 means what suits the engine.

    ``sampling`` holds only what differs from the engine's own defaults, by the names of ``Sampling``.
    """

    n: int = Field(0, ge=0, le=64)
    sampling: dict[str, float] = Field(default_factory=dict)
    weights: Weights = Weights()

    def resolved(self, style: Style, engine: str = "") -> tuple[int, Sampling]:
        """The number of candidates and the whole sampling for a style of engine, and an ``engine`` by its name.

        vLLM and its like count the prompt's tokens as repeated too, where the embedded engine counts only what was drawn: the
        names that a paragraph needs would become rarer. So they get no repetition penalty but a person's own.
        """
        n, sampling = _DEFAULTS[style]
        usual = sampling.model_dump() | ({"repetition_penalty": 1.0} if engine in _COUNT_PROMPTS else {})
        return self.n or n, Sampling.model_validate(usual | self.sampling)


class Task(Model):
    """Everything that the generator may see for one paragraph. ``facts`` are sentences that must stay true.

    ``recent`` are the paragraphs up to the last one: no prompt shows them, but a candidate that tells them again is passed over.
    """

    premise: Premise
    outline_beats: int
    beat: Beat
    position: ArcPosition
    on_stage: tuple[Entity, ...]
    summary: str = ""
    last: str = ""
    recent: str = ""
    facts: tuple[Line, ...] = ()
    objections: tuple[Line, ...] = ()
    note: str = ""
    instruction: str = ""
    """What a person wishes of every paragraph, and of this one. The small model knows no notes."""


class Written(Model):
    """The paragraph that was kept, which of the candidates it is, and the scores of all."""

    text: str
    chosen: int
    scores: tuple[Score, ...]


def task_for(premise: Premise, outline: Outline, position: ArcPosition, **rest: object) -> Task:
    """Put a task together; who is on stage comes from the beat."""
    beat = outline.beats[position.beat]
    by_id = {entity.id: entity for entity in premise.entities}
    on_stage = tuple(by_id[key] for key in beat.on_stage if key in by_id)
    return Task.model_validate(
        {"premise": premise, "outline_beats": len(outline.beats), "beat": beat, "position": position,
         "on_stage": on_stage, **rest}
    )  # fmt: skip


def prompt_for(engine: Engine, task: Task, naming: Naming) -> Prompt:
    """Render the prompt in the engine's style. What never changes in a story stands first."""
    premise, beat, position = task.premise, task.beat, task.position
    shared = {
        "purpose": beat.purpose, "number": position.beat + 1, "total": task.outline_beats,
        "part": min(position.paragraph_in_beat + 1, beat.paragraphs), "parts": beat.paragraphs,
    }  # fmt: skip
    if engine.style == "slots":
        system, text = render(
            "generator/paragraph", "slots", genre=known_genre(premise.genre),
            tone=fitted(premise.tone, engine.count_tokens, TONE_TOKENS),
            pov=premise.point_of_view, tense=premise.tense, theme=premise.theme,
            cast=cast_lines(premise),
            summary=shorten(naming.slotted(task.summary), engine.count_tokens, _SUMMARY, keep_end=True),
            last=shorten(naming.slotted(task.last), engine.count_tokens, _LAST, keep_end=True),
            beat=fitted(naming.slotted(f"{task.instruction} {beat.happens}".strip()), engine.count_tokens, _BEAT),
            stage=[e.slot for e in task.on_stage], **shared,
        )  # fmt: skip
    else:
        system, text = render(
            "generator/paragraph", "plain", premise=premise, beat=beat, on_stage=task.on_stage, summary=task.summary,
            last=task.last, facts=task.facts, objections=task.objections, tension=position.tension,
            note=task.note, instruction=task.instruction, first_person=premise.point_of_view is PointOfView.FIRST, **shared,
        )  # fmt: skip
    return Prompt(system=system, text=text)


def write(
    engine: Engine, task: Task, settings: GeneratorSettings, seed: int, check: Check, on_text: OnText | None = None
) -> Written:
    """Draw ``n`` candidates and keep the best. ``on_text`` gets the growing text of the first one, names filled in.

    Where the best was cut off and too little of it would be left, it is gone on with to the end of its sentence.

    Raises ``EngineError`` when the model cannot run or answers with nothing.
    """
    naming = Naming(task.premise.entities)
    n, sampling = settings.resolved(engine.style, engine.name)
    request = Request(
        prompt=prompt_for(engine, task, naming), sampling=sampling, n=n, seed=seed,
        ban=naming.banned(task.on_stage) if engine.style == "slots" else (),
    )  # fmt: skip
    for again in range(_ASKED):
        request = request.model_copy(update={"seed": seed + again})
        completions = engine.complete(request, _filling(naming, on_text) if on_text else None)
        if any(naming.fill(completion.text) for completion in completions):
            break
    else:
        raise EngineError(
            f"The model {engine.model} answered {_ASKED} times with nothing; write with another model or seed."
        )
    written = choose(completions, task, settings.weights, check, naming, small=engine.style == "slots")
    kept = completions[written.chosen]
    if engine.style == "slots" or kept.finish == "stop" or not too_short(kept.text):
        return written
    # The small model writes on in slots, and has enough candidates that some end by themselves.
    ended = choose((kept, completed(engine, request, kept)), task, settings.weights, check, naming)
    scores = list(written.scores)
    scores[written.chosen] = ended.scores[ended.chosen]
    return Written(text=ended.text, chosen=written.chosen, scores=tuple(scores))


def choose(
    completions: Sequence[Completion],
    task: Task,
    weights: Weights,
    check: Check,
    naming: Naming,
    *,
    small: bool = False,
) -> Written:
    """Score every candidate and keep the best; a cut one loses its unfinished sentence before it is judged."""
    if small:
        weights = weights.model_copy(update={"likelihood": _TRUST * weights.likelihood})
    wanted = _wanted(task, naming)
    before = f"{task.summary} {task.recent or task.last}"
    pronouns, given = {entity.pronouns for entity in task.premise.cast}, _given(task)
    texts, scores = [], []
    for completion in completions:
        cut = completion.finish == "length"
        text = text_of(completion, naming)
        mean = completion.logprob / max(completion.tokens, 1) if completion.logprob is not None else None
        strange = len(strange_words(text, given)) if small else 0
        strays = (
            stray_pronouns(text, pronouns, task.last) + len(strangers(text, given)) + misused(completion.text)
            if small
            else 0
        )
        scores.append(
            judge(text, mean_logprob=mean, wanted=wanted, beat=task.beat.happens, before=before, cut=cut,
                  first_person=task.premise.point_of_view is PointOfView.FIRST, strange=strange, faults=strays,
                  weights=weights)
        )  # fmt: skip
        texts.append(text)
    # Findings only lower a score, so the best is known as soon as the one in front has been examined.
    while (
        scores[chosen := max(range(len(texts)), key=lambda i: (bool(texts[i]), scores[i].total, -i))].findings is None
    ):
        scores[chosen] = examined(scores[chosen], check(texts[chosen]), weights)
    return Written(text=texts[chosen], chosen=chosen, scores=tuple(scores))


def text_of(completion: Completion, naming: Naming) -> str:
    """A completion as a paragraph: names filled in, on one line, and without the sentence that it was cut in."""
    text = naming.fill(" ".join(completion.text.split()))
    return whole_sentences(text) if completion.finish == "length" else text


def _given(task: Task) -> list[str]:
    """Texts whose words need not be known: what the state's entities are called."""
    premise = task.premise
    return [text for e in premise.entities for text in (e.name, e.role, *e.aliases)] + [premise.logline]


def _wanted(task: Task, naming: Naming) -> list[str]:
    """Names that the paragraph should say: who the beat names; in its later paragraphs the people are enough."""
    named = naming.named(naming.slotted(task.beat.happens)) or task.on_stage
    if task.position.paragraph_in_beat:
        named = tuple(e for e in named if e.kind is EntityKind.CHARACTER)
    first_person = task.premise.point_of_view is PointOfView.FIRST
    return [e.name for e in named if not (first_person and e.id == task.premise.cast[0].id)]


def _filling(naming: Naming, on_text: OnText) -> OnText:
    """Fill slots in a stream: pieces are held back while they could still be part of a slot or the article before one."""
    held = ""
    shown = 0

    def feed(piece: str) -> None:
        nonlocal held, shown
        held += piece
        filled = naming.fill(_OPEN.sub("", held))
        if len(filled) > shown:
            on_text(filled[shown:])
            shown = len(filled)

    return feed
