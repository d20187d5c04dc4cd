"""Render a prompt file. A missing file or variable raises; nothing is ever silently left empty.

Prompts are ``<agent>/<task>.<style>.jinja``: style ``slots`` for the bundled model, ``plain`` for models that read
names. In a plain prompt the part before a line ``---`` is the system message: what never changes in a story stands there,
so that a server can reuse its cache.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateNotFound, UndefinedError

from prompts.errors import PromptError

FOLDER = Path(__file__).parent


@cache
def _environment() -> Environment:
    # Prompts are plain text for a model, not HTML, so nothing is escaped; `control.clean` guards the control tokens.
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _template(name: str) -> Template:
    try:
        return _environment().get_template(name)
    except TemplateNotFound as error:
        raise PromptError(f"The prompt file {name} is missing from {FOLDER}; reinstall Fabula.") from error


def render(task: str, style: str, **variables: Any) -> tuple[str, str]:
    """Render ``<agent>/<task>`` in a style; returns (system, text). Raises ``PromptError`` for a missing file or variable."""
    name = f"{task}.{style}.jinja"
    try:
        text = _template(name).render(variables)
    except UndefinedError as error:
        raise PromptError(f"The prompt {name} was not given a variable: {error}.") from error
    system, mark, rest = text.partition("\n---\n")
    return (system.strip(), rest.strip()) if mark else ("", text)
