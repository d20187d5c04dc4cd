"""How a story in work is shown: a live view in a terminal, plain text elsewhere. Both only listen; neither holds story logic.

In the live view what is finished (premise, outline, paragraphs) is printed once and scrolls like any text; the lines at
the bottom are alive: the paragraph that is being written, where the arc stands, and the numbers.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from planner import events
from planner.harmless import harmless
from planner.state import Beat, Premise

MEASURE = 76
_BARS = "▁▂▃▄▅▆▇█"


class Display(Protocol):
    """Something that listens and may need to be begun and ended."""

    def __enter__(self) -> Display: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def listen(self, event: events.Event) -> None: ...


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def listen(self, event: events.Event) -> None:
        """Nothing to show."""


class PlainDisplay(Quiet):
    """For pipes: the story on ``out`` as it is committed, progress on ``err``."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out, self._err = out, err
        self._total = 0
        self._words = 0

    def _say(self, text: str) -> None:
        if self._err:
            print(text, file=self._err, flush=True)

    def listen(self, event: events.Event) -> None:
        event = harmless(event)
        match event:
            case events.PremiseReady(premise):
                self._say(f"{premise.title} ({genre_line(premise)})")
                if self._out:
                    print(f"# {premise.title}\n", file=self._out, flush=True)
            case events.BeatPlanned(beat, number, total):
                self._total += beat.paragraphs
                self._say(f"  outline {number}/{total} {beat.label}: {beat.happens}")
            case events.Committed():
                self._words += len(event.text.split())
                rate = f", {event.tokens / event.seconds:.0f} tokens/s" if event.seconds else ""
                findings = f", {len(event.findings)} findings" if event.findings else ""
                self._say(f"  paragraph {event.position.paragraph + 1}: {self._words} words{rate}{findings}")
                if self._out:
                    print(event.text + "\n", file=self._out, flush=True)
            case _:
                pass


def genre_line(premise: Premise) -> str:
    """Genre and tone; a detected genre says so."""
    return f"{premise.genre}{' (detected)' if premise.genre_detected else ''}, {premise.tone}"


def sparkline(tensions: list[float], at: int) -> Text:
    """The tension of every beat as a bar; what is done is bright, where we are is marked."""
    text = Text()
    for index, tension in enumerate(tensions):
        bar = _BARS[min(int(tension * len(_BARS)), len(_BARS) - 1)]
        text.append(bar, style="bold cyan" if index == at else "cyan" if index < at else "dim")
    return text


def premise_panel(premise: Premise) -> RenderableType:
    lines = [Text(premise.logline, style="italic"), Text()]
    for character in premise.cast:
        line = Text(character.name, style="bold")
        line.append(f", {character.role}" if character.role else "", style="not bold")
        line.append(f"; {', '.join(character.traits)}" if character.traits else "", style="not bold dim")
        line.append(f"; wants {character.goal}" if character.goal else "", style="not bold dim")
        lines.append(line)
    rest = [entity.name for entity in (*premise.setting, *premise.things)]
    lines.append(Text("; ".join(rest), style="dim"))
    return Panel(
        Group(*lines),
        title=Text(premise.title, style="bold"),
        subtitle=Text(genre_line(premise)),
        width=MEASURE + 4,
        padding=(1, 2),
    )


def outline_table(beats: list[Beat]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True, max_width=24)
    table.add_column(max_width=MEASURE - 26)
    for beat in beats:
        table.add_row(_BARS[min(int(beat.tension * 8), 7)], Text(beat.label), Text(beat.happens))
    return table


class LiveDisplay:
    """For a terminal. ``listen`` may be called from the writing thread; rich redraws at most ten times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=10, transient=True)
        self._beats: list[Beat] = []
        self._tensions: list[float] = []
        self._stream = ""
        self._doing = "reading the premise"
        self._at = 0
        self._words = self._paragraphs = self._findings = self._tokens = 0
        self._seconds = 0.0
        self._begun = time.monotonic()

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        self._live.update(self._bottom())
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def resume(self, premise: Premise, beats: tuple[Beat, ...], paragraphs: list[str]) -> None:
        """Show what a continued story already has."""
        self._console.print(premise_panel(premise))
        self._beats = list(beats)
        self._tensions = [beat.tension for beat in beats]
        for text in paragraphs:
            self._print_paragraph(text)

    def listen(self, event: events.Event) -> None:
        event = harmless(event)
        match event:
            case events.PremiseReady(premise):
                self._doing = "planning the outline"
                self._console.print(premise_panel(premise))
            case events.BeatPlanned(beat, number, total):
                self._beats.append(beat)
                self._tensions.append(beat.tension)
                if number == total:
                    self._console.print(Padding(outline_table(self._beats), (1, 0, 1, 2)))
            case events.Writing(position, beat, attempt):
                self._at, self._stream = position.beat, ""
                self._doing = beat.label + (f" (revision {attempt})" if attempt else "")
            case events.TextPiece(text):
                self._stream += text
            case events.Committed():
                self._stream = ""
                self._findings += len(event.findings)
                self._tokens += event.tokens
                self._seconds += event.seconds
                self._print_paragraph(event.text)
            case events.Finished():
                self._at = len(self._tensions)
                self._doing = "the end"
            case _:
                pass
        self._live.update(self._bottom())

    def _print_paragraph(self, text: str) -> None:
        self._words += len(text.split())
        self._paragraphs += 1
        self._console.print(self._page(text))

    def _page(self, text: str, style: str = "") -> RenderableType:
        """A paragraph as it is set, in work or finished, so that its lines do not jump when it is committed."""
        return Constrain(Padding(Text(text, style=style), (0, 0, 1, 2)), min(MEASURE, self._console.width))

    def _bottom(self) -> RenderableType:
        planned = bool(self._beats) and self._live.is_started and not self._words and not self._stream
        rows: list[RenderableType] = []
        if planned:
            rows.append(Padding(outline_table(self._beats), (0, 0, 1, 2)))
        if self._stream:
            rows.append(self._page(self._stream, "dim"))
        status = Table.grid(padding=(0, 2))
        numbers = f"{self._paragraphs} paragraphs, {self._words} words"
        if self._seconds:
            numbers += f", {self._tokens / self._seconds:.0f} tokens/s"
        numbers += f", {self._findings} findings, {time.monotonic() - self._begun:.0f} s"
        spinner = Spinner("dots", style="cyan")
        status.add_row(spinner, sparkline(self._tensions, self._at), Text(self._doing), Text(numbers, style="dim"))
        rows.append(status)
        return Group(*rows)
