"""What can be set, each with its default and its bounds; where the values come from is planner/settings.py.

Invariant: no option ever holds a key, only the name of the environment variable that does.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["embedded", "server", "offline", "scripted"]
PromptName = Literal["auto", "chat", "completion", "slots"]
# Capital letters only: a key that is put here by mistake mostly has others, and is refused before it is shown or kept.
KeyVariable = Annotated[str, Field(pattern=r"^([A-Z_][A-Z0-9_]*)?$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Drawn(_Section):
    """How the next token is drawn; what is not set is as suits the engine."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, lt=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    repetition_penalty: Annotated[float, Field(ge=1, le=3)] | None = None
    """Counts what was drawn; a server and the offline engine count the prompt too, so there it is 1 (off) unless it is set."""


class RoleSettings(_Drawn):
    """Where one role's calls go and how they are drawn; what is not set is as at the top level.

    A role with an engine or a server of its own takes neither model nor prompt style from the top level, and a server of its
    own gets no key but the one in its own ``key_variable``.
    """

    engine: EngineName | None = None
    model: str | None = None
    server: str | None = None
    prompt: PromptName | None = None
    key_variable: KeyVariable | None = None
    adapter: str | None = None
    """Folder of a LoRA adapter of the model, for the offline engine; a server knows its adapters by names, as models."""
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] | None = None
    """Longest answer, in tokens of the model. The generator's is the longest paragraph; for every other call it is a cap, so
    that short ones, such as a title, stay short."""


class Roles(_Section):
    """Each of the five roles."""

    premise: RoleSettings = RoleSettings()
    outline: RoleSettings = RoleSettings()
    generator: RoleSettings = RoleSettings()
    summarizer: RoleSettings = RoleSettings()
    continuity: RoleSettings = RoleSettings()


ROUTING: Final = ("engine", "model", "server", "prompt", "key_variable", "adapter")
"""Where a role's calls go; the rest of a role's settings is sampling."""


class Write(_Drawn):
    """How stories are written unless a flag says otherwise."""

    arc: str = "three-act"
    """Arc shape, or the path of a YAML file with one of your own."""
    paragraphs: Annotated[int, Field(ge=3, le=100_000)] = 10
    n: Annotated[int, Field(ge=0, le=64)] = 0
    """Candidates drawn for each paragraph; the best is kept. 0: what suits the engine (32 bundled, 4 served)."""
    revisions: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a draft with continuity errors is written anew."""
    max_tokens: Annotated[int, Field(ge=16, le=4096)] | None = None
    """Longest paragraph, in tokens of the model."""


class Settings(_Section):
    """Everything that can be set, with its default. ``fabula config`` shows each value and its source."""

    library: str = ""
    """Path of the story library, or a postgresql:// URL; empty: in the platform's data folder."""
    engine: EngineName = "embedded"
    model: str = ""
    """A model folder (embedded, offline) or a model's name (server); empty: the bundled model, or the first that is served."""
    server: str = "http://127.0.0.1:8000/v1"
    """Address of an OpenAI-compatible endpoint."""
    prompt: PromptName = "auto"
    """How a model is asked by a server or offline: as a chat, as a text to go on with, or in the bundled model's slots."""
    key_variable: KeyVariable = ""
    """Name of the environment variable that holds the key of ``server``; empty: FABULA_API_KEY, then OPENAI_API_KEY.

    No other server gets it: a role with a server of its own names the variable of that server's key itself.
    """
    server_timeout: Annotated[float, Field(gt=0, le=86_400)] = 600
    """Seconds that a server may take for an answer."""
    server_retries: Annotated[int, Field(ge=0, le=100)] = 7
    """How often a server that fails is asked again, with waits of 0.5, 1, 2 ... 20 seconds."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads of the embedded engine; 0: as many as there are cores, at most 4."""
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    """GPUs that the offline engine splits a model over; 0: one, or the CPU where its vLLM is built for that."""
    write: Write = Write()
    roles: Roles = Roles()
