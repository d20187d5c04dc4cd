"""The keys of the writing room that take their time: writing on alone, and making a file of the story.

Invariant: as in ``deeds``: each one is a call of the session on the teller's thread, and the screen never waits for it.
"""

from __future__ import annotations

from pathlib import Path

from textual import work

from planner.auto import Until, write_on
from planner.export.branch import export_branch, is_there, meant, suggested
from planner.export.formats import Format
from planner.tui.deeds import Deeds
from planner.tui.dialogs import Choice, Reading
from planner.tui.export_form import ExportForm

_UNTIL: dict[str, Until] = {"e": "end", "b": "beat", "c": "chapter", "f": "end"}


class LongDeeds(Deeds):
    """The actions that go on for a while."""

    @work(group="deeds")
    async def action_auto(self) -> None:
        """Write on alone, until something is reached or any key is pressed."""
        chapter = [("c", "to the end of this chapter")] if self.view and self.view.has_chapters else []
        answers = [
            ("e", "to the end"), ("b", "to the end of this beat"), *chapter, ("n", "a number of paragraphs"),
            ("f", "until a finding, even a note"),
        ]  # fmt: skip
        answer = await self.app.push_screen_wait(Choice("Write on by itself …", answers))
        if answer is None:
            return
        until: Until | int | None = await self._number() if answer == "n" else _UNTIL[answer]
        if until is None or self.streams:
            return
        self.auto = True
        await self.tell(
            "Writing", lambda session: write_on(session, until, notes=answer == "f"), lambda rest: rest.sentence,
            streams=True,
        )  # fmt: skip

    async def _number(self) -> int | None:
        said = await self._ask("how many paragraphs", hint="3")
        if said and said.isdecimal() and len(said) < 9:
            return int(said)
        if said:
            self.say("Give a number of paragraphs.", bad=True)
        return None

    @work(group="deeds")
    async def action_export(self) -> None:
        """Make a file of the branch as it stands; what is there already is replaced only when that is said."""
        if self.streams:
            self.say("Still writing; Esc stops it between two words.")
            return
        if not (self.view and self.view.rows):
            self.say("There is nothing to make a file of yet.")
            return
        path = await self.tell("Naming it", lambda session: str(suggested(session, Format.EPUB)))
        while path:
            answer = await self.app.push_screen_wait(ExportForm(path))
            if answer is None:
                return
            to, path = answer
            file = meant(path).absolute()
            replace = await self._there(file)
            if replace is None:
                return
            if replace:
                answers = [("r", "Replace it"), ("n", "Name another file")]
                if await self.app.push_screen_wait(Choice(f"{file.name} is there already.", answers)) != "r":
                    continue
            await self._export(to, file, replace)
            return

    async def _there(self, file: Path) -> bool | None:
        return await self.tell("Looking", lambda _: is_there(file))

    async def _export(self, to: Format, file: Path, replace: bool) -> None:
        made = await self.tell(f"Making the {to}", lambda session: export_branch(session, to, file, replace=replace))
        if made is None:
            return
        lines = (f"Written to {made[0]}.", *made[1])
        self.say(" ".join(lines))
        if sum(map(len, lines)) > self.size.width - 4:  # the line at the foot would hide where it is
            await self.app.push_screen_wait(Reading("A file of the story", lines))
