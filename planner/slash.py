"""Slash commands: one table that the app and the plain session share, and ``run``, which obeys a line.

Invariant: a line does one thing or raises a ``FabulaError`` of one sentence; a line that was typed wrongly changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from planner import slash_plan as plan
from planner import slash_roles as roles
from planner import slash_text as text
from planner.session import Session
from planner.slash_text import Changed, Misused, Reply
from prompts.errors import InputError

__all__ = ["COMMANDS", "Changed", "Command", "Reply", "complete", "help_lines", "run"]


@dataclass(frozen=True)
class Command:
    """A command as people type it. ``form`` shows what may stand behind it, [] around what may be left out.

    ``words`` are what ``complete`` offers there.
    """

    name: str
    form: str
    help: str
    do: Callable[[Session, str], Reply]
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.form}".rstrip()


def _help(_: Session, name: str) -> Reply:
    if not name:
        return Reply(tuple(help_lines()))
    found = _command(name.removeprefix("/").lower())
    also = f" Also: {', '.join(f'/{alias}' for alias in found.aliases)}." if found.aliases else ""
    return Reply((f"{found.usage}: {found.help}{also}",))


COMMANDS: tuple[Command, ...] = (
    Command("next", "", "Take the proposed paragraph, if there is one, and write the next.", text.go_on, ("n",)),
    Command("accept", "[TEXT]", "Take the proposed paragraph, as it is or as TEXT.", text.accept, ("a", "ok")),
    Command("reroll", "[WISH]", "Write the proposed paragraph anew.", text.reroll, ("r", "again")),
    Command("alternatives", "[N]", "All texts for this paragraph, or the sentences of one.", text.alternatives, ("alts",)),
    Command("pick", "N", "Take alternative N.", text.pick),
    Command("merge", "N M:1-2 ...", "Take alternative N and sentences 1 to 2 of M, in this order.", text.merge),
    Command("drop", "", "Drop the proposed or stopped paragraph.", text.drop),
    Command("write", "TEXT", "Write the next paragraph yourself.", text.write, ("w",)),
    Command("edit", "[N] TEXT", "Replace paragraph N, else the proposed or last one.", text.edit, ("e",)),
    Command("instruct", "WISH", "A wish for the next paragraph alone.", text.instruct),
    Command("note", "[TEXT]", "A wish for every paragraph from here on; - takes it back.", plan.note),
    Command("pin", "TEXT", "Keep a fact for good: /pin Mara is left-handed.", plan.pin),
    Command("pins", "", "What is pinned.", plan.pins),
    Command("unpin", "N", "Take back pin N.", plan.unpin),
    Command("undo", "[N]", "Take back the last step or paragraph, or N of them.", text.undo, ("u",)),
    Command("redo", "[N]", "Make good what was taken back.", text.redo),
    Command("jump", "N", "Go back to paragraph N and go on from there.", text.jump),
    Command("search", "WORDS", "Find the paragraphs that say these words.", text.search, ("find",)),
    Command("summary", "[TEXT]", "Show the story so far, or put TEXT in its place.", plan.summary),
    Command("outline", "", "Show the beats and where the story stands.", plan.outline),
    Command("beat", "N TEXT | add N TEXT | move N M | drop N", "Change the outline.", plan.beat, (), ("add", "drop", "move")),
    Command("cast", "", "Show everybody and everything of the story.", plan.cast),
    Command("card", "NAME [role=... traits=... goal=...]", "Show a card or change it.", plan.card),
    Command("tone", "WORD", "Tell it in another tone from here on.", plan.tone),
    Command("title", "TEXT", "Give the story a title.", plan.title),
    Command("world", "", "What holds in the story's world now.", plan.world),
    Command("findings", "", "What the continuity rules say of this paragraph.", plan.findings),
    Command("branch", "NAME", "Begin a branch here and go on in it.", plan.branch),
    Command("branches", "", "Show the branches.", plan.branches),
    Command("switch", "NAME", "Go on in another branch.", plan.switch),
    Command("compare", "A [B]", "Compare branch A with B, or with this one.", plan.compare, ("diff",)),
    Command(
        "auto", "[beat|chapter|end|N] [notes]", "Write on alone; what has a finding waits, with notes even a note.",
        text.auto, (), ("beat", "chapter", "end"),
    ),
    Command("model", "[ROLE [NAME|-]]", "Show the roles' models, or give a role another.", roles.model, (), roles.ROLE_NAMES),
    Command(
        "sampling", "[ROLE [NAME=VALUE ...|-]]", "Show how the roles are drawn, or change it; - goes back to the settings.",
        roles.sampling, (), roles.ROLE_WORDS,
    ),
    Command(
        "export", "FORMAT [PATH]", "Make a file of the story.", plan.export, (),
        ("docx", "epub", "html", "json", "md", "pdf", "txt"),
    ),
    Command("help", "[COMMAND]", "Show all commands, or one.", _help, ("h", "?")),
)  # fmt: skip

_BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def run(session: Session, line: str) -> Reply:
    """Obey a line: a slash command; nothing, which is ``/next``; or words, which are a wish for the paragraph in work.

    Raises ``InputError`` for what is no command or of the wrong form, and whatever ``FabulaError`` the session raises.
    """
    line = line.strip()
    if not line.startswith("/"):
        return text.steer(session, line) if line else text.go_on(session, "")
    name, argument = [*line[1:].split(None, 1), "", ""][:2]
    command = _command(name.lower())
    waiting = session.proposal()
    try:
        reply = command.do(session, argument.strip())
    except Misused:
        raise InputError(f"Write it as {command.usage}") from None
    if reply.changed == "plan" and waiting and not session.proposal():
        lost = "The proposed paragraph is dropped, since the plan changed; /alternatives still shows it."
        return Reply((*reply.lines, lost), "text", reply.paragraphs)
    return reply


def _command(name: str) -> Command:
    if found := _BY_NAME.get(name):
        return found
    near = get_close_matches(name, _BY_NAME, n=1, cutoff=0.5) or [k for k in _BY_NAME if name and k.startswith(name)]
    hint = f"did you mean /{near[0]}?" if near else "/help shows them all."
    raise InputError(f"There is no command /{name[:40]}; {hint}")


def complete(line: str) -> list[str]:
    """The whole lines that ``line`` can be completed to; none for what is no command."""
    if not line.startswith("/"):
        return []
    name, blank, argument = line[1:].partition(" ")
    if not blank:
        return [f"/{command.name}" for command in COMMANDS if command.name.startswith(name.lower())]
    found = _BY_NAME.get(name.lower())
    if not found:
        return []
    words = [command.name for command in COMMANDS] if found.name == "help" else found.words
    same = (word for word in words if word.count(" ") == argument.count(" "))  # no word before the one that it follows
    return [f"/{name} {word}" for word in same if word.startswith(argument.lower())]


def help_lines() -> list[str]:
    """Every command with its form and what it does, a line each."""
    return [f"{command.usage}: {command.help}" for command in COMMANDS]
