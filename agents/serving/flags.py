"""vLLM's command line for a base model and its adapters.

Invariant: whatever is served, structured outputs come from guidance without free white space (xgrammar, vLLM's default,
broke string lengths in 8 of 24 answers), prompts' shared beginnings are kept, and SIGTERM ends the server in bounded time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from agents.serving.models import BUNDLED_NAME, Adapter, Base

# ``vllm serve`` looks for the metadata of a package named vllm, which the CPU builds lack; this is what it runs.
MODULE: Final = "vllm.entrypoints.openai.api_server"
DRAIN_SECONDS: Final = 30
_STRUCTURED: Final = '{"backend":"guidance","disable_any_whitespace":true}'
# On the CPU vLLM would compile for minutes. A prompt in two parts, which any busy moment brings, ends a whole server whose
# calls have seeds ("CPU Generator does not use offset"). Beginnings are kept in blocks of 128 tokens, the length of many a
# prompt of the bundled model: with 32 its candidates share one reading of their prompt.
_ON_CPU: Final = ("--enforce-eager", "--no-enable-chunked-prefill", "--block-size", "32")
_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM takes
# Nothing of Fabula's prompts comes near; a context of 128k tokens would ask for memory that nobody uses.
_LONGEST: Final = 8192
_CACHE_LEAST, _CACHE_MOST = 256 << 20, 4 << 30
_CACHE_STORIES: Final = 16


@dataclass(frozen=True)
class Plan:
    """Everything that a server is started with. ``gpus`` 0 means the CPU; ``cache_bytes`` and ``longest`` 0: chosen here.

    ``longest`` is in tokens, prompt and answer together; ``cache_bytes`` is the memory for keys and values.
    """

    python: Path
    base: Base
    adapters: tuple[Adapter, ...] = ()
    gpus: int = 0
    host: str = "127.0.0.1"
    port: int = 8000
    longest: int = 0
    cache_bytes: int = 0
    more: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where clients on this machine find the server, with its ``/v1``."""
        host = f"[{self.reachable}]" if ":" in self.reachable else self.reachable
        return f"http://{host}:{self.port}/v1"

    @property
    def reachable(self) -> str:
        """The address to call: a server that listens everywhere is called on the loopback."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound

    @property
    def models(self) -> tuple[str, ...]:
        """The names that clients may ask for, the base first."""
        return (self.base.name, *(adapter.role for adapter in self.adapters))


def command(plan: Plan) -> list[str]:
    """The argument vector that serves ``plan``."""
    made = [
        str(plan.python), "-m", MODULE, "--model", plan.base.path, "--served-model-name", plan.base.name,
        "--host", plan.host, "--port", str(plan.port), "--max-model-len", str(_longest(plan)),
        "--enable-prefix-caching", "--structured-outputs-config", _STRUCTURED,
        "--shutdown-timeout", str(DRAIN_SECONDS), "--disable-uvicorn-access-log",
    ]  # fmt: skip
    if plan.gpus:
        made += ["--tensor-parallel-size", str(plan.gpus)]
    else:
        made += _ON_CPU
    if cache := plan.cache_bytes or (0 if plan.gpus else _cache(plan.base)):
        made += ["--kv-cache-memory-bytes", str(cache)]
    if plan.adapters:
        made += [
            "--enable-lora",
            "--max-loras",
            str(len(plan.adapters)),
            "--max-lora-rank",
            str(lora_rank(plan.adapters)),
        ]
        made += ["--lora-modules", *(_module(adapter, plan.base) for adapter in plan.adapters)]
    return [*made, *plan.more]


def environment(plan: Plan, around: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: what is ``around``, no usage reports, and no calls to the Hub for a model that is here."""
    made = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    if plan.base.local:
        made["HF_HUB_OFFLINE"] = "1"
    # Fabula's key is for other people's servers; vLLM has a variable of its own.
    return {**made, **{name: value for name, value in around.items() if name != "FABULA_API_KEY"}}


def config_lines(plan: Plan) -> str:
    """What to put into ``fabula.toml`` so that Fabula writes with this server."""
    lines = ['engine = "server"', f'server = "{plan.url}"', f"model = {json.dumps(plan.base.name)}"]
    for adapter in plan.adapters:
        lines += [f"[roles.{adapter.role}]", f'model = "{adapter.role}"']
    return "\n".join(lines)


def notes(plan: Plan) -> list[str]:
    """What a person should know although nothing is wrong: an adapter whose own config names another base."""
    return [
        f"The adapter for the {adapter.role} says that it was made for {adapter.made_for}; it is served on {plan.base.name}."
        for adapter in plan.adapters
        if plan.base.name != BUNDLED_NAME  # its folder has many names, and the shapes were compared
        and adapter.made_for
        and PurePath(adapter.made_for).name.lower() != PurePath(plan.base.path).name.lower()
    ]


def _longest(plan: Plan) -> int:
    if plan.longest:
        return plan.longest
    # -1 lets vLLM take what the model can and the memory holds; a model on the Hub tells its context only then.
    return min(plan.base.context, _LONGEST) if plan.base.context else -1


def _cache(base: Base) -> int:
    """Bytes for the keys and values of several long stories, within what a machine that is used for more can spare."""
    wanted = base.cache_bytes * min(base.context or _LONGEST, _LONGEST) * _CACHE_STORIES
    return max(_CACHE_LEAST, min(wanted or _CACHE_MOST, _CACHE_MOST))


def lora_rank(adapters: Sequence[Adapter]) -> int:
    """The rank that vLLM must be ready for: the least that it takes and no adapter is above."""
    most = max(adapter.rank for adapter in adapters)
    return next((rank for rank in _RANKS if rank >= most), most)


def _module(adapter: Adapter, base: Base) -> str:
    # JSON, because the form name=path breaks on paths with a comma.
    return json.dumps({"name": adapter.role, "path": str(adapter.path), "base_model_name": base.name})
