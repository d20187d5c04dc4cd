"""``fabula serve``: what it prints, how it ends, and that each usual failure is one line and exit code 2."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from cli_runner import error_of, fabula, process, wait_for
from process_groups import alive, members
from vllm_stand_in import fake_vllm

from agents.serving.process import free_port


@pytest.fixture
def python(tmp_path: Path) -> Path:
    return fake_vllm(tmp_path)


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_what_to_put_into_the_settings_and_ends_when_told(python: Path, with_signal: int) -> None:
    port = free_port()
    with process("serve", "--port", port, FABULA_VLLM_PYTHON=str(python)) as started:
        assert started.stdout is not None
        lines = [started.stdout.readline() for _ in range(3)]
        assert lines == ['engine = "server"\n', f'server = "http://127.0.0.1:{port}/v1"\n', 'model = "fabula-small"\n']
        started.send_signal(with_signal)
        said = started.communicate(timeout=60)[1]
    assert started.returncode == 0
    assert said.endswith("Stopped.\n")
    assert f"vllm-{port}.log" in said
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 2)


def test_stopping_it_while_it_starts_ends_the_server(python: Path, tmp_path: Path) -> None:
    with process("serve", "--port", free_port(), "--python", python, FAKE="hangs Compiling") as started:
        assert started.stderr is not None
        assert started.stderr.readline().startswith("Serving ")
        started.send_signal(signal.SIGINT)
        assert "Stopped before the server was ready." in started.communicate(timeout=60)[1]
    assert started.returncode == 130


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc")
@pytest.mark.parametrize("fake", ["serves", "hangs Compiling"])
def test_a_killed_fabula_leaves_nothing_of_the_server(python: Path, fake: str) -> None:
    port = free_port()
    with process("serve", "--port", port, "--python", python, FAKE=fake) as started:
        wait_for(lambda: len(members(port)) == 2, started)
        group = members(port)
        started.kill()
        started.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while any(map(alive, group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in group if alive(pid)] == []


def test_usual_failures_are_one_line(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "has no vLLM" in error_of(fabula("serve", "--python", sys.executable))
    assert "no such folder" in error_of(fabula("serve", "--python", python, "--base", "nowhere"))
    assert "no such folder" in error_of(fabula("serve", "--python", python, "--generator", "nowhere"))
    assert "built for the CPU" in error_of(fabula("serve", "--python", python, "--gpus", 2))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} " in error_of(fabula("serve", "--python", python, "--port", port))


def test_a_server_that_dies_is_one_line_after_what_was_said(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "says ValueError: A moth sat in it.")
    result = fabula("serve", "--python", python, "--port", 0)
    assert result.exit_code == 2
    assert "error: vLLM ended while it started: ValueError: A moth sat in it. Its log: " in result.stderr
    assert "Traceback" not in result.output
