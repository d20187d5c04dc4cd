"""vLLM inside this process: for batches on one machine, without a server to start and to look after.

All stories that are written at once share one vLLM, which takes their calls as one batch (agents/engines/stepping.py).
Invariant: what is asked and how the answer is read are as with a server (agents/engines/dialects.py), so the same model gives
the same kind of text either way. A seed repeats a text up to the rounding of the kernels, which depends on the batch.

vLLM is imported only when this engine is opened. ``tokens`` and ``logprob`` cover every token drawn but the one that ends
the text; ``logprob`` is the model's own, before temperature and mask.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from agents.engines import dialects
from agents.engines.base import Completion, OnText, Prompt, Request, Style
from agents.engines.dialects import PromptStyle
from agents.engines.stepping import Stepper
from prompts.errors import EngineError, FabulaError, InputError, ModelMissing

if TYPE_CHECKING:
    from agents.serving.models import Adapter, Base

_CONTROL = "<|write|>"  # one token for the bundled model and its children, several for all others
_BANNED = -100.0
# Nothing of Fabula's prompts comes near; a context of 128k tokens would ask for memory that nobody uses.
_LONGEST = 8192
# On a CPU vLLM would take nearly all of the memory for its cache unless it is told how much: enough for 64 sequences.
_CPU_SEQUENCES, _CPU_LEAST, _CPU_MOST = 64, 256 << 20, 4 << 30
# There a prompt in two parts ends a vLLM whose calls have seeds, and blocks of 128 tokens are longer than many a prompt.
_ON_CPU = {"enforce_eager": True, "enable_chunked_prefill": False, "block_size": 32}
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process, as promised; and it starts in half the time
    "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip


class OfflineEngine:
    """The model in the folder (or of the Hub id) ``model``, the bundled one by default.

    ``prompt`` is how it is asked (agents/engines/dialects.py), ``gpus`` how many GPUs the model is split over, 0 for one or the
    CPU. ``adapters`` are folders of LoRA adapters that ``speaking`` may name. ``options`` go to ``vllm.LLM`` as they are. Safe
    to call from many threads. Raises ``ModelMissing`` for a folder that is no model or no adapter of it, ``InputError`` where
    vLLM is built for the CPU and GPUs are asked for, and ``EngineError`` when it is not installed or cannot load the model.
    """

    name = "offline"

    def __init__(
        self,
        model: str = "",
        *,
        prompt: PromptStyle = "auto",
        gpus: int = 0,
        adapters: Sequence[str] = (),
        **options: Any,
    ) -> None:
        base = _base(model)
        found = {folder: _adapter(folder, base) for folder in adapters}
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        if base.local:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            import vllm
        except ImportError as error:
            raise EngineError(
                f"The offline engine needs vLLM, which cannot be imported here ({error}); install it with pip install "
                "'fabula[vllm]', or use the engine embedded or server."
            ) from error
        self._vllm = vllm
        self.model = self._base_name = base.name
        self._closed = False
        try:
            self._stepper = Stepper(lambda: vllm.LLM(**_options(base, gpus, tuple(found.values())) | options))
        except InputError:
            raise
        except Exception as error:
            raise EngineError(
                f"vLLM cannot load {base.name}: {_line(error)}; look for a smaller model, or free the memory of the device."
            ) from error
        self._speakers = _Speakers()
        self._loras = {
            folder: (adapter, number) for number, (folder, adapter) in enumerate(found.items(), 1)
        }  # the numbers are vLLM's way to tell them apart
        self._lora: Any = None
        self._tokenizer = self._stepper.tokenizer
        self._tokenizing = threading.Lock()  # tokenizers may not be used by two threads at once
        self.prompt: PromptStyle = self._detect() if prompt == "auto" else prompt
        self.style: Style = "slots" if self.prompt == "slots" else "plain"

    def speaking(self, adapter: str) -> OfflineEngine:
        """The same vLLM, drawing with one of the ``adapters`` that it was opened with; with none where it is empty.

        It is closed by itself, and vLLM ends with the last of them.
        """
        from vllm.lora.request import LoRARequest

        made = copy.copy(self)
        made._closed = False
        made._lora, made.model = None, self._base_name
        if adapter:
            if adapter not in self._loras:
                raise InputError(
                    f"The adapter {adapter} was not named when its model was opened; open the story again."
                )
            known, number = self._loras[adapter]
            made._lora = LoRARequest(f"{known.path.name}-{number}", number, str(known.path))
            made.model = f"{self._base_name}+{known.path.name}"
        self._speakers.enter()
        return made

    @property
    def loaded(self) -> bool:
        """Whether vLLM still runs, for this engine or for another one that speaks through it."""
        return self._speakers.count > 0

    def complete(self, request: Request, on_text: OnText | None = None) -> tuple[Completion, ...]:
        """See ``Engine``. Waits for its turn in the batch that all callers share."""
        asked = dialects.arguments(request, self.prompt, self.model)
        ids = self._encode(asked)
        params = self._params(request, asked.get("stop"), growing=on_text is not None)
        found: dict[int, Any] = {}
        shown = ""
        with closing(self._outputs(ids, params)) as outputs:
            for output in outputs:
                found |= {choice.index: choice for choice in output.outputs}
                text = found[0].text if 0 in found else ""
                if on_text and len(text) > len(shown):
                    on_text(text[len(shown) :])
                    shown = text
        return tuple(self._completion(found[index], len(ids)) for index in range(request.n))

    def score(self, prompt: Prompt, texts: Sequence[str]) -> list[list[float]]:
        """See ``Engine``. The end of a text is not scored."""
        ids = self._encode(dialects.arguments(Request(prompt=prompt), self.prompt, self.model))
        scores: list[list[float]] = []
        for text in texts:
            drawn = self._ids(text)
            if not drawn:
                scores.append([])
                continue
            params = self._vllm.SamplingParams(max_tokens=1, prompt_logprobs=0, temperature=0.0)
            *_, output = self._outputs([*ids, *drawn], params)
            rows = output.prompt_logprobs[len(ids) :]
            scores.append([row[token].logprob for row, token in zip(rows, drawn, strict=True)])
        return scores

    def count_tokens(self, text: str) -> int:
        return len(self._ids(text))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._speakers.leave():
                self._stepper.close()

    def _outputs(self, ids: list[int], params: Any) -> Generator[Any, None, None]:
        """What vLLM gives for a prompt of tokens, its failures explained; closing it gives the request up."""
        with closing(self._stepper.ask({"prompt_token_ids": ids}, params, self._lora)) as outputs:
            while True:
                with _explained(self.model):
                    output = next(outputs, None)
                if output is None:
                    return
                yield output

    def _detect(self) -> PromptStyle:
        if len(self._ids(_CONTROL)) == 1:
            return "slots"
        return "chat" if getattr(self._tokenizer, "chat_template", None) else "completion"

    def _ids(self, text: str, special: bool = False) -> list[int]:
        with self._tokenizing:
            return list(self._tokenizer.encode(text, add_special_tokens=special))

    def _encode(self, asked: Mapping[str, Any]) -> list[int]:
        """The prompt of a server's call as tokens: a chat goes through the model's own template."""
        if "prompt" in asked:
            return self._ids(asked["prompt"], special=self.prompt == "completion")
        with self._tokenizing, _explained(self.model):
            text = self._tokenizer.apply_chat_template(asked["messages"], tokenize=False, add_generation_prompt=True)
        return self._ids(str(text))  # the template has the special tokens in it

    def _params(self, request: Request, stop: list[str] | None, growing: bool) -> Any:
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        sampling = request.sampling
        form = None
        with _explained(self.model):
            if request.json_schema is not None or request.regex is not None:
                form = StructuredOutputsParams(
                    json=request.json_schema, regex=request.regex, disable_any_whitespace=True
                )
            banned = [self._ids(slot) for slot in request.ban] if self.prompt == "slots" else []
            return self._vllm.SamplingParams(
                n=request.n, seed=request.seed, temperature=sampling.temperature, top_p=sampling.top_p,
                top_k=sampling.top_k, min_p=sampling.min_p, repetition_penalty=sampling.repetition_penalty,
                max_tokens=sampling.max_tokens, stop=stop, logprobs=0,
                structured_outputs=form, logit_bias={ids[0]: _BANNED for ids in banned if len(ids) == 1} or None,
                skip_special_tokens=self.prompt != "slots", spaces_between_special_tokens=False,
                output_kind=RequestOutputKind.CUMULATIVE if growing else RequestOutputKind.FINAL_ONLY,
            )  # fmt: skip

    def _completion(self, choice: Any, prompt_tokens: int) -> Completion:
        listed = [step[token].logprob for token, step in zip(choice.token_ids, choice.logprobs, strict=True)]
        if choice.finish_reason == "stop" and choice.stop_reason is None:
            listed = listed[:-1]  # the token that ends the text
        return Completion(
            text=choice.text, tokens=len(listed), prompt_tokens=prompt_tokens, logprob=sum(listed),
            finish="length" if choice.finish_reason == "length" else "stop",
        )  # fmt: skip


def _base(model: str) -> Base:
    from agents.serving.models import base

    try:
        return base(model)
    except ModelMissing as error:
        raise ModelMissing(str(error).replace("--base", "--model")) from error


def _adapter(folder: str, base: Base) -> Adapter:
    from agents.serving.models import adapter

    try:
        return adapter("adapter", folder, base)
    except ModelMissing as error:
        said = (
            str(error)
            .replace("--adapter", "The adapter")
            .replace("name its own base with --base", "give its own model")
        )
        raise ModelMissing(said) from error
    except InputError as error:
        raise InputError(f"The adapter {folder} is a whole model; name it as the role's model instead.") from error


class _Speakers:
    """How many engines speak through one vLLM, from the first on."""

    def __init__(self) -> None:
        self.count, self._lock = 1, threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.count += 1

    def leave(self) -> bool:
        """Whether that was the last one."""
        with self._lock:
            self.count -= 1
            return not self.count


def _options(base: Base, gpus: int, adapters: Sequence[Adapter]) -> dict[str, Any]:
    """How vLLM is started: as by ``fabula serve`` (agents/serving/flags.py says why)."""
    from vllm.platforms import current_platform

    from agents.serving.flags import lora_rank

    if gpus and current_platform.is_cpu():
        raise InputError(
            f"gpus = {gpus}, but the vLLM here is built for the CPU; leave gpus out, or install vLLM for GPUs."
        )
    longest = min(base.context, _LONGEST) if base.context else None
    made: dict[str, Any] = {
        "model": base.path, "enable_prefix_caching": True, "use_tqdm_on_load": False, "max_model_len": longest,
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
    }  # fmt: skip
    if gpus:
        made["tensor_parallel_size"] = gpus
    if adapters:
        made |= {"enable_lora": True, "max_loras": len(adapters), "max_lora_rank": lora_rank(adapters)}
    if current_platform.is_cpu():
        cache = base.cache_bytes * (longest or _LONGEST) * _CPU_SEQUENCES
        made |= {"kv_cache_memory_bytes": max(_CPU_LEAST, min(cache or _CPU_MOST, _CPU_MOST)), **_ON_CPU}
    return made


class _explained:  # noqa: N801 - reads as a statement: with _explained(model)
    """Turn vLLM's errors into one sentence each."""

    def __init__(self, model: str) -> None:
        self._model = model

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, FabulaError):
            raise EngineError(f"vLLM could not answer with {self._model}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
