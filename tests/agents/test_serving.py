"""Serving: what vLLM is started with, what is refused before it starts, and what its failures are called."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from vllm_stand_in import fake_vllm

from agents.engines import tensorfile
from agents.serving import failures, flags, models, process
from prompts.errors import EngineError, FabulaError, InputError, ModelMissing


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return fake_vllm(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder whose files are there, and hold nothing."""
    made = tmp_path / "model"
    made.mkdir()
    config = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3}
    more = {"intermediate_size": 96, "max_position_embeddings": 131072}
    (made / "config.json").write_text(json.dumps(config | more))
    (made / "model.safetensors").touch()
    (made / "tokenizer.json").touch()
    return made


def lora(path: Path, inner: int = 64, layer: int = 0, **config: object) -> Path:
    path.mkdir()
    about = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": "someone/model", **config}
    (path / "adapter_config.json").write_text(json.dumps(about))
    name = f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_A.weight"
    tensors = {name: tensorfile.bfloat16(np.zeros((4, inner), np.float32))}
    tensorfile.write(path / "adapter_model.safetensors", tensors, {"format": "pt"})
    return path


def plan(python: Path, base: models.Base, *adapters: models.Adapter, **more: object) -> flags.Plan:
    return flags.Plan(python=python, base=base, adapters=adapters, port=process.free_port(), **more)  # type: ignore[arg-type]


def after(command: list[str], flag: str) -> str:
    return command[command.index(flag) + 1]


def test_two_adapters_are_two_lora_modules_of_one_server(folder: Path, tmp_path: Path) -> None:
    base = models.base(str(folder))
    writes = models.adapter("generator", str(lora(tmp_path / "a, b=c")), base)
    sums_up = models.adapter("summarizer", str(lora(tmp_path / "s", r=24)), base)
    command = flags.command(plan(Path("py"), base, writes, sums_up, gpus=2, more=("--seed", "1")))
    at = command.index("--lora-modules")
    assert [json.loads(module)["path"] for module in command[at + 1 : at + 3]] == [
        str(tmp_path / "a, b=c"), str(tmp_path / "s"),
    ]  # fmt: skip
    assert [json.loads(module)["name"] for module in command[at + 1 : at + 3]] == ["generator", "summarizer"]
    assert after(command, "--max-lora-rank") == "32", "vLLM takes only some ranks; the next one up"
    assert after(command, "--max-loras") == "2"
    assert after(command, "--tensor-parallel-size") == "2"
    assert "--enforce-eager" not in command
    assert "--no-enable-chunked-prefill" not in command
    assert "--kv-cache-memory-bytes" not in command
    assert command[-2:] == ["--seed", "1"]


def test_a_server_without_adapters_has_no_lora(folder: Path) -> None:
    command = flags.command(plan(Path("py"), models.base(str(folder)), gpus=1))
    assert not [word for word in command if "lora" in word]
    assert "--enable-prefix-caching" in command
    assert json.loads(after(command, "--structured-outputs-config"))["backend"] == "guidance"
    assert after(command, "--shutdown-timeout") == "30"
    assert after(command, "--max-model-len") == "8192", "as long as prompts get, not all that the model could read"


def test_on_the_cpu_memory_is_bounded(folder: Path) -> None:
    base = models.base(str(folder))
    assert after(flags.command(plan(Path("py"), base)), "--kv-cache-memory-bytes") == str(256 << 20)
    assert after(flags.command(plan(Path("py"), base, cache_bytes=7)), "--kv-cache-memory-bytes") == "7"
    from_hub = flags.command(plan(Path("py"), models.base("someone/large")))
    assert after(from_hub, "--kv-cache-memory-bytes") == str(4 << 30)
    assert after(from_hub, "--max-model-len") == "-1"
    assert "--enforce-eager" in from_hub
    assert "--no-enable-chunked-prefill" in from_hub


def test_the_server_sees_no_key_and_reports_nothing(folder: Path) -> None:
    local, hub = (plan(Path("py"), models.base(base)) for base in (str(folder), "someone/large"))
    made = flags.environment(local, {"FABULA_API_KEY": "secret", "PATH": "/bin"})
    assert "secret" not in made.values()
    assert made["PATH"] == "/bin"
    assert made["VLLM_NO_USAGE_STATS"] == made["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in flags.environment(hub, {})


def test_the_bundled_model_is_laid_out_for_vllm_once() -> None:
    base = models.base()
    made = Path(base.path)
    assert base.name == "fabula-small"
    assert base.context == 512
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= {
        path.name for path in made.iterdir()
    }
    before = made.stat().st_mtime_ns
    assert models.base() == base
    assert made.stat().st_mtime_ns == before
    assert [path.name for path in made.parent.iterdir()] == [made.name], "nothing half-made is left"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "not readable JSON"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights"),
    ],
)
def test_a_folder_that_is_no_whole_model_is_refused(folder: Path, spoil: object, says: str) -> None:
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(ModelMissing, match=says):
        models.base(str(folder))


def test_a_base_that_is_not_there_or_is_an_adapter_is_refused(tmp_path: Path) -> None:
    for missing in (tmp_path / "nowhere", "nowhere", "./some/model"):
        with pytest.raises(ModelMissing, match="no such folder"):
            models.base(str(missing))
    with pytest.raises(ModelMissing, match="is an adapter; give it as --generator"):
        models.base(str(lora(tmp_path / "a")))


