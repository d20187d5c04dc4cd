"""The engines that the agents speak through, opened by name. Heavy modules are imported only by the one that is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.engines.base import Engine
from prompts.errors import InputError

NAMES = ("embedded", "server", "offline", "scripted")


def open_engine(name: str, model: str = "", server: str = "", threads: int = 0, **more: Any) -> Engine:
    """Open an engine: ``model`` is a folder (embedded, offline) or a name (server), empty for the bundled or the first one.

    ``more`` is for a server (``prompt``, ``key_variable``, ``timeout`` and ``retries`` of ``ServerEngine``) or for the offline
    engine (``prompt``, ``gpus`` and ``adapters`` of ``OfflineEngine``).

    Raises ``InputError`` for an unknown name and ``EngineError`` when the engine cannot run.
    """
    if name == "embedded":
        from agents.engines.embedded import EmbeddedEngine

        return EmbeddedEngine(Path(model) if model else None, threads or None)
    if name == "server":
        from agents.engines.server import ServerEngine

        return ServerEngine(server, model, **more)
    if name == "offline":
        from agents.engines.offline import OfflineEngine

        return OfflineEngine(model, **more)
    if name == "scripted":
        from agents.engines.scripted import ScriptedEngine

        return ScriptedEngine()
    raise InputError(f"There is no engine {name!r}; choose {', '.join(NAMES)}.")
