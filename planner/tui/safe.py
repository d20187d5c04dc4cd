"""Text of a story as the writing room may show it (prompts/safe.py). Invariant: what comes out has no control characters."""

from __future__ import annotations

from prompts.safe import lines, one_line, shortened

__all__ = ["lines", "one_line", "shortened"]