def test_an_adapter_of_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    base = models.base(str(folder))
    with pytest.raises(ModelMissing, match=r"made for someone/model \(its q_proj has 128 where the base has 64\)"):
        models.adapter("generator", str(lora(tmp_path / "wide", inner=128)), base)
    with pytest.raises(ModelMissing, match="a layer 4 and the base has 3"):
        models.adapter("generator", str(lora(tmp_path / "deep", layer=3)), base)


def test_what_is_no_lora_adapter_is_refused(folder: Path, tmp_path: Path) -> None:
    base = models.base(str(folder))
    with pytest.raises(InputError, match=r"is a whole model.*fabula serve --base"):
        models.adapter("generator", str(folder), base)
    with pytest.raises(ModelMissing, match="no such folder"):
        models.adapter("generator", "nowhere", base)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissing, match=r"no adapter_config\.json"):
        models.adapter("generator", str(tmp_path / "empty"), base)
    with pytest.raises(ModelMissing, match="of the kind IA3"):
        models.adapter("generator", str(lora(tmp_path / "ia3", peft_type="IA3")), base)
    with pytest.raises(ModelMissing, match="DoRA"):
        models.adapter("generator", str(lora(tmp_path / "dora", use_dora=True)), base)


def test_an_adapter_that_names_another_base_of_the_same_shape_is_told(folder: Path, tmp_path: Path) -> None:
    base = models.base(str(folder))
    other = models.adapter("generator", str(lora(tmp_path / "o", base_model_name_or_path="x/other")), base)
    same = models.adapter("generator", str(lora(tmp_path / "p", base_model_name_or_path="y/Model")), base)
    assert "made for x/other" in flags.notes(plan(Path("py"), base, other))[0]
    assert flags.notes(plan(Path("py"), base, same)) == []


def test_a_python_without_vllm_or_that_does_not_run_is_refused(python: Path, tmp_path: Path) -> None:
    assert process.find(python) == process.Vllm(python, "0.32.0", cpu=True)
    with pytest.raises(InputError, match="has no vLLM; install it"):
        process.find(Path(sys.executable))
    with pytest.raises(InputError, match="no Python that runs"):
        process.find(tmp_path / "nothing")


def test_a_server_comes_up_and_goes_with_its_workers(python: Path, folder: Path, tmp_path: Path) -> None:
    server = process.Server(plan(python, models.base(str(folder))), tmp_path / "log")
    server.ready(60)
    assert runs(server)
    server.stop()
    server.stop()
    assert not runs(server)
    assert server.process.returncode == -signal.SIGTERM


def test_a_taken_port_is_seen_before_the_start(python: Path, folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} of 127.0.0.1 is taken"):
            process.Server(flags.Plan(python, models.base(str(folder)), port=port), tmp_path / "log")
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("says ValueError: Available memory is less than requested memory for kv (9 GiB).", "not enough memory"),
        ("says torch.OutOfMemoryError: CUDA out of memory. Tried", "not enough memory"),
        ("says (Worker pid=1) ERROR 01-01 00:00:00 [a.py:1] ValueError: A moth\nValueError: echo", "ValueError: A moth"),
        ("says pydantic.ValidationError: 1 validation error for X\n  Value error, Odd", "Value error, Odd"),
        ("says Max: max_model_len (9) is greater than the derived max_model_len (max_x=5.0", "--max-len 9 is more than the 5"),
        ("says api_server.py: error: unrecognized arguments: --shutdown-timeout 30", "does not know --shutdown-timeout"),
        ("says RuntimeError: Failed to infer device type", "finds no GPU"),
        ("says OSError: a/b is not a local folder and is not a valid model identifier", "Hub has no such model"),
        ("says", "Loading"),
        ("hangs (EngineCore pid=1) ERROR 01-01 00:00:00 [c.py:1] EngineCore failed to start.\nValueError: A bee", "A bee"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_come_up_is_explained(
    python: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, says: str
) -> None:
    monkeypatch.setenv("FAKE", f"{said} ")
    error = failed(python, folder, tmp_path, 60)
    assert says in error
    assert error.endswith(f"log: {tmp_path / 'log'}")
    assert "\n" not in error


def test_a_server_that_takes_too_long_is_ended(
    python: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "hangs Compiling")
    assert "not ready after" in failed(python, folder, tmp_path, 2)


def test_a_server_that_dies_later_is_an_error(python: Path, folder: Path, tmp_path: Path) -> None:
    server = process.Server(plan(python, models.base(str(folder))), tmp_path / "log")
    server.ready(60)
    server.process.kill()
    with pytest.raises(EngineError, match="ended by itself"):
        server.wait()
    server.stop()
    assert not runs(server)


def test_a_log_of_nothing_still_makes_a_sentence(tmp_path: Path) -> None:
    assert "want of memory" in str(failures.failure(tmp_path / "none", -9))
    assert "(nothing)" in str(failures.failure(tmp_path / "none", 1))


def failed(python: Path, folder: Path, tmp_path: Path, seconds: float) -> str:
    """What the start failed with; no process of it is left."""
    server = process.Server(plan(python, models.base(str(folder))), tmp_path / "log")
    with pytest.raises(FabulaError) as caught:
        server.ready(seconds)
    assert not runs(server)
    return str(caught.value)


def runs(server: process.Server) -> bool:
    """Whether any process of the server's group is there."""
    try:
        os.killpg(server.process.pid, 0)
    except ProcessLookupError:
        return False
    return True
