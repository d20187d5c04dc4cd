"""Every failure that Fabula raises on purpose, as one tree.

``FabulaError``
 ├─ ``InputError``        what the user gave cannot be used (a premise, a flag, an arc, a settings file)
 ├─ ``PromptError``       a prompt file is missing or a variable of it was not given
 ├─ ``EngineError``       a model cannot run or did not answer
 │   ├─ ``ModelMissing``      the model folder or a file in it is not there or not readable
 │   ├─ ``ServerUnreachable`` the endpoint did not answer
 │   ├─ ``NoStructuredOutput`` the server takes no JSON schema
 │   └─ ``BadOutput``         a structured output did not validate; ``raw`` keeps the text
 ├─ ``LibraryError``      the story library cannot be used
 │   ├─ ``LibraryTooNew``     it was written by a newer Fabula
 │   ├─ ``LibraryReadOnly``   it, or the disk it lies on, takes no writes
 │   ├─ ``LibraryFull``       its disk is full, or failed
 │   ├─ ``StoryMissing``      it has no such story
 │   └─ ``StoryBusy``         another process is writing that story
 └─ ``WritingStopped``    a person stopped a paragraph in the midst of it

Each message is one sentence that says what to do. The command line prints it and exits with code 2; failures are raised,
never written as prose into a story. This lowest package holds the tree because everything else may import it.
"""

from __future__ import annotations


class FabulaError(Exception):
    """Root of the tree; ``str(error)`` is one clear sentence for a person."""


class InputError(FabulaError):
    """What the user gave cannot be used."""


class PromptError(FabulaError):
    """A prompt file is missing, or a variable of it was not given."""


class EngineError(FabulaError):
    """A model cannot run or did not answer."""


class ModelMissing(EngineError):
    """The model folder, or a file in it, is not there or cannot be read."""


class ServerUnreachable(EngineError):
    """The endpoint did not answer."""


class NoStructuredOutput(EngineError):
    """The server takes no JSON schema; the same may be asked for as plain text."""


class BadOutput(EngineError):
    """A structured output did not validate. ``raw`` is the text as the model wrote it."""

    def __init__(self, message: str, raw: str) -> None:
        super().__init__(message)
        self.raw = raw


class LibraryError(FabulaError):
    """The story library cannot be used."""


class LibraryTooNew(LibraryError):
    """The library was written by a newer Fabula."""


class LibraryReadOnly(LibraryError):
    """The library, or the disk that it lies on, takes no writes."""


class LibraryFull(LibraryError):
    """The disk of the library is full, or failed."""


class StoryMissing(LibraryError):
    """The library has no such story."""


class StoryBusy(LibraryError):
    """Another process is writing the story."""


class WritingStopped(FabulaError):
    """A person stopped a paragraph in the midst of it."""
