"""The panes beside the page, each made from a view: outline and arc, cast and world, summary, findings, numbers.

Invariant: a pane is text without markup; what came from a story passes through ``one_line``.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.widgets import Static

from planner.display import sparkline
from planner.state import Severity
from planner.tui.view import View
from prompts.safe import one_line

_BARS = "▁▂▃▄▅▆▇█"
_BEATS = 14
"""Beats that the outline pane names; the outline's own screen has them all."""
_SIGNS = {Severity.NOTE: "·", Severity.WARNING: "!", Severity.ERROR: "✗"}


def bar(tension: float) -> str:
    """A tension from 0 to 1 as a bar of one cell."""
    return _BARS[min(int(tension * len(_BARS)), len(_BARS) - 1)]


def outline(view: View, _: View | None) -> Text:
    """The beats, how far the story has come, and the curve of tension."""
    if not view.outline:
        return Text("The outline comes with the first paragraph.", style="dim")
    beats, at = view.outline.beats, view.position.beat
    text = sparkline([beat.tension for beat in beats], at)
    text.append(f"\n{view.outline.arc}, {view.written} of {view.outline.paragraphs}\n", style="dim")
    first = max(min(at - 3, len(beats) - _BEATS), 0)
    for number, beat in enumerate(beats[first : first + _BEATS], first):
        here = number == at and not view.done
        style = "bold" if here else "dim" if number < at or view.done else ""
        text.append("\n▸ " if here else "\n✓ " if number < at or view.done else "\n  ", style=style)
        text.append(one_line(beat.label), style=style)
        if here:
            text.append(f"\n  {one_line(beat.happens)}", style="italic")
    if len(beats) > first + _BEATS:
        text.append(f"\n  and {len(beats) - first - _BEATS} more", style="dim")
    return text


def world(view: View, before: View | None) -> Text:
    """Who is in the story, and what holds now; what the last paragraph changed is lit up."""
    if not view.premise:
        return Text("Nobody is here yet.", style="dim")
    on_stage = view.outline.beats[view.position.beat].on_stage if view.outline else ()
    text = Text()
    for entity in view.premise.cast:
        text.append("● " if entity.id in on_stage else "○ ", style="" if entity.id in on_stage else "dim")
        text.append(one_line(entity.name), style="bold")
        card = ", ".join(filter(None, (entity.role, *entity.traits)))
        text.append(f" {one_line(card)}\n" if card else "\n", style="dim")
        if entity.goal:
            text.append(f"  wants {one_line(entity.goal)}\n", style="dim")
    places = [entity.name for entity in (*view.premise.setting, *view.premise.things)]
    text.append(one_line("; ".join(places)), style="dim")
    pins = {fact.quote for fact in view.pinned}
    old = set(before.world) if before and before.story == view.story else set(view.world)
    for number, sentence in enumerate(view.world):
        text.append("\n" if number else "\n\n")
        text.append("⚑ " if number < len(pins) else "  ")
        text.append(one_line(sentence), style="bold reverse" if sentence not in old else "")
    for quote in sorted(pins - set(view.world)):
        text.append(f"\n⚑ {one_line(quote)}", style="dim")
    return text


def summary(view: View, _: View | None) -> Text:
    """The story so far, as the models are told it, and the author's note."""
    text = Text(one_line(" ".join(view.summary)) or "Nothing to sum up yet.", style="" if view.summary else "dim")
    if view.note:
        text.append("\n\nNote: ", style="bold")
        text.append(one_line(view.note))
    return text


def findings(view: View, _: View | None) -> Text:
    """What the continuity rules say of the paragraph in work, or of the last one."""
    if not view.findings:
        return Text("Nothing to object to.", style="dim")
    text = Text()
    for number, finding in enumerate(view.findings):
        text.append("\n" if number else "")
        text.append(f"{_SIGNS[finding.severity]} ", style="bold")
        text.append(one_line(finding.message))
        for quote in finding.quotes:
            text.append(f"\n  “{one_line(quote)}”", style="italic dim")
    return text


def numbers(view: View, _: View | None) -> Text:
    """Words, speed, what the prompt cache saved, model, branch."""
    told = view.proposal
    rate = f"{told.tokens / told.seconds:,.0f}" if told and told.seconds else "–"
    rows = (
        ("words", f"{view.words:,}"),
        ("paragraphs", f"{view.written:,}" + (f" of {view.outline.paragraphs:,}" if view.outline else "")),
        ("tokens/s", rate),
        ("cached", "–" if view.cached is None else f"{100 * view.cached:.0f} % of the prompts"),
        ("score", f"{told.score:.2f}" if told and told.author == "model" else "–"),
        ("branch", f"{view.branch} ({len(view.branches)})"),
        ("model", view.model),
    )
    text = Text()
    for number, (name, value) in enumerate(rows):
        text.append("\n" if number else "")
        text.append(f"{name:<11}", style="dim")
        text.append(one_line(value))
    return text


PANES: dict[str, tuple[str, Callable[[View, View | None], Text]]] = {
    "outline": ("1 outline", outline),
    "world": ("2 cast and world", world),
    "summary": ("3 summary", summary),
    "findings": ("4 findings", findings),
    "numbers": ("5 numbers", numbers),
}
"""Name → title and how it is made, in the order of their keys."""


class Pane(Static):
    """A titled box with one text."""

    def __init__(self, kind: str) -> None:
        super().__init__(classes=f"pane {kind}", markup=False)
        self.kind = kind
        self.border_title = PANES[kind][0]

    def show(self, view: View, before: View | None) -> None:
        self.update(PANES[self.kind][1](view, before))
