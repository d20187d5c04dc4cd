"""The keys of the writing room that change the plan or move about: notes, pins, branches, the outline, finding a place.

Invariant: as in ``deeds``: each one is a call of the session, and what fails is one calm line.
"""

from __future__ import annotations

import asyncio
import re

from rich.text import Text
from textual import work

from planner import slash
from planner.rows import ParagraphRow
from planner.session import Session
from planner.tui.branches import Branches
from planner.tui.card import Card
from planner.tui.compare import Compare
from planner.tui.deeds import Deeds
from planner.tui.dialogs import Pick, Reading
from planner.tui.outline import OutlineEditor
from planner.tui.roles import Roles, Wishes
from prompts.errors import FabulaError
from prompts.safe import one_line, shortened

_MAX_HITS = 200


class PlanDeeds(Deeds):
    """The actions that are not about the paragraph in work."""

    @work(group="deeds")
    async def action_note(self) -> None:
        """A wish for every paragraph from here on."""
        note = await self._ask("note for every paragraph", self.view.note if self.view else "", "short sentences")
        if note is not None:
            said = "Noted for every paragraph from here on." if note else "The note is gone."
            await self.tell("Noting", lambda session: session.set_note(note), said)

    @work(group="deeds")
    async def action_tone(self) -> None:
        premise = self.view.premise if self.view else None
        tone = await self._ask("tone from here on", premise.tone if premise else "", "eerie, warm, dry")
        if tone:
            await self.tell("Changing the tone", lambda session: session.change_premise(tone=tone), f"Tone: {tone}.")

    @work(group="deeds")
    async def action_pin(self) -> None:
        """Keep a fact for good."""
        fact = await self._ask("pin", hint="Mara is left-handed")
        if fact:
            await self.tell("Pinning", lambda session: session.pin(fact), lambda kept: f"Pinned: {kept.quote}")

    @work(group="deeds")
    async def action_unpin(self) -> None:
        pins = self.view.pinned if self.view else ()
        if not pins:
            self.say("Nothing is pinned; p pins a fact.")
            return
        number = await self.app.push_screen_wait(Pick("Take back a pin", [Text(one_line(f.quote)) for f in pins]))
        if number is not None:
            await self.tell("Unpinning", lambda s: s.unpin(number), lambda fact: f"No longer pinned: {fact.quote}")

    @work(group="deeds")
    async def action_branch(self) -> None:
        """Begin a branch here."""
        taken = self.view.branches if self.view else ()
        name = await self._ask("name of the new branch", f"branch {len(taken) + 1}")
        if name:
            await self.tell("Branching", lambda session: session.branch(name), f"You are on {name}; B leads back.")

    @work(group="deeds")
    async def action_branches(self) -> None:
        """The tree of branches."""
        if self.view is None:
            return
        answer = await self.app.push_screen_wait(Branches(self.app.studio.library, self.view.story, self.view.branch))
        if answer is None:
            return
        what, name = answer
        if what == "switch":
            await self.tell("Switching", lambda session: session.switch(name), f"You are on {name}.")
        else:
            await self._compare(name)

    @work(group="deeds")
    async def action_compare(self) -> None:
        """This branch beside another."""
        others = [name for name in (self.view.branches if self.view else ()) if self.view and name != self.view.branch]
        if not others:
            self.say("There is one branch only; b begins another.")
            return
        number = 0
        if len(others) > 1:
            picked = await self.app.push_screen_wait(Pick("Compare with", [Text(one_line(name)) for name in others]))
            if picked is None:
                return
            number = picked
        await self._compare(others[number])

    async def _compare(self, other: str) -> None:
        here = self.view.branch if self.view else "main"
        compared = await self.tell("Comparing", lambda session: session.compare(here, other))
        if compared:
            await self.app.push_screen_wait(Compare(compared, here, other))

    @work(group="deeds")
    async def action_outline(self) -> None:
        """Reorder, change, insert and drop beats."""
        if not (self.view and self.view.outline):
            self.say("The outline comes with the first paragraph.")
            return
        await self.app.push_screen_wait(OutlineEditor(self.view, self.tell, lambda: self.view))

    @work(group="deeds")
    async def action_card(self) -> None:
        """Change what somebody or something of the story is like."""
        premise = self.view.premise if self.view else None
        if premise is None:
            self.say("Nobody is here yet.")
            return
        names = [Text.assemble((one_line(e.name), "bold"), f"  {e.kind}") for e in premise.entities]
        number = await self.app.push_screen_wait(Pick("Whose card?", names))
        if number is None:
            return
        entity = premise.entities[number]
        changes = await self.app.push_screen_wait(Card(entity))
        if changes:
            await self.tell("Keeping it", lambda session: session.change_entity(entity.id, **changes), "Card changed.")

    @work(group="deeds")
    async def action_roles(self) -> None:
        """Change through which model a role speaks, and how it is drawn."""
        views = await self.tell("Asking which models there are", lambda session: session.roles(models=True))
        if not views:
            return

        async def keep(wishes: Wishes) -> str | None:
            """What speaks against the wishes; empty when they are kept, None when nobody could be asked."""

            def change(session: Session) -> str:
                try:
                    session.change_roles(wishes)
                except FabulaError as error:
                    return str(error)
                return ""

            said = "Kept; it holds from the next paragraph on."
            return await self.tell("Changing the roles", change, lambda wrong: wrong or said)

        await self.app.push_screen_wait(Roles(views, keep))

    @work(group="deeds")
    async def action_find(self) -> None:
        """Find words in the story; a line that begins with a slash is a command."""
        line = await self._ask("find, or /command", hint="words of the story")
        if line and line.startswith("/"):
            await self._slash(line)
        elif line:
            hits = await self.tell("Searching", lambda session: session.search(line))
            if hits:
                await self._go_to(hits, line)
            elif hits is not None:
                self.say(f"“{line}” stands nowhere in this branch.")

    @work(group="deeds")
    async def action_slash(self) -> None:
        line = await self._ask("command", "/")
        if line and line != "/":
            await self._slash(line)

    async def _slash(self, line: str) -> None:
        """Hand a slash command to where they all are understood, the same as in the plain session."""

        reply = await self.tell("Doing it", lambda session: slash.run(session, line), streams=True)
        if reply is None:
            return
        if reply.changed != "nothing" or len(reply.lines) < 2:
            self.say(" ".join(reply.lines))
        else:
            await self.app.push_screen_wait(Reading(line, reply.lines))

    async def _go_to(self, hits: list[ParagraphRow], words: str) -> None:
        number: int | None = 0
        if len(hits) > 1:
            shown = [_excerpt(row, words) for row in hits[:_MAX_HITS]]
            number = await self.app.push_screen_wait(Pick(f"{len(hits)} paragraphs", shown))
        if number is None:
            return
        index = hits[number].index
        await self._reach(index)
        self.page.to(index)
        self.say(f"Paragraph {index + 1} is marked: e edits it, Esc lets it go.")

    async def _reach(self, index: int) -> None:
        """Have the page hold paragraph ``index``."""
        rows = self.page.rows
        if rows and rows[0].index > index:
            library, wanted = self.app.studio.library, rows[0].index - max(index - 20, 0)
            try:
                self.page.before(await asyncio.to_thread(library.path, rows[0].parent, wanted))
            except FabulaError as error:
                self.say(str(error), bad=True)

    @work(group="deeds")
    async def action_jump(self) -> None:
        """Go back to a paragraph and go on from there; what came after stays in the library."""
        at = self.page.chosen
        said = await self._ask("go back to paragraph", "" if at is None else str(at + 1), "its number; u undoes it")
        if said and said.isdecimal() and len(said) < 9:
            number = int(said)
            await self.tell(
                "Going back", lambda s: s.jump(number - 1), f"The story stands at paragraph {number} again."
            )
        elif said:
            self.say("Give the number of a paragraph.", bad=True)

    @work(group="reading", exclusive=True)
    async def action_top(self) -> None:
        await self._reach(0)
        self.page.scroll_home(animate=False, force=True, immediate=True)

    def action_bottom(self) -> None:
        self.page.to_end()

    def action_choose(self, step: int) -> None:
        index = self.page.choose(step)
        self.say("" if index is None else f"Paragraph {index + 1} is marked: e edits it, J goes back to it.")

    def action_library(self) -> None:
        """Let the story go and show all stories."""
        if self.streams:
            self.say("Still writing; Esc stops it between two words.")
            return
        self.app.to_library()


def _excerpt(row: ParagraphRow, words: str) -> Text:
    found = re.search(r"\s+".join(map(re.escape, words.split())), row.text, re.IGNORECASE)
    start = max(found.start() - 30, 0) if found else 0
    text = Text(f"{row.index + 1:>5}  ", style="dim")
    text.append(("…" if start else "") + shortened(row.text[start : start + 90], 90), style="not dim")
    text.highlight_words([one_line(words)], style="reverse", case_sensitive=False)
    return text
