"""The writing room: the story session as a Textual app. One screen a file, widgets apart.

Invariant: nothing here holds story logic. Every key calls a method of ``planner.session.Session`` on one thread of its own,
so the screen never waits for a model; and no text of a story is ever read as markup or as terminal codes.
"""

import os

# How often a second the screen may be painted, read by Textual when it is first imported: its own 60 add up to 17 ms to a key.
os.environ.setdefault("TEXTUAL_FPS", "120")
