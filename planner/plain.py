"""The plain session: line by line, for screen readers, dumb terminals and pipes. The same commands as the app's.

Invariant: what is printed is text and line ends, nothing else; a line is obeyed whole or says in one sentence why not; and
leaving at any instant, even by a killed process, loses nothing that was taken into the story.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from io import TextIOWrapper

import platformdirs

from planner import events
from planner.display import genre_line
from planner.session import Session
from planner.slash import complete, run
from planner.store import Library
from prompts.errors import FabulaError, InputError, WritingStopped
from prompts.safe import pictured

TOUR = (
    "Press Enter to take the paragraph that is proposed and have the next one written.",
    "Type words to say how it should be instead: they quarrel; keep it short.",
    "Commands begin with a slash: /undo, /edit, /pin, /outline. /help shows them all, Tab completes them.",
    "Ctrl-C stops the writing between two words and asks whether to keep what is there.",
    "Ctrl-D leaves. Everything is kept at once, and the story opens again where it was.",
)
LEAVE = ("/quit", "/exit", "/q")
_SHOWN = 9
"""Stories that are offered to be opened."""


class Plain:
    """A person at a terminal, or a script at a pipe. ``listen`` takes the session's events."""

    def __init__(self) -> None:
        self.terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self.failed = False
        self._stop = self._writing = False
        self._stream = ""
        self._heard: set[str] = set()
        self._last = ""
        """The paragraph that was printed last; taking it into the story is no reason to print it again."""
        for stream in (sys.stdin, sys.stdout):
            if isinstance(stream, TextIOWrapper):  # no letter of a story may end the session
                stream.reconfigure(errors="replace")
        if self.terminal and os.environ.get("TERM", "dumb") != "dumb":
            _set_up_readline()

    def say(self, text: str) -> None:
        print(pictured(text), flush=True)

    def ask(self, prompt: str) -> str | None:
        """A line of what was typed; None when there is no more. A prompt is for terminals."""
        if self.terminal:
            with contextlib.suppress(EOFError, OSError):  # OSError: the terminal is gone
                return input(prompt)
            print(flush=True)
            return None
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def listen(self, event: events.Event) -> None:
        """Say what happens while a story is planned and written; a terminal gets the text as it grows."""
        match event:
            case events.PremiseReady(premise):
                self.say(f"{premise.title}. {genre_line(premise)}.")
                self.say("With " + ", ".join(entity.name for entity in premise.entities) + ".")
            case events.BeatPlanned(beat, number, total):
                self.say(f"Outline {number} of {total}, {beat.label}: {beat.happens}")
            case events.Writing():
                self._stream, self._writing = "", True
            case events.TextPiece(text):
                self._stream += text
                if self.terminal:
                    print(pictured(text), end="", flush=True)
            case events.Checked(findings, kept):
                self._writing = False
                if self.terminal and self._stream:
                    print(flush=True)
                    self._last = _folded(self._stream)
                    self._heard.add(self._last)
                if not kept:
                    self.say(f"Written again: {findings[0].message}" if findings else "Written again.")
            case events.Committed():
                self.tell(event.text)
            case _:
                pass

    def tell(self, text: str) -> None:
        """Print a paragraph of the story, unless it was just heard."""
        if _folded(text) in self._heard:
            return
        if self.terminal and self._stream and _folded(self._stream) in self._heard:
            self.say("Another draft was better:")
        self.say(text)
        self._last = _folded(text)
        self._heard.add(self._last)

    def choose(self, library: Library) -> str:
        """Which story to open: an id, a premise, or nothing where nobody says."""
        stories = library.stories()[:_SHOWN]
        for number, info in enumerate(stories, 1):
            self.say(f"{number}. {info.title or 'untitled'}, {info.paragraphs} paragraphs, {info.words} words")
        said = self.ask("A number opens a story, a premise begins one: " if stories else "What is the story about? ")
        said = (said or "").strip()
        if said.isascii() and said.isdigit():
            if not 1 <= int(said) <= len(stories):
                raise InputError(f"There is no story {said}; there are {len(stories)}.")
            return stories[int(said) - 1].id
        return said

    def talk(self, session: Session, new: bool) -> None:
        """Obey line after line until there are no more. A ``new`` story begins at once."""
        session.context.stop = lambda: self._stop
        self._greet(session)
        try:
            if new:
                self.obey(session, "")
            while (line := self._line()) is not None and line.strip().lower() not in LEAVE:
                self.obey(session, line)
        finally:
            session.context.stop = lambda: False
        self.say(f"Everything is kept. Go on with: fabula session {session.story.id} --plain")

    def _line(self) -> str | None:
        while True:
            try:
                return self.ask("> ")
            except KeyboardInterrupt:
                if not self.terminal:
                    raise
                self.say("\nCtrl-D leaves.")

    def obey(self, session: Session, line: str) -> None:
        """Do what a line says and tell what came of it."""
        self._stop, self._writing, self._stream = False, False, ""
        words = line.split(None, 1)
        # A person's own words need not be read back to them.
        self._heard = {self._last, _folded(words[1]) if len(words) == 2 else ""}
        reply = None
        try:
            with self._interruptible():
                reply = run(session, line)
        except (WritingStopped, KeyboardInterrupt):
            if not self.terminal:
                raise
        except FabulaError as error:
            self.failed = True
            self.say(str(error))
            return
        if reply is None:  # outside of the handler, where the error would still hold what it interrupted
            self._stopped(session)
            return
        for text in reply.paragraphs:
            self.tell(text)
        for said in reply.lines:
            self.say(said)

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C lets a paragraph end between two words; where none is being written, or the second time, at once."""

        def interrupt(*_: object) -> None:
            if self._stop or not self._writing:
                raise KeyboardInterrupt
            self._stop = True

        if not self.terminal:
            yield
            return
        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _stopped(self, session: Session) -> None:
        self._stop, partial = False, self._stream
        if not self._writing or not partial.strip():
            self.say("\nStopped. An empty line goes on.")
            return
        print(flush=True)
        try:
            answer = self.ask("Stopped. k keeps its whole sentences, d drops it, Enter has it written to its end: ")
        except KeyboardInterrupt:
            answer = None
        match answer.strip().lower()[:1] if answer is not None else None:
            case "k":
                try:
                    row = session.keep(partial)
                    self.say(f"Paragraph {row.index + 1} is in the story.")
                except FabulaError as error:
                    self.say(str(error))
            case "d":
                self.obey(session, "/drop")
            case "":
                self.obey(session, "")
            case _:
                self.say("\nIt waits. An empty line has it written to its end, /drop drops it.")

    def _greet(self, session: Session) -> None:
        """The tour where it was never seen, then where the story is."""
        if self.terminal and _first_time():
            for said in TOUR:
                self.say(said)
        state, library = session.state, session.library
        if not state.get("premise") or not state.get("outline"):
            self.say(f"Story {session.story.id}: {session.story.logline}")
            return
        head, branch = state.get("head"), session.context.branch
        rows = library.path(head, last=1)
        count = rows[-1].index + 1 if rows else 0
        title = library.standing(session.story.id).title or session.premise.title
        where = f", branch {branch}" if branch != "main" else ""
        self.say(f"{title}{where}: {count} of {session.outline.paragraphs} paragraphs.")
        for row in rows:
            self.say(row.text)
        if draft := session.proposal():
            self.say(f"Paragraph {count + 1} is proposed:")
            self.tell(draft.text)
        elif session.stopped():
            self.say("A paragraph was stopped in the midst; an empty line has it written to its end.")
        elif session.done:
            self.say("The story is at its end.")


def _folded(text: str) -> str:
    return " ".join(text.split())


def _first_time() -> bool:
    """Whether the tour was never shown; it is from now on. Where that cannot be remembered, it is shown again."""
    seen = platformdirs.user_state_path("fabula") / "plain-tour-seen"
    if seen.exists():
        return False
    with contextlib.suppress(OSError):
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()
    return True


def _set_up_readline() -> None:
    """Completion with Tab, and none of the codes that readline sends to a terminal unasked."""
    try:
        import readline
    except ImportError:
        return

    def completer(text: str, number: int) -> str | None:
        found = complete(text)
        return found[number] if number < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims("")
    editline = "libedit" in (readline.__doc__ or "")
    for setting in ("enable-bracketed-paste off", "enable-meta-key off", "bell-style none"):
        if not editline:
            readline.parse_and_bind(f"set {setting}")
    readline.parse_and_bind("bind ^I rl_complete" if editline else "tab: complete")
