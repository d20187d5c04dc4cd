"""A stand-in for vLLM's ``LLM`` with what the offline engine uses of it: a request grows by a word a step."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from agents.engines import offline


class Kinds:
    CUMULATIVE, FINAL_ONLY = "cumulative", "final only"


class Params(SimpleNamespace):
    """``SamplingParams`` and ``StructuredOutputsParams``: whatever they are given."""


class Tokenizer:
    """A token for every word; ``<|write|>`` is one token, or two where the model has no slots."""

    def __init__(self, slots: bool = True, template: bool = False) -> None:
        self.slots = slots
        self.chat_template = "{{ messages }}" if template else None

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        words = (text if self.slots else text.replace("<|write|>", "< write")).split()
        return [0] * add_special_tokens + [sum(map(ord, word)) for word in words]

    def apply_chat_template(self, messages: list[dict[str, str]], **_: object) -> str:
        return " ".join(f"[{message['role']}] {message['content']}" for message in messages)


class Engine:
    """``LLMEngine``: ``texts`` (request number → words of each candidate); ``fails`` breaks the next step."""

    def __init__(self) -> None:
        self.asked: dict[str, tuple[Any, Params]] = {}
        self.steps: dict[str, int] = {}
        self.most = 0
        self.aborted: list[str] = []
        self.loras: list[Any] = []
        self.words = ["Once", "upon", "a", "time", "</s>"]
        self.fails: Exception | None = None
        self.refuses: Exception | None = None

    def add_request(self, number: str, prompt: Any, params: Params, lora_request: Any = None) -> str:
        if self.refuses:
            raise self.refuses
        self.loras.append(lora_request)
        self.asked[number] = (prompt, params)
        self.steps[number] = 0
        self.most = max(self.most, len(self.steps))
        return f"{number}-inner"

    def abort_request(self, names: list[str], internal: bool) -> None:
        assert internal
        self.aborted += names
        for name in names:
            del self.steps[name.removesuffix("-inner")]

    def step(self) -> list[Any]:
        if self.fails:
            raise self.fails
        return [found for number in list(self.steps) if (found := self.grow(number))]

    def grow(self, number: str) -> Any:
        prompt, params = self.asked[number]
        self.steps[number] += 1
        length = min(self.steps[number], getattr(params, "max_tokens", 16), len(self.words))
        ended = length == len(self.words)
        finished = ended or length == params.max_tokens
        if finished:
            del self.steps[number]
        elif params.output_kind == Kinds.FINAL_ONLY:
            return None
        drawn = self.words[:length]
        reason = ("stop" if ended else "length") if finished else None
        choices = [
            SimpleNamespace(
                index=index, text=" ".join(drawn[:-1] if ended else drawn), token_ids=list(range(length)),
                logprobs=[{token: SimpleNamespace(logprob=-1.0 - index)} for token in range(length)],
                finish_reason=reason, stop_reason=None,
            )
            for index in range(getattr(params, "n", 1))
        ]  # fmt: skip
        ids = prompt["prompt_token_ids"]
        rows = [None, *({token: SimpleNamespace(logprob=-0.5 * at)} for at, token in enumerate(ids) if at)]
        return SimpleNamespace(request_id=number, outputs=choices, finished=finished, prompt_logprobs=rows)


class Fake:
    """What a test gets: the options that vLLM was started with and the engine within."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.tokenizer = Tokenizer()
        self.options: dict[str, Any] = {}
        self.opened = 0
        self.cpu = True
        self.broken: Exception | None = None


def install(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put the stand-in where ``import vllm`` finds it."""
    fake = Fake()

    def llm(**options: Any) -> Any:
        if fake.broken:
            raise fake.broken
        fake.options = options
        fake.opened += 1
        return SimpleNamespace(llm_engine=fake.engine, get_tokenizer=lambda: fake.tokenizer)

    params = lambda **given: Params(**{"output_kind": Kinds.FINAL_ONLY, **given})
    contents: dict[str, dict[str, Any]] = {
        "vllm": {"LLM": llm, "SamplingParams": params},
        "vllm.sampling_params": {"RequestOutputKind": Kinds, "StructuredOutputsParams": Params},
        "vllm.platforms": {"current_platform": SimpleNamespace(is_cpu=lambda: fake.cpu)},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": lambda name, number, path: (name, number, path)},
    }
    for name, value in [*offline.ENVIRONMENT.items(), ("HF_HUB_OFFLINE", "1")]:
        monkeypatch.setenv(name, value)  # so that what the engine sets does not outlive the test
    for name, content in contents.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return fake
