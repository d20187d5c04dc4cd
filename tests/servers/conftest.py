"""The real vLLM that tests write with: the bundled model and an adapter for each of two roles, on one server."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from questions import PROMPT
from vllm_served import START_SECONDS, Served

from agents.serving import flags, models, process

VARIABLE = "FABULA_TEST_VLLM"


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The Python that has vLLM, from ``FABULA_TEST_VLLM``, which ``make test-servers`` sets; skips where it is not set."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"{VARIABLE} is not set: run make test-servers")
    return Path(os.environ[VARIABLE])


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory, vllm_python: Path) -> dict[str, Path]:
    """A LoRA adapter of the bundled model for the generator and one for the summarizer, rank 4.

    The generator's is drawn at random with peft; the summarizer's is trained for a few steps and exported, as a person
    would. Both are small: each changes what the model writes, and leaves it sense.
    """
    folder = tmp_path_factory.mktemp("adapters")
    made = {role: folder / role for role in ("generator", "summarizer")}
    with pytest.MonkeyPatch.context() as patch:
        _elsewhere(patch, folder)
        _draw_adapter(models.base().path, made["generator"], seed=0)
        _train_adapter(folder, made["summarizer"])
    return made


@pytest.fixture(scope="session")
def vllm_server(
    tmp_path_factory: pytest.TempPathFactory, vllm_python: Path, adapters: dict[str, Path]
) -> Iterator[Served]:
    """One server for the whole run, started by what ``fabula serve`` is made of: the bundled model as ``fabula-small``,
    the adapters as ``generator`` and ``summarizer``. It takes half a minute to start and 2 GB of memory.

    The prefix cache and the metrics are shared by all tests, so compare counters before and after, never their values.
    """
    folder = tmp_path_factory.mktemp("vllm")
    with pytest.MonkeyPatch.context() as patch:
        _elsewhere(patch, folder)
        base = models.base()
        plan = flags.Plan(
            python=process.find(vllm_python).python, base=base, port=process.free_port(),
            adapters=tuple(models.adapter(role, str(path), base) for role, path in adapters.items()),
        )  # fmt: skip
        server = process.Server(plan, folder / "vllm.log")
    try:
        server.ready(START_SECONDS)
        yield Served(plan.url, *plan.models, plan=plan, log=server.log)
    finally:
        server.stop(5)


def _elsewhere(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Session fixtures come before the one that gives each test a home of its own."""
    patch.setenv("HOME", str(folder))
    for kind in ("CACHE", "CONFIG", "STATE"):
        patch.setenv(f"XDG_{kind}_HOME", str(folder / kind.lower()))


def _draw_adapter(base: str, path: Path, seed: int) -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what these libraries deprecate in each other
        model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
        config = peft.LoraConfig(
            r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            adapted = peft.get_peft_model(model, config)
            for name, weight in adapted.named_parameters():
                if "lora_B" in name:  # peft begins with zeros, which change nothing
                    torch.nn.init.normal_(weight, std=0.03)
        adapted.save_pretrained(path)


def _train_adapter(folder: Path, path: Path) -> None:
    """What ``fabula train sft`` and ``fabula export`` make."""
    pytest.importorskip("trl")
    from finetune.data.folder import DataFolder
    from finetune.recipes.exporting import export_run
    from finetune.recipes.running import train
    from finetune.recipes.settings import Sft

    with DataFolder(folder / "rows", "sft", held=0.0) as data:
        for number, thing in enumerate("lamp key boat door coat ring map cup".split()):
            row = {"task": "generator", "group": str(number), "source": "made", "licence": "CC0-1.0"}
            data.add({**row, "prompt": PROMPT, "completion": f"At last she found the {thing} and took it home again."})
        data.finish()
    recipe = Sft(
        method="sft", data=folder / "rows", tuning="lora", lora={"rank": 4, "alpha": 8}, learning_rate=2e-3, steps=8,
        batch_size=4, max_length=512, log_every=8, evaluate_rows=0,
    )  # fmt: skip
    train(recipe, folder / "run", say=lambda text: None)
    export_run(folder / "run", "adapter", path)
