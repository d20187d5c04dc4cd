"""``fabula doctor``: what is installed, which engines can run, what is wrong and what to do."""

from __future__ import annotations

import dataclasses
import json

import typer
from rich.console import Console
from rich.text import Text

from planner import settings as setting
from planner.commands import common
from planner.doctor import examine

_MARKS = {"ok": ("✓", "green"), "off": ("–", "dim"), "bad": ("✗", "bold red")}


@common.handled
def doctor(
    engine: common.EngineOption = None,
    model: common.ModelOption = None,
    server: common.ServerOption = None,
    library: common.LibraryOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Check this installation: what runs, what is wrong, and what to do. Exits with 1 when something is wrong."""
    flags = {"engine": engine, "model": model, "server": server, "library": library}
    checks = []
    console = Console(soft_wrap=True)
    for check in examine(setting.load(flags).settings):
        checks.append(check)
        if not as_json:
            mark, style = _MARKS[check.state]
            line = Text.assemble((f"{mark} ", style), (f"{check.name:16} ", "bold"), check.says)
            if check.todo:
                line.append(f"  {check.todo}", style="cyan")
            console.print(line, highlight=False)
    if as_json:
        print(json.dumps([dataclasses.asdict(check) for check in checks], ensure_ascii=False, indent=2))
    if any(check.state == "bad" for check in checks):
        raise typer.Exit(1)
