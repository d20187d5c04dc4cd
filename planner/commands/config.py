"""``fabula config``: every setting, its value and where the value came from."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from planner import settings as setting
from planner.commands import common
from planner.database import default_path


@common.handled
def config(as_json: common.JsonOption = False) -> None:
    """Show each setting, its value and its source."""
    loaded = setting.load()
    values = dict(setting.flat(loaded.settings.model_dump()))
    if as_json:
        print(json.dumps({key: {"value": values[key], "source": loaded.sources[key]} for key in values}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("setting", "value", "source"):
        table.add_column(column, overflow="fold")
    for key, value in values.items():
        shown = str(default_path()) if key == "library" and not value else value
        shown = (
            "(the model's own)"
            if shown is None
            else "(the bundled model, or the first served)"
            if key == "model" and not shown
            else shown
        )
        source = loaded.sources[key]
        table.add_row(key, Text(str(shown)), Text(source, style="dim" if source == "default" else "cyan"))
    console = Console()
    console.print(table)
    console.print(
        Text(
            f"\nFiles, the later wins: {setting.user_file()}, ./{setting.FILE}; then {setting.PREFIX}* variables; then flags.",
            style="dim",
        )
    )
