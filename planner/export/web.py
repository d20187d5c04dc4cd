"""HTML: one page that needs nothing else, and the templates that EPUB shares with it.

Invariant: every value is escaped by the template engine, and the page forbids scripts and everything from elsewhere.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from planner.export.book import Book


def to_html(book: Book) -> str:
    """The story as one HTML page."""
    return render("page.html.jinja", book=book)


def render(template: str, **values: Any) -> str:
    """A template of planner/export/templates with every value escaped, for HTML and for XML."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("planner.export"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, auto_reload=False,
    )  # fmt: skip
