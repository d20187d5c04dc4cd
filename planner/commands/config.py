"""``fabula config``: every setting, its value and where the value came from."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from planner import routing
from planner import settings as setting
from planner.commands import common
from planner.database import default_path


@common.handled
def config(as_json: common.JsonOption = False) -> None:
    """Show each setting, its value and its source."""
    loaded = setting.load()
    values = dict(setting.flat(loaded.settings.model_dump()))
    values |= {key: routing.shown(value) for key, value in values.items() if isinstance(value, str)}
    if as_json:
        print(json.dumps({key: {"value": values[key], "source": loaded.sources[key]} for key in values}, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("setting", "value", "source"):
        table.add_column(column, overflow="fold")
    for key, value in values.items():
        if key.startswith("roles.") and value is None:
            continue  # as at the top level
        source = loaded.sources[key]
        table.add_row(key, Text(_shown(key, value)), Text(source, style="dim" if source == "default" else "cyan"))
    console = Console()
    console.print(table)
    console.print(
        Text(
            f"\nFiles, the later wins: {setting.user_file()}, ./{setting.FILE}; then {setting.PREFIX}* variables; then flags.",
            style="dim",
        )
    )


def _shown(key: str, value: object) -> str:
    """A value for people: what stands for it where it is empty."""
    leaf = key.rsplit(".", 1)[-1]
    if value is None:
        return "(the model's own)"
    empty = {
        "library": str(default_path()), "model": "(the bundled model, or the first served)",
        "key_variable": "(FABULA_API_KEY, else OPENAI_API_KEY)",
    }  # fmt: skip
    return empty[leaf] if leaf in empty and not value else str(value)
