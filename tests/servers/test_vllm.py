"""``fabula serve`` with the real vLLM: the bundled model and two adapters are served, structured, and stopped whole."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cli_runner import process, wait_for
from process_groups import alive, members
from questions import PROMPT, SCHEMA
from vllm_served import Served, post

from agents.serving import process as serving

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


def test_the_model_and_both_adapters_are_served_by_name(vllm_server: Served) -> None:
    listed = post(vllm_server.plan.port, "/v1/models")["data"]
    assert [model["id"] for model in listed] == ["fabula-small", "generator", "summarizer"]
    assert [model["parent"] for model in listed] == [None, "fabula-small", "fabula-small"]


def test_each_role_writes_with_its_own_adapter(vllm_server: Served) -> None:
    texts = [greedy(vllm_server, model, 48) for model in vllm_server.plan.models]
    assert len(set(texts)) == 3, texts
    assert all(len(text.split()) > 5 for text in texts)


@pytest.mark.parametrize(("role", "another"), [("generator", "summarizer"), ("summarizer", "generator")])
def test_an_adapter_writes_what_peft_writes(
    role: str, another: str, vllm_server: Served, adapters: dict[str, Path]
) -> None:
    written = greedy(vllm_server, role, 24)
    mine, other = (shortfall_by_peft(vllm_server, adapters[name], written) for name in (role, another))
    # Two libraries add up in another order, so of two tokens that are as good as equal each may take its own.
    assert mine < 0.25
    assert mine < other


@pytest.mark.parametrize("model", ["fabula-small", "generator"])
def test_every_structured_output_validates(vllm_server: Served, model: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    more = {"n": 12, "seed": 1, "temperature": 1, "max_tokens": 300, "response_format": form}
    choices = vllm_server.complete(model, "<|text|>", **more)["choices"]
    assert len(choices) == 12
    for choice in choices:
        jsonschema.validate(json.loads(choice["text"]), SCHEMA)
    assert len({choice["text"] for choice in choices}) > 6


def test_many_long_prompts_with_seeds_at_once_are_all_answered(vllm_server: Served) -> None:
    """More tokens than one step of the server takes: on the CPU a seeded prompt in two parts would end it."""
    prompts = [PROMPT.replace("knocked.", f"knocked {number} times. " * 40) for number in range(16)]
    asked = {"n": 4, "seed": 1, "max_tokens": 4, "ignore_eos": True}
    choices = vllm_server.complete(vllm_server.base, prompts, **asked)["choices"]
    assert len(choices) == 64
    assert post(vllm_server.plan.port, "/v1/models")["data"]


def test_ctrl_c_lets_a_request_in_flight_finish(vllm_python: Path, tmp_path: Path) -> None:
    seconds, answers = stopped(vllm_python, signal.SIGINT, tokens=60, choices=1)
    assert seconds < 40
    assert [len(answer["choices"]) for answer in answers] == [1]


def test_sigterm_ends_it_although_a_request_would_go_on_for_minutes(vllm_python: Path) -> None:
    seconds, _ = stopped(vllm_python, signal.SIGTERM, tokens=490, choices=128)
    assert seconds < 40


def stopped(python: Path, with_signal: int, tokens: int, choices: int) -> tuple[float, list[dict[str, Any]]]:
    """Serve the bundled model, ask for something and send the signal meanwhile: seconds to the end, and what was answered.

    Asserts that no process of the server is left.
    """
    port = serving.free_port()
    answers: list[dict[str, Any]] = []
    asked = {"model": "fabula-small", "prompt": PROMPT, "max_tokens": tokens, "n": choices, "ignore_eos": True}

    def ask() -> None:
        try:
            answers.append(post(port, "/v1/completions", asked))
        except (OSError, AssertionError):
            return

    with process("serve", "--python", python, "--port", port) as started:
        try:
            assert started.stdout is not None
            lines = [started.stdout.readline() for _ in range(3)]  # they come when the server is ready
            assert f'server = "http://127.0.0.1:{port}/v1"\n' in lines, started.communicate()
            asking = threading.Thread(target=ask)
            asking.start()
            wait_for(lambda: running_requests(port) > 0, started)
            before, group = time.monotonic(), members(port)
            assert len(group) > 1, "the server's front process has an engine beside it"
            started.send_signal(with_signal)
            said = started.communicate(timeout=60)[1]
            seconds = time.monotonic() - before
            assert started.returncode == 0, said
            assert said.endswith("Stopped.\n")
            asking.join()
            assert [pid for pid in group if alive(pid)] == []
            return seconds, answers
        finally:
            for pid in members(port):
                os.kill(pid, signal.SIGKILL)


def running_requests(port: int) -> float:
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{"))


def greedy(served: Served, model: str, tokens: int) -> str:
    asked = {"temperature": 0, "max_tokens": tokens, "ignore_eos": True, "skip_special_tokens": False}
    return served.complete(model, PROMPT, **asked)["choices"][0]["text"]


def shortfall_by_peft(served: Served, adapter: Path, written: str) -> float:
    """By how much (logits, in the same bfloat16) peft likes another token better than one that was written, at most."""
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what these libraries deprecate in each other
        base = transformers.AutoModelForCausalLM.from_pretrained(served.plan.base.path, dtype=torch.bfloat16)
        model = peft.PeftModel.from_pretrained(base, adapter).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(served.plan.base.path)
        asked, whole = (tokenizer.encode(text) for text in (PROMPT, PROMPT + written))
        assert whole[: len(asked)] == asked
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([whole])).logits[0].float()
        steps = range(len(asked), len(whole))
        return max(float(logits[step - 1].max() - logits[step - 1, whole[step]]) for step in steps)
