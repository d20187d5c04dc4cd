"""Ask the models all that an evaluation lacks: texts, likelihoods, rankings, the judge's choices.

Invariant: a model is opened only where something of it is missing, so an evaluation that is whole needs no model at all; and
it is closed before the next one is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Protocol, TypeVar

from finetune.judge import likelihood, winning
from finetune.judge.cases import Case
from finetune.judge.kept import Kept
from finetune.judge.setting import PEOPLE, Evaluation, forget
from finetune.judge.speaker import Speaker, open_named, open_speaker
from prompts.errors import FabulaError

T = TypeVar("T")
SAMPLES, LIKELIHOOD, RANKING, WINS = "samples.jsonl", "likelihood.jsonl", "ranking.jsonl", "wins.jsonl"


class Tracker(Protocol):
    """Shows how far a list of work is: ``tracker(items, words)`` gives the items back one by one."""

    def __call__(self, items: list[T], words: str) -> Iterable[T]: ...


def quietly(items: list[T], words: str) -> Iterable[T]:  # noqa: ARG001 - as the protocol has it
    """Show nothing."""
    return items


def ask_all(evaluation: Evaluation, track: Tracker = quietly, opened: Callable[[str], Speaker] = open_speaker) -> None:
    """Fill what is missing. Raises ``InputError`` or ``EngineError``; what was made until then is kept."""
    for name, spec in evaluation.models.items():
        _ask(evaluation, name, spec, track, opened)
    if evaluation.settings.judge:
        _judge(evaluation, track)


def _ask(evaluation: Evaluation, name: str, spec: str, track: Tracker, opened: Callable[[str], Speaker]) -> None:
    settings, cases = evaluation.settings, evaluation.cases
    kept = {file: Kept(evaluation.path(name, file)) for file in (SAMPLES, LIKELIHOOD, RANKING)}
    wanted = {SAMPLES: cases, LIKELIHOOD: cases, RANKING: cases[: settings.ranked]}
    if not scores(evaluation, name):
        wanted = {SAMPLES: cases}
    lacking = {file: [case for case in all_ if case.id not in kept[file].rows] for file, all_ in wanted.items()}
    if not any(lacking.values()):
        return
    try:
        opening = opened(spec)
    except FabulaError:
        forget(evaluation, name)
        raise
    with closing(opening) as speaker:
        if not speaker.scores:
            _note(evaluation, name, spec)
            lacking = {SAMPLES: lacking[SAMPLES]}
        for case in track(lacking[SAMPLES], f"{name} writes"):
            texts = speaker.write(case, settings.samples, settings.sampling, settings.seed)
            kept[SAMPLES].add(case.id, prompt=case.prompt, system=case.system, texts=texts)
        for case in track(lacking.get(LIKELIHOOD, []), f"{name} reads"):
            kept[LIKELIHOOD].add(case.id, **likelihood.score(speaker, case))
        for case in track(lacking.get(RANKING, []), f"{name} ranks prompts"):
            kept[RANKING].add(case.id, **likelihood.rank(speaker, case, cases, settings.rivals, settings.seed))


def scores(evaluation: Evaluation, name: str) -> bool:
    """Whether a model can say how likely a text is, as far as is known."""
    path = evaluation.path(name, "model.json")
    return not path.is_file() or bool(json.loads(path.read_text(encoding="utf-8"))["scores"])


def _note(evaluation: Evaluation, name: str, spec: str) -> None:
    path = evaluation.path(name, "model.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"model": spec, "scores": False}) + "\n", encoding="utf-8")


def texts_of(evaluation: Evaluation, name: str) -> dict[str, list[str]]:
    """The texts of a model, or of people, by case."""
    if name == PEOPLE:
        return {case.id: list(case.references) for case in evaluation.cases}
    return {case: row["texts"] for case, row in Kept(evaluation.path(name, SAMPLES)).rows.items()}


def _judge(evaluation: Evaluation, track: Tracker) -> None:
    settings = evaluation.settings
    theirs = texts_of(evaluation, settings.against)
    work: list[tuple[Kept, str, list[str], Case]] = []
    for name in evaluation.models:
        if name != settings.against:
            kept, mine = Kept(evaluation.path(name, WINS)), texts_of(evaluation, name)
            work += [(kept, name, mine[case.id], case) for case in evaluation.cases if case.id not in kept.rows]
    if not work:
        return
    with closing(open_named(settings.judge)) as judge:
        for kept, _, texts, case in track(work, "the judge compares"):
            kept.add(case.id, **winning.ask(judge, case, texts[0], theirs[case.id][0], settings.seed))


def rows(evaluation: Evaluation, name: str, file: str) -> dict[str, dict[str, Any]]:
    """What is kept of a model in ``file``, by case."""
    return Kept(evaluation.path(name, file)).rows
