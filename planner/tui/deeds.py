"""What the keys of the writing room do: each one calls the session on the teller's thread and shows what came of it.

Invariant: a ``FabulaError`` becomes one calm line and leaves everything as it was; a stopped paragraph is kept or dropped
only as the person says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from textual import work
from textual.screen import Screen

from agents.text import sentences, whole_sentences
from planner.rows import ParagraphRow
from planner.session import Session
from planner.tui.dialogs import Ask, Choice
from planner.tui.page import Page
from planner.tui.reroll import Alternatives
from planner.tui.typeset import Block, told
from planner.tui.view import WINDOW, View
from planner.tui.writing import Writing, in_editor
from prompts.errors import FabulaError, WritingStopped

if TYPE_CHECKING:
    from planner.tui.app import FabulaApp
    from planner.tui.teller import Teller

T = TypeVar("T")


class Teaching(Screen[None]):
    """A screen that has the teller do things. ``busy`` counts what it was asked and has not done yet."""

    app: FabulaApp
    view: View | None = None
    busy = 0
    streams = False
    auto = False
    _doing = ""

    @property
    def teller(self) -> Teller:
        return self.app.teller

    @property
    def gone(self) -> bool:
        """Whether the app was left meanwhile: everything is kept, and there is nothing to show it on."""
        return not self.query("#status")

    def say(self, said: str, bad: bool = False) -> None:
        raise NotImplementedError

    def show(self, view: View) -> None:
        raise NotImplementedError

    def working(self, on: bool) -> None:
        raise NotImplementedError

    async def tell(
        self, doing: str, deed: Callable[[Session], T], said: str | Callable[[T], str] = "", *, streams: bool = False
    ) -> T | None:
        """Do something with the story and show how it stands then. None after an error, which has been told."""
        if self.streams:
            self.say("Still writing; Esc stops it between two words.")
            return None
        self.busy, self.streams, self._doing = self.busy + 1, streams, doing
        self.teller.stop.clear()
        self.teller.feed.clear(doing)
        self.working(True)
        result, view, failed, stopped = None, None, "", False
        try:
            try:
                result = await self.teller.do(deed)
            except WritingStopped:
                stopped = True
            except FabulaError as error:
                failed = str(error)
            partial = self.teller.feed.clear()
            try:
                view = await self.teller.look()
            except FabulaError as error:
                failed = failed or str(error)
        finally:
            self.busy -= 1
            self.streams = self.auto = False
            self.working(bool(self.busy))
        if self.gone:
            return result
        if view:
            self.show(view)
        if failed:
            self.say(failed, bad=True)
        elif stopped:
            await self._stopped(partial)
        else:
            self.say(said(result) if callable(said) and result is not None else said if isinstance(said, str) else "")
        return result

    async def _stopped(self, partial: str) -> None:
        whole = whole_sentences(partial.strip())
        if not whole or whole[-1] not in ".!?”\"'’":
            self.say("Stopped before a sentence was whole. Enter begins it anew.")
            return
        self.say("Stopped.")
        answers = [("k", "Keep its whole sentences"), ("d", "Drop it")]
        if await self.app.push_screen_wait(Choice("Stopped in the midst of a paragraph.", answers)) == "k":
            await self.tell("Keeping it", lambda session: session.keep(partial), "Kept. Enter writes on.")
        else:
            await self.tell(
                "Dropping it", lambda s: s.discard() if s.stopped() else None, "Dropped. Enter writes another."
            )


class Deeds(Teaching):
    """The actions of the writing room."""

    @property
    def page(self) -> Page:
        return self.query_one(Page)

    def _later(self, deed: Coroutine[Any, Any, Any]) -> None:
        self.run_worker(deed, group="deeds")

    async def _ask(self, label: str, value: str = "", hint: str = "") -> str | None:
        answer = await self.app.push_screen_wait(Ask(label, value, hint))
        return None if answer is None else answer.strip()

    def action_accept(self) -> None:
        """Take the proposed paragraph and write the next one."""

        def go_on(session: Session) -> bool:
            if session.proposal():
                session.accept()
            return session.propose() is not None

        self._later(self.tell("Writing", go_on, lambda more: "" if more else "The story is at its end.", streams=True))

    @work(group="deeds")
    async def action_reroll(self) -> None:
        """Write the paragraph anew, then show all that were written to choose from."""
        if await self.tell("Writing another", lambda session: session.reroll(), streams=True):
            await self.choose()

    async def choose(self) -> None:
        """Show the alternatives side by side until one is taken or the screen is left."""
        texts = await self.tell("Looking", lambda session: session.alternatives())
        now = self.view.proposal.text if self.view and self.view.proposal else ""
        if not texts:
            return
        answer = await self.app.push_screen_wait(Alternatives(texts, now))
        if answer is None:
            return
        what, text = answer
        if what == "take":
            await self.tell("Keeping it", lambda session: session.accept(text), "Kept. Enter writes the next one.")
        elif what == "edit":
            edited = await self.app.push_screen_wait(Writing("Edit this one", text))
            if edited is not None:
                await self.tell("Keeping it", lambda session: session.accept(edited), "Kept as you wrote it.")
        else:
            wish = await self._ask("wish", hint="they quarrel; keep it short") if what == "wish" else ""
            if wish is None:
                return
            draft = await self.tell("Writing another", lambda session: session.reroll(wish), streams=True)
            if draft:
                await self.choose()

    def _in_hand(self) -> tuple[str, int | None]:
        """The text that an edit is about, and its number; None for the paragraph that is proposed."""
        view, chosen = self.view, self.page.chosen
        rows = self.page.rows
        if chosen is not None:
            return next(row.text for row in rows if row.index == chosen), chosen
        if view and view.proposal:
            return view.proposal.text, None
        return (rows[-1].text, rows[-1].index) if rows else ("", None)

    @work(group="deeds")
    async def action_edit(self) -> None:
        """Edit the marked paragraph, the proposed one, or the last one, in place."""
        text, index = self._in_hand()
        if not text:
            self.say("There is nothing to edit yet.")
            return
        name = "Edit the new paragraph" if index is None else f"Edit paragraph {index + 1}"
        below = self.view.below if self.view else ""
        edited = await self.app.push_screen_wait(Writing(name, text, below))
        if edited is not None:
            await self._edited(edited, index)

    @work(group="deeds")
    async def action_external(self) -> None:
        """The same in the person's own editor."""
        text, index = self._in_hand()
        if not text:
            self.say("There is nothing to edit yet.")
            return
        try:
            edited = in_editor(self.app, text)
        except FabulaError as error:
            self.say(str(error), bad=True)
            return
        if edited.strip() == text.strip():
            self.say("Nothing was changed.")
            return
        await self._edited(edited, index)

    async def _edited(self, text: str, index: int | None) -> None:
        if index is None:
            await self.tell("Reading your text", lambda session: session.accept(text), "Kept as you wrote it.")
        else:
            await self.tell("Reading your text", lambda session: session.edit(text, index), "Changed; u takes it back.")

    @work(group="deeds")
    async def action_own(self) -> None:
        """Write the next paragraph oneself."""
        if not (self.view and self.view.outline):
            self.say("The story has no outline yet; let it begin first.", bad=True)
            return
        text = await self.app.push_screen_wait(Writing("The next paragraph, by you"))
        if text is not None:
            await self.tell("Reading your text", lambda session: session.add(text), "Yours is in. Enter writes on.")

    @work(group="deeds")
    async def action_instruct(self) -> None:
        """Wish something of the paragraph in work, or of the next one."""
        wish = await self._ask("wish for this paragraph", hint="they quarrel; keep it short")
        if not wish:
            return

        def write(session: Session) -> object:
            if session.proposal():
                return session.reroll(wish)
            session.instruct(wish)
            return session.propose()

        await self.tell("Writing it so", write, streams=True)

    def action_discard(self) -> None:
        """Drop the proposed paragraph."""
        self._later(self.tell("Dropping it", lambda session: session.discard(), "Dropped. Enter writes another."))

    def action_undo(self) -> None:
        def told(steps: int) -> str:
            return "Taken back; Ctrl+R brings it again." if steps else "There is nothing to take back."

        self._later(self.tell("Taking back", Session.undo, told))

    def action_redo(self) -> None:
        def told(steps: int) -> str:
            return "There again." if steps else "There is nothing to bring again."

        self._later(self.tell("Bringing again", Session.redo, told))

    def action_escape(self) -> None:
        """Stop the writing between two words; else let go of the marked paragraph."""
        if self.streams:
            self.teller.stop.set()
            self._doing = "Stopping"
        elif self.page.chosen is not None:
            self.page.chosen = None
            self.page.refresh()

    @work(group="deeds")
    async def action_summary(self) -> None:
        """Edit the summary, a sentence a line."""
        if self.view is None:
            return
        text = "\n".join(self.view.summary)
        edited = await self.app.push_screen_wait(Writing("The story so far", text, "what the models are told"))
        if edited is not None:
            told = [one for line in edited.splitlines() for one in sentences(line)]
            await self.tell("Keeping it", lambda session: session.set_summary(told), "The summary is yours now.")

    async def earlier(self) -> None:
        """Read the paragraphs before those that the page has, beside whatever the teller is doing."""
        rows, measure, library = self.page.rows, self.page.measure, self.app.studio.library

        def read(head: str) -> tuple[list[ParagraphRow], list[Block]]:
            above = library.path(head, WINDOW)
            return above, [told(row, measure) for row in above]

        if rows and rows[0].parent:
            try:
                self.page.before(*await asyncio.to_thread(read, rows[0].parent), measure)
            except FabulaError as error:
                self.say(str(error), bad=True)
